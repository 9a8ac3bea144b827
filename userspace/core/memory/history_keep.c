/* SPDX-License-Identifier: BSD-2-Clause */
/* The history as lines of text and back: see history_keep.h. Owns nothing. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "history_keep.h"
#include "seal.h"

#define HEAD "sluice-history"
#define NUMBERS (2 + HISTORY_GROUPS) /* numbers of a row */

struct writing {
	const struct history *history;
	uint64_t saved;
};

static void known_write(const struct history *h, FILE *out)
{
	unsigned int ago, count;

	for (ago = 0; ago < HISTORY_MINUTES && ago <= h->minute; ago += count) {
		for (count = 0; ago + count < HISTORY_MINUTES && ago + count <= h->minute &&
				h->known[(h->minute - ago - count) % HISTORY_MINUTES];
		     count++)
			;
		if (count)
			fprintf(out, "known %u %u\n", ago, count);
		count += !count;
	}
}

static void row_write(unsigned int ago, const struct history_row *r, FILE *out)
{
	static const struct history_row none;
	int g;

	if (!memcmp(r, &none, sizeof(none)))
		return;
	fprintf(out, "row %u %u %u %u %u", ago, r->connections, r->peak, r->admitted, r->observed);
	for (g = 0; g < HISTORY_GROUPS; g++)
		fprintf(out, " %u", r->refused[g]);
	fputc('\n', out);
}

static void line_write(const struct history *h, const struct history_line *l, FILE *out)
{
	uint64_t since = h->minute - l->last;
	unsigned int ago;
	int g;

	fprintf(out, "line %s %" PRIu64 " %" PRIu64 " %" PRIu64, *l->name ? l->name : "-",
		since < HISTORY_MINUTES ? since : HISTORY_MINUTES, l->counts.admitted, l->counts.observed);
	for (g = 0; g < HISTORY_GROUPS; g++)
		fprintf(out, " %" PRIu64, l->counts.refused[g]);
	fputc('\n', out);
	for (ago = 0; ago < HISTORY_MINUTES && ago <= h->minute; ago++)
		row_write(ago, &l->row[(h->minute - ago) % HISTORY_MINUTES], out);
}

static void lines_write(const void *what, FILE *out)
{
	const struct writing *w = what;
	size_t i;

	fprintf(out, HEAD " %d %" PRIu64 "\n", HISTORY_VERSION, w->saved);
	known_write(w->history, out);
	for (i = 0; i < w->history->lines; i++)
		line_write(w->history, &w->history->line[i], out);
}

int history_write(const struct history *h, uint64_t saved, char **out)
{
	const struct writing w = { h, saved };

	return seal_write(lines_write, &w, out);
}

/* Reads this many numbers, and nothing after them. */
static int numbers_parse(const char *text, uint64_t *number, size_t count)
{
	size_t i;
	int n = 0;

	for (i = 0; i < count; i++, text += n) {
		if (*text != ' ' || sscanf(text, " %" SCNu64 "%n", &number[i], &n) != 1)
			return -EINVAL;
	}
	return *text ? -EINVAL : 0;
}

static int known_parse(struct history *h, const char *line)
{
	uint64_t number[2], i;

	if (numbers_parse(line + 5, number, 2) || number[0] >= HISTORY_MINUTES ||
	    number[1] > HISTORY_MINUTES - number[0])
		return -EINVAL;
	for (i = number[0]; i < number[0] + number[1]; i++)
		h->known[(h->minute - i) % HISTORY_MINUTES] = true;
	return 0;
}

/* The same name twice, or too many lines: no build of ours wrote that. */
static int line_parse(struct history *h, const char *line, struct history_line **at)
{
	char name[SLUICE_NAME_LEN];
	uint64_t number[1 + NUMBERS];
	struct history_line *l;
	int n = 0, g;

	if (sscanf(line, "line %31s%n", name, &n) != 1 || numbers_parse(line + n, number, 1 + NUMBERS) ||
	    number[0] > HISTORY_MINUTES || h->lines == HISTORY_LINES)
		return -EINVAL;
	if (!strcmp(name, "-"))
		*name = 0;
	if (history_find(h, name))
		return -EINVAL;
	l = *at = history_line(h, name);
	if (!l)
		return -ENOMEM;
	l->counted = true;
	l->last = h->minute - number[0];
	l->counts.admitted = number[1];
	l->counts.observed = number[2];
	for (g = 0; g < HISTORY_GROUPS; g++)
		l->counts.refused[g] = number[3 + g];
	return 0;
}

static int row_parse(struct history *h, const char *line, const struct history_line *at)
{
	uint64_t number[3 + NUMBERS];
	struct history_row *row;
	size_t i;

	if (!at || numbers_parse(line + 3, number, 3 + NUMBERS) || number[0] >= HISTORY_MINUTES)
		return -EINVAL;
	for (i = 1; i < 3 + NUMBERS; i++) {
		if (number[i] > UINT32_MAX)
			return -EINVAL;
	}
	row = &at->row[(h->minute - number[0]) % HISTORY_MINUTES];
	*row = (struct history_row){ number[1], number[2], number[3], number[4], {} };
	for (i = 0; i < HISTORY_GROUPS; i++)
		row->refused[i] = number[5 + i];
	return 0;
}

static int lines_parse(struct history *h, char *lines, uint64_t *saved, const char **why)
{
	char *line = strsep(&lines, "\n");
	struct history_line *at = NULL;
	unsigned int version = 0;
	int err = 0;

	*why = "it does not begin as a history";
	if (sscanf(line, HEAD " %u %" SCNu64, &version, saved) != 2 || *saved > SEAL_LATEST)
		return -EINVAL;
	*why = "it was written by another version of sluice";
	if (version != HISTORY_VERSION)
		return -EINVAL;
	*why = "a line of it makes no sense";
	h->minute = *saved / 60;
	if (h->minute < HISTORY_MINUTES)
		return -EINVAL;
	while (!err && (line = strsep(&lines, "\n")) && *line) {
		if (!strncmp(line, "known ", 6))
			err = known_parse(h, line);
		else if (!strncmp(line, "line ", 5))
			err = line_parse(h, line, &at);
		else
			err = strncmp(line, "row ", 4) ? -EINVAL : row_parse(h, line, at);
	}
	return err;
}

int history_parse(const char *text, struct history *h, uint64_t *saved, const char **why)
{
	_cleanup_free_ char *lines = NULL;
	int err = seal_open(text, &lines, why);

	return err ? err : lines_parse(h, lines, saved, why);
}
