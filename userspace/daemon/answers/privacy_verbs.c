/* SPDX-License-Identifier: BSD-2-Clause */
/* Verbs about privacy: where addresses are stored, why, and for how long; and everything stored about one address (docs/privacy.md). */
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "addr.h"
#include "bans.h"
#include "erase.h"
#include "fleet_share.h"
#include "refusals_memory.h"
#include "json_text.h"
#include "lookup.h"
#include "settings_show.h"
#include "held_of.h"
#include "value.h"
#include "verbs.h"

/* Every place that stores an address. %s in `kept` is the time that the policy in force gives. Keep this in line with docs/privacy.md. */
static const struct {
	const char *place, *holds, *purpose, *kept;
} places[] = {
	{ "kernel: sources", "address cut to one source, service, counts", "limits per source",
	  "while it holds a connection; then %s, or until the interval of its rate is over" },
	{ "kernel: networks", "address cut to its network, service, counts; where a rule limits networks",
	  "limits per network", "while it holds a connection; then %s" },
	{ "kernel: rates", "address cut to one source or network, service, counts", "rate limits",
	  "until the interval is over, removed within a minute or so" },
	{ "kernel: shared rates", "no address; counts, by a keyed hash of the source",
	  "rate limits where rates is full", "until the interval is over, removed within a minute or so" },
	{ "kernel: handshakes", "both addresses and ports of a handshake",
	  "limits that hold in a burst, and when a handshake completes late",
	  "until established; 3.5s with a place of its own, 128s in all" },
	{ "kernel: halves", "both addresses and ports of a handshake with a container", "limits that hold in a burst",
	  "until established; at most 3.25s" },
	{ "kernel: insides", "both addresses and ports of a connection to a container or in a VRF",
	  "its segments are not taken for those of a handshake", "as long as the connection, removed within 30s" },
	{ "kernel: connections", "address cut to one source", "a close frees what the open took",
	  "as long as the connection; at most two audits (60s) longer where its end was missed" },
	{ "kernel: suspects", "address cut to one source, service",
	  "SYN cookies for sources that leave handshakes unanswered", "60s, removed within 30s" },
	{ "kernel: fragments", "both addresses of a fragmented datagram", "fragments that rewrite a first one",
	  "30s, removed within 30s" },
	{ "kernel: sketch", "no address; counts of SYNs, by a keyed hash of the source", "max-syn-rate-per-source",
	  "until another source with the same hash writes there" },
	{ "kernel: known", "no address; counts of sources, by a keyed hash",
	  "unknown sources are recognised without a search", "until the source is forgotten" },
	{ "kernel: refusals",
	  "address of a source that is full of connections, under a secret of the instance; service",
	  "its next SYNs are refused at the cost of one cache line", "until it gives back a connection" },
	{ "kernel: fleet_leases",
	  "no address; a keyed hash of source and service, counts; where limits hold over a fleet",
	  "what this host may hold of such a limit", "2s after it holds nothing" },
	{ "store of a fleet",
	  "no address; a keyed hash of source and service, host names, counts; where limits hold over a fleet",
	  "what all hosts hold of such a limit", "2s after the last host holds nothing; at most 180s" },
	{ "store of a fleet: bans",
	  "no address that it could read: bans, allows, erasures and live settings, sealed under the fleet's secret; when they were said, and when they end",
	  "they hold on all hosts",
	  "until the time of a ban is over; the end of one as long as that, or 30d; an erasure 24h" },
	{ "file: shared bans", "the same records, sealed; INSTANCE.fleet, for root only",
	  "records that no host has received are sent after a restart", "as there" },
	{ "daemon: shared bans",
	  "address or prefix, reason, owner, who set it, where and when; live settings of services and sets; where hosts share them",
	  "which host set what, and what it removed", "as there" },
	{ "kernel: fleet_changes", "address cut to one source, service; of each connection of such a limit",
	  "what has changed is told to the store", "256 KB, read at once" },
	{ "kernel: live bans and allows",
	  "address or prefix, reason, owner, who set it and when; how many packets a ban stopped",
	  "the operator's decision", "until its time is over or it is removed" },
	{ "kernel: events", "address of a refused packet", "sluicectl watch, refusals", "64 KB, read at once" },
	{ "kernel: classes and rules", "prefixes of the policy, its lists and databases, and of live limits",
	  "allow, deny and limits by source", "as long as the policy is in force" },
	{ "file: bans, allows and live settings",
	  "address or prefix, reason, owner, who set it and when; INSTANCE.state, for root only",
	  "they survive a reboot",
	  "until its time is over or it is removed; a file that is torn or cannot be read, set aside as .torn or .unread, until it is removed" },
	{ "file: remembered refusals",
	  "what the daemon's memory of refusals holds, and no more; INSTANCE.refusals, for root only",
	  "the memory survives a restart and a reboot",
	  "as there, at most %s, and a minute more; while no daemon runs until one does; a file that is torn or cannot be read, set aside as .torn or .unread, until it is removed" },
	{ "files: policy, lists and databases", "prefixes", "the operator's policy",
	  "of lists a copy, until the policy no longer names them" },
	{ "daemon: hash key", "no address; the key of `addresses = hashed`", "the same source looks the same",
	  "memory only; replaced and overwritten after %s" },
	{ "daemon: fleet", "address cut to one source or network, service, counts; where limits hold over a fleet",
	  "which counter a record of the store belongs to", "2s after it holds nothing" },
	{ "daemon: refusals",
	  "of an address what `addresses` says, at most its source; service, reason, first, last, count",
	  "why was that sender refused?", "65536 entries; at most %s" },
	{ "output: watch, refusals, and answers to the group", "addresses as the policy shows them", "operation",
	  "whoever reads keeps it" },
	{ "output: answers to root", "whole addresses (sources, bans, allows, lookup, explain, export)", "operation",
	  "whoever reads keeps it" },
	{ "output: log",
	  "who ordered what, and with log { refusals = summary } who was refused; addresses as the policy shows them",
	  "a trail of orders; operation", "as long as the host keeps its log" },
	{ "output: metrics, status page", "no address", "operation", "-" },
};

