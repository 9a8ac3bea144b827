/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether this host is in touch with the store, which is what sluice-fleet says of it: see fleet_inside.h. Who has just connected waits for as
 * long as hosts may be out of touch, so that all have heard of him before he believes his leases.
 */
#include <string.h>
#include <syslog.h>

#include "fleet_inside.h"
#include "json_text.h"

bool fleet_in_touch(const struct fleet_run *r)
{
	return fleet_clock_ms() < r->touch_until_ms;
}

/* It is connected at `now`: in touch from now on, or not yet. */
static void touch(struct fleet_run *r, uint64_t now)
{
	bool was = r->touch_until_ms, joining;

	r->heard_ms = now;
	if (!r->joined_ms)
		r->joined_ms = now;
	joining = now >= r->touch_until_ms && (r->walking || now - r->joined_ms < r->staleness_ms);
	r->touch_until_ms = joining ? 0 : now + r->staleness_ms;
	fleet_tables_touch(r->tables, r->touch_until_ms * 1000000, r->told.hosts);
	if (!was && r->touch_until_ms)
		log_say(LOG_NOTICE, "fleet: in touch with %u hosts by %s", r->told.hosts, r->told.server);
}

static void connection_say(const struct fleet_run *r)
{
	if (r->told.connected)
		log_say(LOG_NOTICE, "fleet: connected to %s (%s)", r->told.server, r->told.version);
	else
		log_say(LOG_WARNING, "fleet: no store: %s", *r->error ? r->error : "not connected");
}

static void error_note(struct fleet_run *r, const char *why)
{
	if (*why)
		snprintf(r->error, sizeof(r->error), "%.255s", why);
}

static void on_state(void *run, const struct fleet_state *s)
{
	struct fleet_run *r = run;
	const struct fleet_state before = r->told;
	bool first = !before.hosts, more;

	r->told = *s;
	error_note(r, s->error);
	if (before.connected != s->connected)
		connection_say(r);
	if (!s->connected) {
		r->joined_ms = 0;
		return;
	}
	more = r->known_hosts && r->known_hosts != s->hosts; /* what was far from an implicit lease may be near now */
	r->known_hosts = s->hosts;
	if (first || before.resync != s->resync)
		fleet_tell_again(r);
	if (first || before.resync != s->resync)
		fleet_say_again(r);
	fleet_say_soon(r);
	if (more)
		fleet_walk_again(r);
	touch(r, fleet_clock_ms());
	fleet_tick_arm(r);
}

/* Names what a host has other values for, for keys that are ours. */
static json_t *differs_json(const struct fleet_run *r, const json_t *keys)
{
	json_t *list = json_array(), *key;
	const char *name;
	size_t i;

	json_array_foreach(keys, i, key)
	{
		name = json_is_string(key) ? fleet_digest_name(&r->digest, json_string_value(key)) : NULL;
		if (name)
			json_array_append_new(list, json_string(name));
	}
	return list;
}

static void on_hosts(void *run, const char *text, size_t len)
{
	json_t *list = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL), *told = json_array(), *one;
	struct fleet_run *r = run;
	const char *name;
	size_t i;

	r->refused_messages += !json_is_array(list);
	json_array_foreach(list, i, one)
	{
		name = json_string_value(json_object_get(one, "name"));
		if (name)
			json_array_append_new(told,
					      json_pack("{s:o, s:I, s:o}", "name", json_line(name), "beat_ms",
							json_integer_value(json_object_get(one, "beat_ms")), "differs",
							differs_json(r, json_object_get(one, "differs"))));
	}
	json_decref(list);
	json_decref(r->hosts);
	r->hosts = told;
}

static void on_gone(void *run, const char *why)
{
	struct fleet_run *r = run;

	if (strcmp(r->error, why))
		log_say(LOG_ERR, "fleet: %s", why);
	r->told.connected = 0;
	r->told.hosts = 0; /* its next message is its first */
	r->joined_ms = 0;
	error_note(r, why);
}

static void on_odd(void *run)
{
	((struct fleet_run *)run)->refused_messages++;
}

const struct fleet_ear fleet_ear = {
	.state = on_state,
	.lease = fleet_lease_heard,
	.need = fleet_need_heard,
	.records = fleet_records_heard,
	.hosts = on_hosts,
	.held = fleet_held_heard,
	.gone = on_gone,
	.odd = on_odd,
};
