/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs ban, unban, bans and kill. An order names its addresses in words, or in a file that the client sends after the request. */
#include "bans.h"

#include <errno.h>
#include <string.h>

#include "fleet_share.h"
#include "json_text.h"
#include "orders.h"
#include "report.h"
#include "section.h"
#include "tables.h"
#include "verbs.h"

#define LATER 5000 /* an order with this many bans is written to disk only after the answer */

static int put_failed(int err, size_t over, struct answer *a)
{
	if (err == -ENOSPC)
		diag_add(
			&a->diag,
			"nothing done: the table holds %d bans, and there is no room for %zu of these: `sluicectl bans` lists "
			"them: unban some",
			SLUICE_MAX_LIVE, over);
	if (err == -E2BIG)
		diag_add(&a->diag, "nothing done: %d owners already ban the same prefix: unban some of theirs",
			 SLUICE_BAN_OWNERS);
	return err;
}

/* Shares them with all hosts of the fleet, unless the order says otherwise. `o` learns whether all of them hold here alone. */
static void order_share(struct daemon *dm, struct order *o, const struct ban *list, const json_t *args,
			struct answer *a)
{
	const bool forced = json_is_true(json_object_get(args, "force"));
	const size_t count = o->lines.count;
	size_t unsaid = 0;

	o->local = json_is_true(json_object_get(args, "local"));
	if (o->local)
		fleet_say_here(dm, FLEET_WORD_BAN, list, count);
	else
		unsaid = fleet_say(dm, FLEET_WORD_BAN, list, count, forced);
	if (!unsaid)
		return;
	diag_add(&a->diag, "%zu of %zu hold on this host alone: the fleet has no room for more shared bans", unsaid,
		 count);
	o->local = unsaid == count;
}

static int order_put(struct daemon *dm, struct order *o, const json_t *args, struct answer *a)
{
	_cleanup_free_ struct ban *list = calloc(o->lines.count + 1, sizeof(*list));
	struct ban one = { .since = time(NULL), .uid = a->uid };
	size_t i, over = 0;
	int err;

	if (!list)
		return -ENOMEM;
	one.observe = json_is_true(json_object_get(args, "observe"));
	memcpy(one.owner, o->owner, sizeof(one.owner));
	plain_copy(one.text, sizeof(one.text), arg(args, "reason"));
	for (i = 0; i < o->lines.count; i++) {
		list[i] = one;
		list[i].prefix = o->lines.item[i].prefix;
		list[i].expires_in = o->lines.item[i].seconds;
	}
	err = bans_put(dm->engine, list, o->lines.count, &over);
	if (o->lines.count > LATER)
		state_later(dm);
	if (!err)
		order_share(dm, o, list, args, a);
	return put_failed(err, over, a);
}

/* For one prefix: says when its ban ends, whoever gave it. For many: says how many there are. `reach`: on which hosts, see fleet_reach(). */
static int banned_text(struct daemon *dm, const struct order *o, bool observe, const struct met *met, const char *reach,
		       char **out)
{
	char owner[SLUICE_NAME_LEN + 8] = "", until[END_TEXT_LEN], what[160];
	struct bans all = {};
	int n;

	if (o->lines.count == 1 && !bans_of(dm->engine, &o->lines.item[0].prefix, &all) && all.count) {
		if (strcmp(all.item[0].owner, o->owner))
			snprintf(owner, sizeof(owner), " by %s", all.item[0].owner);
		snprintf(what, sizeof(what), "banned %s%s", end_text(all.item[0].ends, until), owner);
		observe = all.item[0].observe; /* somebody else's may refuse */
	} else {
		snprintf(what, sizeof(what), "%zu bans stand", o->lines.count);
		if (o->left_out)
			snprintf(what, sizeof(what), "%zu bans stand, %zu lines are left out", o->lines.count,
				 o->left_out);
	}
	free(all.item);
	n = asprintf(out, "%s%s%s, %s %zu source%s with %zu connection%s %snow", what, reach,
		     observe ? ", only counted" : "", observe ? "would cover" : "covers", met->sources,
		     met->sources == 1 ? "" : "s", met->connections, met->connections == 1 ? "" : "s",
		     *reach ? "here " : "");
	return n < 0 ? -ENOMEM : 0;
}