static json_t *place_json(const struct policy *p, size_t i)
{
	uint32_t seconds = strncmp(places[i].place, "kernel", 6) ? p->privacy_retention : policy_retention(p);
	const char *at = strstr(places[i].kept, "%s");
	char kept[256], time[16];

	snprintf(kept, sizeof(kept), "%.*s%s%s", at ? (int)(at - places[i].kept) : (int)sizeof(kept), places[i].kept,
		 at ? seconds_format(seconds, time) : "", at ? at + 2 : "");
	return json_pack("{s:s, s:s, s:s, s:s}", "place", places[i].place, "holds", places[i].holds, "purpose",
			 places[i].purpose, "kept", kept);
}

int verb_privacy(struct daemon *dm, const json_t *args, struct answer *a)
{
	static const char *const shown[] = { "truncated", "hashed", "full" };
	json_t *list = json_array();
	size_t i;

	(void)args;
	for (i = 0; i < sizeof(places) / sizeof(*places); i++)
		json_array_append_new(list, place_json(standing_live(dm->standing), i));
	a->data = json_pack("{s:s, s:o}", "addresses", shown[standing_live(dm->standing)->addresses], "places", list);
	return a->data ? 0 : -ENOMEM;
}

static json_t *counters_json(const struct daemon *dm, const struct subject *s)
{
	json_t *list = json_array();
	const struct held_of_counter *c;
	char name[SLUICE_NAME_LEN];

	for (c = s->counter; c < s->counter + s->counters; c++) {
		service_name_read(dm->engine, c->service, name);
		json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:I}", "service", name, "connections",
						      (json_int_t)c->connections, "reserved", (json_int_t)c->reserved,
						      "new", (json_int_t)c->events, "idle", (json_int_t)c->idle));
	}
	return list;
}

static json_t *allow_json(const struct daemon *dm, const struct sluice_addr *a)
{
	struct live_status live;
	char text[ADDR_TEXT_LEN];

	if (allow_find(dm->engine, a, &live))
		return json_null();
	return json_pack("{s:s, s:o, s:I, s:I, s:o}", "prefix", prefix_format(&live.prefix, text), "reason",
			 json_line(live.text), "by_uid", (json_int_t)live.uid, "since", (json_int_t)live.since,
			 "expires_in", live.expires_in ? json_integer(live.expires_in) : json_null());
}

static json_t *ban_json(const struct ban *b)
{
	char text[ADDR_TEXT_LEN];

	return json_pack("{s:s, s:o, s:I, s:s, s:b, s:I, s:o}", "prefix", prefix_format(&b->prefix, text), "reason",
			 json_line(b->text), "by_uid", (json_int_t)b->uid, "owner", b->owner, "observe", b->observe,
			 "since", (json_int_t)b->since, "expires_in",
			 b->expires_in ? json_integer(b->expires_in) : json_null());
}

/* Reads the bans of every owner, and of every prefix that holds the address, which is not a translated one. */
static int bans_holding(const struct daemon *dm, const struct sluice_addr *who, struct bans *out)
{
	const struct prefix about = { *who, 128 };
	const struct bans_wanted want = { .about = &about };

	return bans_read(dm->engine, &want, out);
}

static json_t *bans_json(const struct daemon *dm, const struct sluice_addr *who)
{
	json_t *list = json_array();
	struct bans all = {};
	size_t i;

	if (!bans_holding(dm, who, &all)) {
		for (i = 0; i < all.count; i++)
			json_array_append_new(list, ban_json(&all.item[i]));
	}
	free(all.item);
	return list;
}

