/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads an order about addresses, and refuses what is most likely a mistake: see orders.h. */
#include "orders.h"

#include <errno.h>
#include <string.h>

#include "bans.h"
#include "list.h"
#include "own.h"
#include "private.h"
#include "tables.h"
#include "value.h"

#define MESSAGES 10

const char *end_text(uint64_t ends, char buf[static END_TEXT_LEN])
{
	char when[UTC_LEN];

	if (ends)
		snprintf(buf, END_TEXT_LEN, "until %s", utc_say(ends, when));
	else
		snprintf(buf, END_TEXT_LEN, "for good");
	return buf;
}

int owner_read(const json_t *args, struct answer *a, char owner[static SLUICE_NAME_LEN])
{
	const char *by = arg(args, "by");

	ban_owner_of(a->uid, owner);
	if (!*by)
		return 0;
	if (!ban_owner_is_good(by)) {
		diag_add(&a->diag, "--by %s: an owner's name has 1 to %d letters, digits and any of -_.:@/", by,
			 SLUICE_NAME_LEN - 1);
		return bad(a);
	}
	memcpy(owner, by, strlen(by) + 1);
	return 0;
}

static int lines_read(struct order *o, const json_t *args, uint32_t seconds, struct answer *a)
{
	const char *text = arg(args, "prefix"), *why = NULL;
	int err;

	if (!a->body) {
		err = ban_text_parse(&o->lines, text, seconds, 0, &why);
		if (err == -EINVAL)
			diag_add(&a->diag, "'%s' %s", text, why);
		return err == -EINVAL ? bad(a) : err;
	}
	o->file = *arg(args, "file") ? arg(args, "file") : "-";
	if (strlen(a->body) != a->body_len) {
		diag_at(&a->diag, &(struct place){ o->file },
			"the file is not text: write one address, prefix or range per line");
		return bad(a);
	}
	o->tolerant = json_is_true(json_object_get(args, "tolerant"));
	err = ban_file_parse(&o->lines, o->file, a->body, seconds, o->tolerant ? &o->left_out : NULL, &a->diag);
	if (err == -EINVAL)
		diag_add(&a->diag, "nothing done");
	return err == -EINVAL ? bad(a) : err;
}

static int cover_of(struct order *o)
{
	_cleanup_free_ struct prefix *list = ban_lines_prefixes(&o->lines);

	return list ? cover_make(&o->cover, list, o->lines.count) : -ENOMEM;
}

int order_read(const struct daemon *dm, struct order *o, const json_t *args, struct answer *a)
{
	const char *time = arg(args, "for");
	uint32_t seconds = 0;
	int err = owner_read(args, a, o->owner);

	if (!err && *time && ban_time_parse(time, &seconds)) {
		diag_add(&a->diag, "--for: '%s' is not " TIME_IS ", 1d or never", time);
		err = bad(a);
	}
	if (!err)
		err = lines_read(o, args, seconds, a);
	if (!err)
		o->translated = named_inside(dm, &o->lines);
	return err ? err : cover_of(o);
}

void order_free(struct order *o)
{
	free(o->lines.item);
	cover_free(&o->cover);
}

struct doubts {
	struct answer *answer;
	const char *file; /* as in struct order */
	unsigned int count;
};

#define DOUBTED UINT32_MAX /* in place of a line's number: the line has to be left out */

static void doubt(struct doubts *doubts, struct ban_line *l, const char *what, const char *about)
{
	const struct place at = { doubts->file, l->line };
	char text[ADDR_TEXT_LEN];

	if (l->line == DOUBTED)
		return;
	l->line = DOUBTED;
	if (doubts->count++ < MESSAGES)
		diag_at(&doubts->answer->diag, &at, "%s %s%s", prefix_format(&l->prefix, text), what, about);
}

static void widths_check(struct order *o, struct doubts *doubts)
{
	struct ban_line *l;

	for (l = o->lines.item; l < o->lines.item + o->lines.count; l++) {
		if (prefix_is_wide(&l->prefix))
			doubt(doubts, l, "is shorter than ",
			      addr_is_ipv4(&l->prefix.addr) && l->prefix.len >= SLUICE_IPV4_SHIFT ? "/8" : "/16");
	}
}

static void own_check(struct order *o, const struct own *own, struct doubts *doubts)
{
	const bool one = own->prefix.len == 128;
	char text[ADDR_TEXT_LEN], about[ADDR_TEXT_LEN + 64];
	struct ban_line *l;

	if (one && !cover_holds(&o->cover, &own->prefix.addr))
		return;
	snprintf(about, sizeof(about), "%s, %s", own->what, prefix_format(&own->prefix, text));
	for (l = o->lines.item; l < o->lines.item + o->lines.count; l++) {
		if (prefix_covers(&l->prefix, &own->prefix) || prefix_covers(&own->prefix, &l->prefix))
			doubt(doubts, l, "covers ", about);
	}
}

/* Removes lines in doubt from the order. */
static int doubted_leave_out(struct order *o)
{
	size_t kept = 0, i;

	for (i = 0; i < o->lines.count; i++) {
		if (o->lines.item[i].line != DOUBTED)
			o->lines.item[kept++] = o->lines.item[i];
	}
	o->left_out += o->lines.count - kept;
	o->lines.count = kept;
	cover_free(&o->cover);
	return cover_of(o);
}

int order_check(const struct daemon *dm, struct order *o, const json_t *args, struct answer *a)
{
	__attribute__((cleanup(owns_free))) struct owns owns = {};
	struct doubts doubts = { .answer = a, .file = o->file };
	size_t i;
	int err;

	if (json_is_true(json_object_get(args, "force")))
		return 0;
	widths_check(o, &doubts);
	err = owns_find(dm->engine, arg(args, "session"), &owns);
	for (i = 0; i < owns.count && !err; i++) {
		engine_who_prefix(dm->engine, &owns.item[i].prefix);
		own_check(o, &owns.item[i], &doubts);
	}
	if (err || !doubts.count)
		return err;
	if (o->tolerant)
		return doubted_leave_out(o);
	diag_add(&a->diag, "nothing done: use --force if you mean it");
	return bad(a);
}