static int banned_say(struct daemon *dm, const struct order *o, const json_t *args, struct answer *a)
{
	const char *reach = fleet_reach(fleet_shares(dm), o->local);
	const struct kill what = { .from = &o->cover };
	struct live_status allowed;
	struct met met;
	int err = kill_count(dm, &what, &met);

	if (err)
		return err;
	a->data = json_pack("{s:I, s:I, s:s, s:{s:I, s:I}}", "bans", (json_int_t)o->lines.count, "left_out",
			    (json_int_t)o->left_out, "owner", o->owner, "covers", "sources", (json_int_t)met.sources,
			    "connections", (json_int_t)met.connections);
	if (o->lines.count == 1 && !allow_find(dm->engine, &o->lines.item[0].prefix.addr, &allowed) &&
	    prefix_covers(&allowed.prefix, &o->lines.item[0].prefix))
		diag_add(
			&a->diag,
			"a live allow lets them in, so the ban has no effect until then: `sluicectl allows`, disallow");
	err = banned_text(dm, o, json_is_true(json_object_get(args, "observe")), &met, reach, &a->text);
	return err || o->lines.count != 1 ? err : named_say(dm, &o->lines.item[0].prefix, o->translated, a);
}

static int banned_kill(struct daemon *dm, const struct order *o, struct answer *a)
{
	_cleanup_free_ char *banned = TAKE_PTR(a->text);
	const struct kill what = { .from = &o->cover };
	size_t ended = 0;
	int err = kill_run(dm, &what, &ended);

	if (err)
		diag_add(
			&a->diag,
			"the ban is in force, but ending connections failed after %zu: %s: their packets are refused all the same",
			ended, strerror(-err));
	return err ? err : asprintf(&a->text, "%s; %zu connections ended", banned, ended) < 0 ? -ENOMEM : 0;
}

int verb_ban(struct daemon *dm, const json_t *args, struct answer *a)
{
	bool kill = json_is_true(json_object_get(args, "kill"));
	bool observe = json_is_true(json_object_get(args, "observe"));
	__attribute__((cleanup(order_free))) struct order o = {};
	const struct kill what = { .from = &o.cover };
	int err = order_read(dm, &o, args, a);

	if (!err && kill && observe) {
		diag_add(&a->diag, "--observe only counts, --kill ends connections: use only one of them");
		err = bad(a);
	}
	if (!err && json_is_true(json_object_get(args, "dry_run")))
		return kill_list(dm, &what, a);
	if (!err)
		err = order_check(dm, &o, args, a);
	if (!err && kill)
		err = kill_check(a);
	if (!err)
		err = order_put(dm, &o, args, a);
	if (!err)
		reason_say(args, a);
	if (!err)
		err = banned_say(dm, &o, args, a);
	return err || !kill ? err : banned_kill(dm, &o, a);
}

/* A ban that exists, but not as it was asked for: says where it is. */
static int unban_missed(struct daemon *dm, const struct order *o, struct answer *a)
{
	const struct prefix *p = &o->lines.item[0].prefix;
	char text[ADDR_TEXT_LEN], wide[ADDR_TEXT_LEN], until[END_TEXT_LEN];
	struct bans all = {};
	struct ban around;
	int err = bans_of(dm->engine, p, &all);

	if (err)
		return err;
	prefix_format(p, text);
	if (all.count)
		diag_add(&a->diag, "%s is banned by %s%s, not by %s: use --by %s, or --all-owners", text,
			 all.item[0].owner, all.count > 1 ? " and others" : "", o->owner, all.item[0].owner);
	else if (!bans_around(dm->engine, p, &around))
		diag_add(&a->diag, "%s has no ban of its own: the ban of %s by %s %s covers it%s: unban that", text,
			 prefix_format(&around.prefix, wide), around.owner, end_text(around.ends, until),
			 around.observe ? ", and only counts" : "");
	else
		diag_add(&a->diag, "%s has no ban of its own: `sluicectl bans` lists them", text);
	free(all.item);
	return -ENOENT;
}

static const char *still(const struct ban *b)
{
	return b->observe ? "counted" : "banned";
}

/* Says what still bans it. */
static int unban_left(struct daemon *dm, const struct prefix *p, struct answer *a)
{
	char text[ADDR_TEXT_LEN], wide[ADDR_TEXT_LEN], until[END_TEXT_LEN];
	struct bans all = {};
	struct ban around;
	int err = bans_of(dm->engine, p, &all);

	prefix_format(p, text);
	if (!err && all.count)
		diag_add(&a->diag, "%s is still %s by %s %s: --all-owners ends that as well", text, still(&all.item[0]),
			 all.item[0].owner, end_text(all.item[0].ends, until));
	else if (!err && !bans_around(dm->engine, p, &around))
		diag_add(&a->diag, "%s is still %s: the ban of %s by %s %s covers it", text, still(&around),
			 prefix_format(&around.prefix, wide), around.owner, end_text(around.ends, until));
	free(all.item);
	return err;
}