static json_t *ban_leading_json(const struct daemon *dm, const struct sluice_addr *a)
{
	struct ban ban;

	return bans_find(dm->engine, a, true, &ban) ? json_null() : ban_json(&ban);
}

int verb_export(struct daemon *dm, const json_t *args, struct answer *a)
{
	json_t *policy = NULL;
	struct sluice_addr addr, who;
	struct subject s;
	char text[ADDR_TEXT_LEN], source[ADDR_TEXT_LEN];
	int err = address_arg(args, &addr, a);

	if (!err)
		err = held_of_read(dm->engine, &addr, &s);
	if (!err)
		err = lookup_json(dm->engine, standing_live(dm->standing), &addr, &policy);
	if (err)
		return err;
	who = engine_who(dm->engine, &addr, NULL);
	a->data = json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "address",
			    addr_format(&addr, text), "source", prefix_format(&s.source, source), "counters",
			    counters_json(dm, &s), "handshakes", (json_int_t)s.handshakes, "late_handshakes",
			    (json_int_t)s.late, "fragments", (json_int_t)s.fragments, "suspect_at",
			    (json_int_t)s.suspect, "ban", ban_leading_json(dm, &addr), "bans", bans_json(dm, &who),
			    "allow", allow_json(dm, &addr), "shared", fleet_said_json(dm, &who), "limits",
			    settings_json(dm, NULL, &who), "refusals", refusals_of(dm, &who), "policy", policy);
	return a->data ? 0 : -ENOMEM;
}

static size_t limits_count(const struct daemon *dm, const struct sluice_addr *who)
{
	json_t *list = settings_json(dm, NULL, who);
	size_t n = json_array_size(list);

	json_decref(list);
	return n;
}

void privacy_erase(struct daemon *dm, const struct sluice_addr *a)
{
	const struct sluice_addr who = engine_who(dm->engine, a, NULL);
	_cleanup_diag_ struct diag d = {};
	unsigned int freed = 0;
	int err = held_of_erase(dm->engine, a, &freed);

	freed += refusals_erase(dm, &who, &d);
	if (err)
		diag_add(&d, "erase, asked for at another host: %s", strerror(-err));
	log_say(LOG_NOTICE, "fleet: an address was erased, as another host was asked to: %u records", freed);
	log_diag(LOG_WARNING, &d);
}

static void bans_say(const struct daemon *dm, const struct sluice_addr *who, struct diag *d)
{
	char text[ADDR_TEXT_LEN];
	struct bans all = {};
	size_t i;

	if (bans_holding(dm, who, &all))
		all.count = 0;
	for (i = 0; i < all.count; i++) {
		prefix_format(&all.item[i].prefix, text);
		diag_add(d, "the ban of %s by %s stays, and names it: sluicectl unban %s --by %s", text,
			 all.item[i].owner, text, all.item[i].owner);
	}
	free(all.item);
}

/* Names the orders that cover the address: they are not erased. */
static void orders_say(struct daemon *dm, const struct sluice_addr *who, struct diag *d)
{
	struct live_status live;
	char text[ADDR_TEXT_LEN];

	bans_say(dm, who, d);
	if (!allow_find(dm->engine, who, &live)) {
		prefix_format(&live.prefix, text);
		diag_add(d, "the allow of %s stays, and names it: sluicectl disallow %s", text, text);
	}
	if (limits_count(dm, who))
		diag_add(d, "a live limit of it stays: `sluicectl limits` lists it, and unlimit removes it");
}

int verb_erase(struct daemon *dm, const json_t *args, struct answer *a)
{
	struct sluice_addr addr, who;
	unsigned int freed = 0;
	struct subject left;
	int err = address_arg(args, &addr, a);

	if (!err)
		err = held_of_erase(dm->engine, &addr, &freed);
	if (!err)
		err = held_of_read(dm->engine, &addr, &left);
	if (err)
		return err;
	who = engine_who(dm->engine, &addr, NULL);
	freed += refusals_erase(dm, &who, &a->diag);
	if (!fleet_say_erase(dm, &addr))
		diag_add(
			&a->diag,
			"the other hosts are not told of it: the fleet has no room for more orders: erase it on each of them, too");
	if (left.counters || left.handshakes)
		diag_add(&a->diag,
			 "a connection or handshake is open: its counter stays until that ends; then erase again");
	orders_say(dm, &who, &a->diag);
	if (left.late)
		diag_add(
			&a->diag,
			"a handshake of it that ran out is remembered until nothing can complete it, for 2 minutes at most");
	return asprintf(&a->text, "%u records erased, %zu left", freed, left.counters + left.handshakes + left.late) < 0
		       ? -ENOMEM
		       : 0;
}
