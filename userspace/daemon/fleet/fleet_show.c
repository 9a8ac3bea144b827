/* SPDX-License-Identifier: BSD-2-Clause */
/* What people and monitoring are told of this host's part in a fleet: see fleet_host.h. Changes nothing. */
#include "fleet_inside.h"
#include "json_text.h"
#include "redact.h"
#include "tables.h"

static const char *const partitions[] = { "local", "share", "closed" };

DEFINE_CLEANUP(struct snapshot *, snapshot_free);

/* All commands that sluice-fleet uses, itself and in its scripts. */
static const char rights_of_words[] = " +zrem";
static const char rights[] =
	"+auth +ping +info +subscribe +publish +script|load +evalsha +time +hmget +hgetall "
	"+hset +hdel +expire +get +set +zadd +zcard +zcount +zscore +zrangebyscore +zremrangebyscore";

static uint64_t over_of(const struct fleet_run *r, uint32_t limit)
{
	return r->known_hosts < 2 ? 0 : (r->known_hosts - 1) * (uint64_t)fleet_implicit(limit, r->known_hosts, false);
}

uint64_t fleet_over(const struct daemon *dm, const struct sluice_service *s)
{
	uint64_t over = 0;
	const uint32_t limits[] = { s->source.connections, s->network.connections, s->total.connections };
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(*limits) && dm->fleet && s->fleet && !s->exact; i++)
		over = over_of(dm->fleet, limits[i]) > over ? over_of(dm->fleet, limits[i]) : over;
	return over;
}

static const char *state_of(const struct fleet_run *r)
{
	if (!r->tables)
		return "off";
	if (fleet_in_touch(r))
		return "in touch";
	return r->told.connected ? "joining" : "out of touch";
}

static json_t *services_json(const struct daemon *dm)
{
	_cleanup_(snapshot_free) struct snapshot *s = NULL;
	json_t *list = json_array();
	size_t i;

	if (snapshot_services(dm->engine, &s))
		return list;
	for (i = 0; i < s->services_count; i++) {
		const struct sluice_service *row = &s->services[i].row;

		if (row->fleet)
			json_array_append_new(list,
					      json_pack("{s:s, s:b, s:I}", "name", row->name, "exact", row->exact != 0,
							"over", (json_int_t)fleet_over(dm, row)));
	}
	return list;
}

static uint64_t staleness(const struct fleet_run *r)
{
	return r->heard_ms ? fleet_clock_ms() - r->heard_ms : 0;
}

uint64_t fleet_differing(const struct daemon *dm)
{
	uint64_t hosts = 0;
	json_t *one;
	size_t i;

	json_array_foreach(dm->fleet ? dm->fleet->hosts : NULL, i, one) hosts +=
		json_array_size(json_object_get(one, "differs")) > 0;
	return hosts;
}

/* What the server reports about itself; null if it was never connected. */
static json_t *store_json(const struct fleet_run *r)
{
	if (!*r->told.version)
		return json_null();
	return json_pack("{s:b, s:b, s:b, s:I, s:I, s:I}", "evicts", (r->told.flags & FLEET_EVICTS) != 0, "appends",
			 (r->told.flags & FLEET_APPENDS) != 0, "snapshots", (r->told.flags & FLEET_SNAPSHOTS) != 0,
			 "memory", (json_int_t)r->told.memory, "memory_most", (json_int_t)r->told.memory_most,
			 "clock_ms", (json_int_t)r->told.clock_ms);
}

static json_t *members_json(const struct fleet_run *r)
{
	return r->hosts ? json_incref(r->hosts) : json_array();
}

json_t *fleet_page_json(const struct daemon *dm)
{
	const struct fleet_run *r = dm->fleet;
	json_t *all;

	if (!r)
		return json_null();
	all = json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o}", "state", state_of(r), "name", r->name, "on_partition",
			partitions[r->partition], "hosts", (json_int_t)r->known_hosts, "staleness_ms",
			r->heard_ms ? json_integer(staleness(r)) : json_null(), "members", members_json(r), "services",
			services_json(dm));
	json_object_set_new(all, "error", redact_finds(r->error) ? json_null() : json_line(r->error));
	return all;
}

