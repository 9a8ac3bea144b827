/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs allow, disallow and allows: sources that are never refused. */
#include <errno.h>
#include <string.h>

#include "banfile.h"
#include "fleet_share.h"
#include "list.h"
#include "orders.h"
#include "plain.h"
#include "report.h"
#include "tables.h"
#include "value.h"
#include "verbs.h"

/* Reads the prefixes that the order names, each with its time. The caller frees list->item. */
static int lines_read(const json_t *args, struct ban_lines *list, struct answer *a)
{
	const char *text = arg(args, "prefix"), *time = arg(args, "for"), *why = NULL;
	uint32_t seconds = 0;
	int err;

	if (*time && ban_time_parse(time, &seconds)) {
		diag_add(&a->diag, "--for: '%s' is not " TIME_IS ", 1d or never", time);
		return bad(a);
	}
	err = ban_text_parse(list, text, seconds, 0, &why);
	if (err == -EINVAL)
		diag_add(&a->diag, "'%s' %s", text, why);
	return err == -EINVAL ? bad(a) : err;
}

static int allow_one(struct daemon *dm, const struct ban_line *l, const json_t *args, const struct answer *a)
{
	struct ban said = { .prefix = l->prefix, .expires_in = l->seconds, .since = time(NULL), .uid = a->uid };
	int err = live_set(dm->engine, LIVE_ALLOW, &l->prefix, l->seconds, a->uid, arg(args, "reason"));

	plain_copy(said.text, sizeof(said.text), arg(args, "reason"));
	if (!err && json_is_true(json_object_get(args, "local")))
		fleet_say_here(dm, FLEET_WORD_ALLOW, &said, 1);
	else if (!err)
		fleet_say(dm, FLEET_WORD_ALLOW, &said, 1, true);
	return err;
}

int verb_allow(struct daemon *dm, const json_t *args, struct answer *a)
{
	const char *reach = fleet_reach(fleet_shares(dm), json_is_true(json_object_get(args, "local")));
	struct ban_lines list = {};
	int err = lines_read(args, &list, a);
	char until[END_TEXT_LEN];
	bool translated = named_inside(dm, &list);
	size_t i;

	for (i = 0; i < list.count && !err; i++)
		err = allow_one(dm, &list.item[i], args, a);
	if (err == -ENOSPC)
		diag_add(&a->diag, "the table already holds its %d entries: remove some", SLUICE_MAX_LIVE);
	if (!err)
		reason_say(args, a);
	if (!err && list.count == 1)
		err = named_say(dm, &list.item[0].prefix, translated, a);
	if (!err && list.count == 1 &&
	    asprintf(&a->text, "allowed %s%s", end_text(list.item[0].seconds, until), reach) < 0)
		err = -ENOMEM;
	free(list.item);
	return err;
}

int verb_disallow(struct daemon *dm, const json_t *args, struct answer *a)
{
	struct ban_lines list = {};
	int err = lines_read(args, &list, a);
	size_t i;

	named_inside(dm, &list);
	for (i = 0; i < list.count && !err; i++) {
		err = live_clear(dm->engine, LIVE_ALLOW, &list.item[i].prefix);
		if (!err)
			err = fleet_unsay(dm, FLEET_WORD_ALLOW, &list.item[i].prefix, 1, NULL);
	}
	if (err == -ENOENT)
		diag_add(&a->diag, "%s has no allow of its own: `sluicectl allows` lists them", arg(args, "prefix"));
	free(list.item);
	return err;
}

int verb_allows(struct daemon *dm, const json_t *args, struct answer *a)
{
	(void)args;
	return report_allows(dm->engine, eyes(dm, a), &a->data);
}