/* Takes them back here, and on every host that has them from the same owner: a host may hold some of which this one has withheld. */
static int ban_list_take(struct daemon *dm, const struct prefix *list, size_t count, const char *owner, size_t *taken,
			 size_t *unsaid)
{
	int err = bans_take(dm->engine, list, count, owner, taken);

	return err ? err : fleet_unsay(dm, FLEET_WORD_BAN, list, count, owner, unsaid);
}

static int prefixes_take(struct daemon *dm, const struct order *o, const char *owner, size_t *taken, size_t *unsaid)
{
	_cleanup_free_ struct prefix *list = ban_lines_prefixes(&o->lines);

	if (!list)
		return -ENOMEM;
	if (o->lines.count > LATER)
		state_later(dm);
	return ban_list_take(dm, list, o->lines.count, owner, taken, unsaid);
}

static int unban_all(struct daemon *dm, const char *owner, struct answer *a)
{
	const struct bans_wanted want = { .owner = owner, .bare = true };
	_cleanup_free_ struct prefix *list = NULL;
	struct bans all = {};
	size_t taken = 0, unsaid, i;
	int err = bans_read(dm->engine, &want, &all);

	list = calloc(all.count + 1, sizeof(*list));
	if (!list)
		err = -ENOMEM;
	for (i = 0; i < all.count && !err; i++)
		list[i] = all.item[i].prefix;
	if (!err)
		err = ban_list_take(dm, list, all.count, owner, &taken, &unsaid);
	if (all.count > LATER)
		state_later(dm);
	free(all.item);
	return err ? err : asprintf(&a->text, "%zu bans ended", taken) < 0 ? -ENOMEM : 0;
}

int verb_unban(struct daemon *dm, const json_t *args, struct answer *a)
{
	bool everybody = json_is_true(json_object_get(args, "all_owners"));
	__attribute__((cleanup(order_free))) struct order o = {};
	size_t taken = 0, unsaid = 0;
	int err;

	if (json_is_true(json_object_get(args, "all"))) {
		err = owner_read(args, a, o.owner);
		return err ? err : unban_all(dm, everybody ? NULL : o.owner, a);
	}
	err = order_read(dm, &o, args, a);
	if (!err)
		err = prefixes_take(dm, &o, everybody ? NULL : o.owner, &taken, &unsaid);
	if (err)
		return err;
	if (o.file || o.lines.count > 1)
		return asprintf(&a->text, "%zu bans ended, from %zu lines", taken, o.lines.count) < 0 ? -ENOMEM : 0;
	if (!taken && !unsaid)
		return unban_missed(dm, &o, a);
	a->text = strdup(taken ? "unbanned" : "unbanned on the other hosts of the fleet: it did not hold here");
	return unban_left(dm, &o.lines.item[0].prefix, a);
}

static const char *origin_of(const void *dm, const struct ban *b)
{
	return fleet_origin(dm, b);
}

int verb_bans(struct daemon *dm, const json_t *args, struct answer *a)
{
	const struct ban_origins origins = { origin_of, dm };
	struct bans_wanted want = { .owner = *arg(args, "by") ? arg(args, "by") : NULL };
	struct prefix about;
	int err = *arg(args, "prefix") ? prefix_arg(args, "prefix", &about, a) : 0;

	if (err)
		return err;
	if (*arg(args, "prefix")) {
		engine_who_prefix(dm->engine, &about);
		want.about = &about;
	}
	return report_bans(dm->engine, eyes(dm, a), &want, fleet_shares(dm) ? &origins : NULL, &a->data);
}

int verb_kill(struct daemon *dm, const json_t *args, struct answer *a)
{
	const char *name = arg(args, "service");
	__attribute__((cleanup(order_free))) struct order o = {};
	struct kill what = { .from = &o.cover, .allowed_too = true };
	size_t ended = 0;
	int err = order_read(dm, &o, args, a);

	what.service = *name ? policy_service_find(standing_live(dm->standing), name) : NULL;
	if (!err && *name && !what.service) {
		section_missing(standing_live(dm->standing), SECTION_SERVICE, name, &a->diag);
		err = bad(a);
	}
	if (!err && json_is_true(json_object_get(args, "dry_run")))
		return kill_list(dm, &what, a);
	if (!err)
		err = order_check(dm, &o, args, a);
	if (!err)
		err = kill_check(a);
	if (err)
		return err;
	err = kill_run(dm, &what, &ended);
	if (err)
		diag_add(&a->diag, "ending connections failed after %zu: %s", ended, strerror(-err));
	return err ? err : asprintf(&a->text, "%zu connections ended", ended) < 0 ? -ENOMEM : 0;
}