/* NULL if each host's bans are its own. */
static json_t *shared_json(const struct fleet_run *r)
{
	const struct fleet_shared *s = &r->shared;
	const struct shared *one;
	json_int_t untold = 0;

	if (!s->bans)
		return NULL;
	for (one = TAILQ_FIRST(&s->queue); one; one = TAILQ_NEXT(one, queue))
		untold++;
	return json_pack("{s:I, s:I, s:I, s:o, s:I, s:I}", "shared", (json_int_t)shared_standing(s), "untold", untold,
			 "arrived", (json_int_t)s->arrived, "arrived_at", json_time(s->arrived_at), "refused",
			 (json_int_t)s->refused, "withheld", (json_int_t)s->withheld);
}

static json_t *unfit_json(const struct daemon *dm, const struct shared *one)
{
	const struct fleet_word *w = &one->word;
	_cleanup_free_ char *value = redact_text(dm->privacy, w->setting.value);
	_cleanup_free_ char *why = redact_text(dm->privacy, one->why);

	return json_pack("{s:s, s:o, s:s, s:o, s:s, s:o}", "section", w->of_set ? "source-set" : "service", "name",
			 json_line(w->setting.title), "key", w->setting.key, "value", json_line(value ?: ""), "host",
			 w->host, "why", json_line(why ?: ""));
}

/* NULL: each host's live settings are its own. */
static json_t *settings_shared_json(const struct daemon *dm)
{
	const struct fleet_shared *s = &dm->fleet->shared;
	json_t *list = json_array();
	const struct shared *one;

	if (!s->settings) {
		json_decref(list);
		return NULL;
	}
	for (one = LIST_FIRST(&s->all); one; one = LIST_NEXT(one, all)) {
		if (one->word.kind == FLEET_WORD_SETTING && one->why && shared_stands(&one->word, time(NULL)))
			json_array_append_new(list, unfit_json(dm, one));
	}
	return json_pack("{s:I, s:o}", "shared", (json_int_t)shared_settings(s), "unfit", list);
}

json_t *fleet_json(const struct daemon *dm)
{
	const struct fleet_run *r = dm->fleet;

	if (!r)
		return NULL;
	return json_pack(
		"{s:s, s:s, s:s, s:o, s:o, s:I, s:o, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:o, s:o, s:o, s:o, s:o*, s:o*}",
		"state", state_of(r), "name", r->name, "space", r->space, "server", json_line(r->told.server),
		"version", json_line(r->told.version), "hosts", (json_int_t)r->known_hosts, "staleness_ms",
		r->heard_ms ? json_integer(staleness(r)) : json_null(), "max_staleness_ms", (json_int_t)r->staleness_ms,
		"on_partition", partitions[r->partition], "round_trip_us", (json_int_t)r->told.rtt_us, "keys",
		(json_int_t)r->keys.count, "records", (json_int_t)r->keys.recorded, "exchanges",
		(json_int_t)r->exchanges, "refused_messages", (json_int_t)r->refused_messages, "changes_lost",
		(json_int_t)(r->tables ? fleet_tables_lost(r->tables) : 0), "evicts",
		(r->told.flags & FLEET_EVICTS) != 0, "error", json_line(r->error), "members", members_json(r),
		"services", services_json(dm), "store", store_json(r), "bans", shared_json(r), "settings",
		settings_shared_json(dm));
}

char *fleet_acl(const struct daemon *dm)
{
	const struct fleet_run *r = dm->fleet;
	char *text = NULL;

	if (!r || !*r->space)
		return NULL;
	if (asprintf(&text, "user %s on >PASSWORD resetkeys resetchannels ~sluice:{%s}:* &sluice:{%s}:* -@all %s%s",
		     *r->user ? r->user : "sluice", r->space, r->space, rights,
		     shared_on(&r->shared) ? rights_of_words : "") < 0)
		return NULL;
	return text;
}

void fleet_metrics(const struct daemon *dm, struct metrics_fleet *out)
{
	const struct fleet_run *r = dm->fleet;

	*out = (struct metrics_fleet){};
	if (!r)
		return;
	*out = (struct metrics_fleet){ .there = true,
				       .connected = r->told.connected,
				       .in_touch = fleet_in_touch(r),
				       .hosts = r->known_hosts,
				       .staleness_ms = staleness(r),
				       .keys = r->keys.count,
				       .exchanges = r->exchanges,
				       .refused_messages = r->refused_messages,
				       .differing = fleet_differing(dm),
				       .bans = shared_standing(&r->shared),
				       .settings = shared_settings(&r->shared),
				       .settings_unfit = shared_unfit(&r->shared),
				       .refused_records = r->shared.refused,
				       .changes_lost = r->tables ? fleet_tables_lost(r->tables) : 0 };
}
