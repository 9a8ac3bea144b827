/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes and reads the file of live orders: see state.h, which has its format. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "seal.h"
#include "state.h"

#define HEAD "sluice-state"

void state_free(struct state *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < s->settings.count; i++)
		free(s->settings.item[i].value);
	free(s->settings.item);
	free(s->lives.item);
	free(s);
}
DEFINE_CLEANUP(struct state *, state_free);

int64_t state_left(const struct state *s, uint64_t until, uint64_t now)
{
	if (!until)
		return 0;
	if (now < s->saved)
		now = s->saved;
	return until > now ? (int64_t)(until - now) : -1;
}

static void text_write(const char *text, FILE *out)
{
	for (; *text; text++)
		fputc((unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text, out);
	fputc('\n', out);
}

static void live_write(const struct state_live *live, FILE *out)
{
	char prefix[ADDR_TEXT_LEN];

	fprintf(out, "%s %s %" PRIu64 " %" PRIu64 " %u ", live->ban ? "ban" : "allow",
		prefix_format(&live->prefix, prefix), live->until, live->since, live->uid);
	if (live->ban && *live->owner)
		fprintf(out, "%s %s ", live->owner, live->observe ? "observe" : "refuse");
	else if (live->ban)
		fprintf(out, "uid:%u %s ", live->uid, live->observe ? "observe" : "refuse");
	text_write(live->text, out);
}

static void scope_write(const struct scope *s, FILE *out)
{
	char prefix[ADDR_TEXT_LEN];

	if (s->is_sender)
		fprintf(out, "limit %s", prefix_format(&s->sender, prefix));
	else
		fputs(s->section == SECTION_SET ? "source-set" : "set", out);
	fprintf(out, " %s", *s->title ? s->title : "-");
}

static void setting_write_line(const struct state_setting *set, FILE *out)
{
	scope_write(&set->scope, out);
	fprintf(out, " %s %" PRIu64 " %" PRIu64 " %u ", set->key, set->until, set->since, set->uid);
	text_write(set->value, out);
}

static void lines_write(const void *what, FILE *out)
{
	const struct state *s = what;
	size_t i;

	fprintf(out, HEAD " %d %" PRIu64 "\n", SLUICE_STATE_VERSION, s->saved);
	for (i = 0; i < s->lives.count; i++)
		live_write(&s->lives.item[i], out);
	for (i = 0; i < s->settings.count; i++)
		setting_write_line(&s->settings.item[i], out);
}

int state_write(const struct state *s, char **out)
{
	return seal_write(lines_write, s, out);
}

/* Reads what only a ban has, from version 2 on. Returns how many bytes that takes, or -EINVAL. */
static int owner_parse(const char *text, struct state_live *live)
{
	char how[8];
	int n = 0;

	if (sscanf(text, "%31s %7s%n", live->owner, how, &n) != 2 || text[n] != ' ')
		return -EINVAL;
	live->observe = !strcmp(how, "observe");
	return live->observe || !strcmp(how, "refuse") ? n + 1 : -EINVAL;
}

static int live_parse(struct state *s, bool ban, const char *line)
{
	struct state_live live = { .ban = ban }, *more;
	char prefix[ADDR_TEXT_LEN];
	int n = 0, owner = 0;
	const char *why;

	if (sscanf(line, "%*s %63s %" SCNu64 " %" SCNu64 " %" SCNu32 "%n", prefix, &live.until, &live.since, &live.uid,
		   &n) != 4 ||
	    line[n] != ' ' || prefix_parse(prefix, &live.prefix, &why))
		return -EINVAL;
	if (ban && s->version > 1)
		owner = owner_parse(line + n + 1, &live);
	else if (ban)
		snprintf(live.owner, sizeof(live.owner), "uid:%u", live.uid);
	if (owner < 0)
		return owner;
	snprintf(live.text, sizeof(live.text), "%s", line + n + 1 + owner);
	more = LIST_ADD(&s->lives);
	if (!more)
		return -ENOMEM;
	*more = live;
	return 0;
}

/* Reads the words before the key. Returns how many bytes they take, or -EINVAL. */
static int scope_parse(const char *line, struct scope *out)
{
	char word[16], prefix[ADDR_TEXT_LEN] = "";
	const char *why;
	int n = 0;

	*out = (struct scope){ .is_sender = !strncmp(line, "limit ", 6) };
	if (out->is_sender)
		sscanf(line, "%15s %63s %31s%n", word, prefix, out->title, &n);
	else
		sscanf(line, "%15s %31s%n", word, out->title, &n);
	if (!n || line[n] != ' ' || (out->is_sender && prefix_parse(prefix, &out->sender, &why)))
		return -EINVAL;
	out->section = strcmp(word, "source-set") ? SECTION_SERVICE : SECTION_SET;
	if (!strcmp(out->title, "-"))
		*out->title = 0;
	if (!*out->title && !out->is_sender)
		out->section = SECTION_TOP;
	return n;
}

static int setting_parse(struct state *s, const char *line)
{
	struct state_setting set = {}, *more;
	int n = 0, before = scope_parse(line, &set.scope);

	if (before < 0)
		return before;
	line += before;
	if (sscanf(line, " %63s %" SCNu64 " %" SCNu64 " %" SCNu32 "%n", set.key, &set.until, &set.since, &set.uid,
		   &n) != 4 ||
	    line[n] != ' ')
		return -EINVAL;
	more = LIST_ADD(&s->settings);
	if (!more)
		return -ENOMEM;
	*more = set;
	more->value = strdup(line + n + 1);
	return more->value ? 0 : -ENOMEM;
}

static int line_parse(struct state *s, const char *line)
{
	static const char *const settings[] = { "set ", "source-set ", "limit " };
	size_t i;

	if (!strncmp(line, "ban ", 4))
		return live_parse(s, true, line);
	if (!strncmp(line, "allow ", 6))
		return live_parse(s, false, line);
	for (i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		if (!strncmp(line, settings[i], strlen(settings[i])))
			return setting_parse(s, line);
	}
	return -EINVAL;
}

static int lines_parse(struct state *s, char *text, const char **why)
{
	char *line, *next = text;
	int err;

	line = strsep(&next, "\n");
	if (sscanf(line, HEAD " %u %" SCNu64, &s->version, &s->saved) != 2) {
		*why = "it does not begin as a state file";
		return -EINVAL;
	}
	if (!s->version || s->version > SLUICE_STATE_VERSION) {
		*why = "it was written by another version of sluice";
		return -EINVAL;
	}
	while ((line = strsep(&next, "\n")) && *line) {
		err = line_parse(s, line);
		*why = "a line of it makes no sense";
		if (err)
			return err;
	}
	return 0;
}

int state_parse(const char *text, struct state **out, const char **why)
{
	_cleanup_(state_free) struct state *s = calloc(1, sizeof(*s));
	_cleanup_free_ char *copy = NULL;
	int err = s ? seal_open(text, &copy, why) : -ENOMEM;

	if (!err)
		err = lines_parse(s, copy, why);
	if (err)
		return err;
	*out = TAKE_PTR(s);
	return 0;
}
