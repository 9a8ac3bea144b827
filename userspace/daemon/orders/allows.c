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

/* *unsaid grows by one if no other host is told of it. */
static int allow_one(struct daemon *dm, const struct ban_line *l, const json_t *args, const struct answer *a,
		     size_t *unsaid)
{
	struct ban said = { .prefix = l->prefix, .expires_in = l->seconds, .since = time(NULL), .uid = a->uid };
	int err = live_set(dm->engine, LIVE_ALLOW, &l->prefix, l->seconds, a->uid, arg(args, "reason"));

	plain_copy(said.text, sizeof(said.text), arg(args, "reason"));
	if (!err && json_is_true(json_object_get(args, "local")))
		fleet_say_here(dm, FLEET_WORD_ALLOW, &said, 1);
	else if (!err)
		*unsaid += fleet_say(dm, FLEET_WORD_ALLOW, &said, 1, true);
	return err;
}

int verb_allow(struct daemon *dm, const json_t *args, struct answer *a)
{
	struct ban_lines list = {};
	int err = lines_read(args, &list, a);
	char until[END_TEXT_LEN];
	bool translated = named_inside(dm, &list);
	const char *reach;
	uint32_t seconds = list.count == 1 ? list.item[0].seconds : 0;
	size_t unsaid = 0, i;

	for (i = 0; i < list.count && !err; i++)
		err = allow_one(dm, &list.item[i], args, a, &unsaid);
	reach = fleet_reach(fleet_shares(dm), unsaid || json_is_true(json_object_get(args, "local")));
	if (err == -ENOSPC)
		diag_add(&a->diag, "the table already holds its %d entries: remove some", SLUICE_MAX_LIVE);
	if (unsaid)
		diag_add(&a->diag, "%zu of %zu hold on this host alone: the fleet has no room for more shared allows",
			 unsaid, list.count);
	if (!err)
		reason_say(args, a);
	if (!err && list.count == 1)
		err = named_say(dm, &list.item[0].prefix, translated, a);
	if (!err && list.count == 1 &&
	    asprintf(&a->text, "allowed %s%s", end_text(seconds ? time(NULL) + seconds : 0, until), reach) < 0)
		err = -ENOMEM;
	free(list.item);
	return err;
}

/* One that holds only on other hosts is taken back there. */
static int disallow_one(struct daemon *dm, const struct prefix *p)
{
	int err = live_clear(dm->engine, LIVE_ALLOW, p), failed;
	size_t unsaid;

	if (err && err != -ENOENT)
		return err;
	failed = fleet_unsay(dm, FLEET_WORD_ALLOW, p, 1, NULL, &unsaid);
	return failed ? failed : unsaid ? 0 : err;
}

int verb_disallow(struct daemon *dm, const json_t *args, struct answer *a)
{
	struct ban_lines list = {};
	int err = lines_read(args, &list, a);
	size_t i;

	named_inside(dm, &list);
	for (i = 0; i < list.count && !err; i++)
		err = disallow_one(dm, &list.item[i].prefix);
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
