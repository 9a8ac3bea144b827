/* SPDX-License-Identifier: BSD-2-Clause */
/* Decides once whether this run has colour, and knows the colours: see paint.h. It owns that decision. */
#include "paint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool on;

/* https://no-color.org: the variable counts whatever its value is, unless it is empty. */
static bool terminal_has_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
}

bool paint_choose(const char *when, bool json)
{
	if (!when || !strcmp(when, "auto"))
		on = !json && terminal_has_colour();
	else if (!strcmp(when, "always"))
		on = !json;
	else if (!strcmp(when, "never"))
		on = false;
	else
		return false;
	return true;
}

bool paint_is_on(void)
{
	return on;
}

struct paint paint_tone(enum tone tone)
{
	static const char *const codes[] = { "", "\033[32m", "\033[33m", "\033[31m" };

	return on && tone != TONE_PLAIN ? (struct paint){ codes[tone], "\033[0m" } : (struct paint){ "", "" };
}

struct paint paint_word(const char *word)
{
	static const struct {
		const char *word;
		enum tone tone;
	} words[] = {
		{ "pass", TONE_GOOD },	     { "good", TONE_GOOD },	{ "running", TONE_GOOD },
		{ "enforce", TONE_GOOD },    { "native", TONE_GOOD },	{ "warning", TONE_NEAR },
		{ "observe", TONE_NEAR },    { "generic", TONE_NEAR },	{ "cookie", TONE_NEAR },
		{ "observed", TONE_NEAR },   { "starting", TONE_NEAR }, { "drop", TONE_BAD },
		{ "reset", TONE_BAD },	     { "bad", TONE_BAD },	{ "detached", TONE_BAD },
		{ "not running", TONE_BAD },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!strcmp(words[i].word, word))
			return paint_tone(words[i].tone);
	}
	return paint_tone(TONE_PLAIN);
}

enum tone tone_of_share(long long n, long long limit)
{
	if (!limit || n * 5 < limit * 4)
		return TONE_PLAIN;
	return n < limit ? TONE_NEAR : TONE_BAD;
}
