/* SPDX-License-Identifier: BSD-2-Clause */
/* The verb explain: the gate gives verdict, reason and figures; the policy, the live settings and the live entries tell which rule decided. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "addr.h"
#include "bans.h"
#include "country.h"
#include "explain.h"
#include "fleet_host.h"
#include "json_text.h"
#include "lookup.h"
#include "reason.h"
#include "redact.h"
#include "schema.h"
#include "section.h"
#include "step.h"
#include "tables.h"
#include "utc.h"

/* Which key of a service, a set or syn-flood a reason comes from; for countries, see key_of(). */
static const char *const keys[SLUICE_REASONS] = {
	[SLUICE_ALLOWED] = "action",
	[SLUICE_DENIED] = "action",
	[SLUICE_SOURCE_CONNECTIONS] = "max-connections-per-source",
	[SLUICE_SET_CONNECTIONS] = "max-connections",
	[SLUICE_SERVICE_CONNECTIONS] = "max-connections",
	[SLUICE_SOURCE_RATE] = "max-rate-per-source",
	[SLUICE_SET_RATE] = "max-rate",
	[SLUICE_SERVICE_RATE] = "max-rate",
	[SLUICE_NETWORK_CONNECTIONS] = "max-connections-per-network",
	[SLUICE_NETWORK_RATE] = "max-rate-per-network",
	[SLUICE_SYN_RATE] = "max-syn-rate-per-source",
	[SLUICE_COOKIE_SENT] = "cookies",
};

/* The rule that decided. */
struct rule {
	char where[SLUICE_TEXT_LEN + 80]; /* "service smtp", "source-set partners", "ban 192.0.2.0/24" */
	const char *key; /* "": none */
	const char *by; /* the key by which a set names the address; NULL if no set decided */
	const struct prefix *entry; /* the prefix that it names it by; NULL: none */
	const char *file; /* the list file that has this entry; NULL: the policy has it */
	char written[SLUICE_PATH_LEN + 128]; /* "FILE:LINE", or "live, by uid 0 at ..." */
	json_t *expires; /* seconds; NULL if it does not apply */
};

/* `owner` is that of a ban; "" or "uid:N": nobody but the uid. */
static void say_live(struct rule *r, const char *owner, uid_t uid, time_t since)
{
	bool named = *owner && strncmp(owner, "uid:", 4);
	char when[UTC_LEN];

	snprintf(r->written, sizeof(r->written), "live, by %s%suid %u at %s", named ? owner : "", named ? ", " : "",
		 uid, utc_say(since, when));
}

static void say_place(struct rule *r, const struct place *at)
{
	if (at->file)
		snprintf(r->written, sizeof(r->written), "%s:%d", at->file, at->line);
}

/* "ban 192.0.2.0/24: REASON" */
static void say_order(const struct question *q, struct rule *r, const char *kind, const struct prefix *p,
		      const char *reason)
{
	_cleanup_free_ char *why = redact_seen(q->eyes, reason);
	char text[ADDR_TEXT_LEN];

	snprintf(r->where, sizeof(r->where), "%s %s%s%s", kind, prefix_format(p, text), *reason ? ": " : "", why ?: "");
}

/* Returns -ENOENT if it was none. */
static int rule_allow(const struct daemon *dm, const struct question *q, struct rule *r)
{
	struct live_status live;
	int err = allow_find(dm->engine, &q->about.addr, &live);

	if (err)
		return err;
	say_order(q, r, "allow", &live.prefix, live.text);
	r->expires = live.expires_in ? json_integer(live.expires_in) : json_null();
	say_live(r, "", live.uid, live.since);
	return 0;
}

static void rule_ban(const struct daemon *dm, const struct question *q, struct rule *r)
{
	_cleanup_free_ char *owner = NULL;
	struct ban ban;

	if (bans_find(dm->engine, &q->about.addr, true, &ban))
		return;
	owner = redact_seen(q->eyes, ban.owner);
	say_order(q, r, "ban", &ban.prefix, ban.text);
	r->expires = ban.expires_in ? json_integer(ban.expires_in) : json_null();
	say_live(r, owner ?: "", ban.uid, ban.since);
}

static void rule_service(const struct daemon *dm, const struct policy_service *s, struct rule *r)
{
	const struct scope scope = scope_of_service(s->name);
	const struct override *o = override_find(standing_settings(dm->standing), &scope, r->key);
	struct place at = schema_place(standing_live(dm->standing), SECTION_SERVICE, s->name, r->key, &s->at);

	snprintf(r->where, sizeof(r->where), "service %s", s->name);
	if (o)
		say_live(r, "", o->uid, o->since);
	else
		say_place(r, &at);
}

/* Where a set names the address by a list that is set live, the file does not show why the set applies. */
static void say_live_list(const struct override *o, struct rule *r)
{
	size_t n = strlen(r->written);
	char when[UTC_LEN];

	snprintf(r->written + n, sizeof(r->written) - n, "; its %s live, by uid %u at %s", o->key, o->uid,
		 utc_say(o->since, when));
}

static void rule_set(const struct daemon *dm, const struct policy_set *s, const struct sluice_addr *a, struct rule *r)
{
	struct place at = schema_place(standing_live(dm->standing), SECTION_SET, s->name, r->key, &s->at);
	const struct override *all = standing_settings(dm->standing), *o, *list;
	struct sluice_addr who = engine_who(dm->engine, a, NULL);
	struct scope scope = { .section = SECTION_SET };

	memcpy(scope.title, s->name, sizeof(scope.title));
	o = override_find(all, &scope, r->key);
	snprintf(r->where, sizeof(r->where), "source-set %s", s->name);
	r->by = set_key(s, standing_live(dm->standing)->geo, &who, &r->entry);
	if (r->by && !strcmp(r->by, "file"))
		r->file = s->file;
	if (o)
		say_live(r, "", o->uid, o->since);
	else
		say_place(r, &at);
	list = r->by ? override_find(all, &scope, r->by) : NULL;
	if (list)
		say_live_list(list, r);
}

/* Whether this one sender has a limit with that key, which then is the rule. */
static bool rule_sender(const struct daemon *dm, const struct question *q, struct rule *r)
{
	struct sluice_addr who = engine_who(dm->engine, &q->about.addr, NULL);
	const struct override *o = override_of_sender(standing_settings(dm->standing), &who, q->service, r->key);
	char text[ADDR_TEXT_LEN];

	if (!o)
		return false;
	snprintf(r->where, sizeof(r->where), "limit %s", prefix_format(&o->scope.sender, text));
	say_live(r, "", o->uid, o->since);
	return true;
}

/* If nothing is written, the default holds. */
static void rule_flood(const struct daemon *dm, struct rule *r)
{
	const struct place none = {};
	struct place at = schema_place(standing_live(dm->standing), SECTION_FLOOD, "", r->key, &none);

	snprintf(r->where, sizeof(r->where), "%s", section_names[SECTION_FLOOD]);
	snprintf(r->written, sizeof(r->written), "default");
	say_place(r, &at);
}

/* Whether the set decided. It did not if it leaves this key to the service. */
static bool set_says(const struct policy_set *s, enum sluice_reason why)
{
	if (why == SLUICE_SOURCE_CONNECTIONS)
		return s->limits.max_connections_per_source.given;
	if (why == SLUICE_SOURCE_RATE)
		return s->limits.max_rate_per_source.given;
	if (why == SLUICE_NETWORK_CONNECTIONS)
		return s->limits.max_connections_per_network.given;
	if (why == SLUICE_NETWORK_RATE)
		return s->limits.max_rate_per_network.given;
	return why == SLUICE_ALLOWED || why == SLUICE_DENIED || why == SLUICE_SET_CONNECTIONS || why == SLUICE_SET_RATE;
}

static bool of_a_sender(enum sluice_reason why)
{
	return why == SLUICE_SOURCE_CONNECTIONS || why == SLUICE_SOURCE_RATE || why == SLUICE_NETWORK_CONNECTIONS ||
	       why == SLUICE_NETWORK_RATE;
}

static const char *key_of(const struct policy_service *s, enum sluice_reason why)
{
	if (why == SLUICE_COUNTRY)
		return s->allow_countries.count ? "allow-countries" : "deny-countries";
	return why < SLUICE_REASONS && keys[why] ? keys[why] : "";
}

static void rule_find(const struct daemon *dm, const struct question *q, const struct sluice_explanation *x,
		      struct rule *r)
{
	enum sluice_reason why = x->reason == SLUICE_OBSERVE ? x->observed : x->reason;
	const struct policy_service *service = policy_service_find(standing_live(dm->standing), q->service);
	const struct policy_set *set = NULL;

	if (x->rule.set_id && x->rule.set_id <= standing_live(dm->standing)->sets.count)
		set = &standing_live(dm->standing)->sets.item[x->rule.set_id - 1];
	if (why == SLUICE_BANNED)
		rule_ban(dm, q, r);
	if (why == SLUICE_ALLOWED && !rule_allow(dm, q, r))
		return;
	if (standing_held(dm->standing) && why != SLUICE_BANNED) {
		snprintf(r->written, sizeof(r->written), "not known: the previous policy is in force");
		return;
	}
	r->key = key_of(service, why);
	if (!*r->key)
		return;
	if (why == SLUICE_COOKIE_SENT)
		rule_flood(dm, r);
	else if (of_a_sender(why) && rule_sender(dm, q, r))
		return;
	else if (set && set_says(set, why))
		rule_set(dm, set, &q->about.addr, r);
	else
		rule_service(dm, service, r);
}

/* Adds, for a limit that holds over the fleet, what this host may hold now, and what the others hold. */
static void leased_json(json_t *out, const struct sluice_leased *l, const char *lease, const char *elsewhere)
{
	if (!l->most)
		return;
	json_object_set_new(out, lease, json_integer(l->most & ~SLUICE_MOST_LEASED));
	json_object_set_new(out, elsewhere, json_integer(l->others));
}

static json_t *count_json(const struct sluice_count *t)
{
	uint64_t interval = t->limit.rate ? t->limit.width_ns * (SLUICE_RATE_BUCKETS - 1) / 1000000000 : 0;

	json_t *out = json_pack("{s:I, s:I, s:I, s:I, s:I}", "held", (json_int_t)t->held, "max_connections",
				(json_int_t)t->limit.connections, "new", (json_int_t)t->events, "max_rate",
				(json_int_t)t->limit.rate, "interval", (json_int_t)interval);

	leased_json(out, &t->connections, "lease", "elsewhere");
	leased_json(out, &t->rate, "rate_lease", "new_elsewhere");
	return out;
}

/* What the explanation is about, for the limits that hold over the fleet. */
struct asked {
	struct daemon *daemon;
	const struct sluice_explanation *x;
	bool *later;
};

/* Returns the counter of connections at a level. */
static struct fleet_counter counter_of(const struct sluice_explanation *x, enum sluice_fleet_level level)
{
	struct fleet_counter c = { .of.service = x->service, .level = level };
	__u8 bits = x->rule.aggregate[addr_is_ipv4(&x->source.addr) ? SLUICE_IPV4 : SLUICE_IPV6].network_bits;

	if (level == SLUICE_FLEET_SOURCE)
		c.of = x->source;
	else if (level == SLUICE_FLEET_NETWORK)
		c.of = (struct sluice_source_key){ addr_mask(&x->source.addr, bits), x->service, bits,
						   SLUICE_LEVEL_NETWORK };
	else
		c.total = level == SLUICE_FLEET_SET ? x->rule.set_total : x->service;
	return c;
}

/* Adds what the other hosts hold, by name, if the limit of connections holds over the fleet. */
static json_t *count_of(const struct asked *q, const struct sluice_count *t, enum sluice_fleet_level level)
{
	const struct fleet_counter c = counter_of(q->x, level);
	json_t *out = count_json(t), *rows, *row;
	json_int_t held = 0;
	size_t i;

	rows = t->connections.most ? fleet_holders(q->daemon, &c, q->later) : NULL;
	if (!rows)
		return out;
	json_array_foreach(rows, i, row) held += json_integer_value(json_object_get(row, "held"));
	json_object_set_new(out, "elsewhere", json_integer(held));
	json_object_set(out, "on", rows);
	return out;
}

static json_t *counts_json(const struct asked *q)
{
	const struct sluice_explanation *x = q->x;
	json_t *counts = json_pack("{s:o}", "source", count_of(q, &x->counts[0], SLUICE_FLEET_SOURCE));

	if (x->rule.network.connections || x->rule.network.rate)
		json_object_set_new(counts, "network", count_of(q, &x->counts[3], SLUICE_FLEET_NETWORK));
	if (x->rule.set_total)
		json_object_set_new(counts, "set", count_of(q, &x->counts[1], SLUICE_FLEET_SET));
	json_object_set_new(counts, "service", count_of(q, &x->counts[2], SLUICE_FLEET_SERVICE));
	return counts;
}

/* How far it came in the order of checks. */
static json_t *steps_json(const struct sluice_explanation *x)
{
	json_t *steps = json_array();
	int step;

	for (step = 0; step < SLUICE_STEPS; step++)
		json_array_append_new(steps, json_pack("{s:s, s:s, s:s}", "name", step_name(step), "question",
						       step_question(step), "result",
						       step_result(step, x->reason, x->observed)));
	return steps;
}

static json_t *answer_json(struct daemon *dm, const struct question *q, const struct sluice_explanation *x, bool *later)
{
	const struct asked asked = { dm, x, later };
	char text[ADDR_TEXT_LEN], inside[ADDR_TEXT_LEN], country[3];
	struct rule r = { .key = "" };
	struct sluice_addr who;
	bool translated;
	json_t *out;

	who = engine_who(dm->engine, &q->about.addr, &translated);
	rule_find(dm, q, x, &r);
	if (!*r.where && x->observed == SLUICE_BANNED) /* no rule decided, but a ban counts this packet */
		rule_ban(dm, q, &r);
	out = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:o?, s:o?}", "address",
			addr_format(&q->about.addr, text), "service", q->service, "verdict", verdict_label(x->verdict),
			"reason", reason_label(x->reason), "meaning", reason_help(x->reason), "rule",
			json_line(r.where), "key", r.key, "written", json_line(r.written), "expires_in",
			r.expires ? r.expires : json_null(), "steps", steps_json(x));
	if (out && q->about.len < 128)
		json_object_set_new(out, "asked", json_string(prefix_format(&q->about, text)));
	if (out && translated)
		json_object_set_new(out, "inside", json_string(addr_format(&who, inside)));
	if (out && r.by)
		json_object_set_new(out, "by", json_string(r.by));
	if (out && r.entry)
		json_object_set_new(out, "entry", json_string(prefix_format(r.entry, text)));
	if (out && r.file)
		json_object_set_new(out, "list", json_line(r.file));
	if (out && standing_live(dm->standing)->geo)
		json_object_set_new(out, "country", json_string(country_text(x->country, country)));
	if (out && x->observed != SLUICE_UNDECIDED)
		json_object_set_new(out, "would_refuse", json_string(reason_label(x->observed)));
	if (out && x->service)
		json_object_set_new(out, "counts", counts_json(&asked));
	return out;
}

/* Finds an address of the host at which the service can be reached. */
static int local_find(const struct daemon *dm, const struct policy_service *s, const struct question *q,
		      struct sluice_addr *out, struct diag *d)
{
	bool ipv4 = addr_is_ipv4(&q->about.addr);
	size_t i;

	if (!s->addresses.count && !engine_local_any(dm->engine, ipv4, out))
		return 0;
	if (!s->addresses.count)
		return addr_parse(ipv4 ? "0.0.0.0" : "::", out);
	for (i = 0; i < s->addresses.count; i++) {
		if (addr_is_ipv4(&s->addresses.item[i]) != ipv4 || addr_is_any(&s->addresses.item[i]))
			continue;
		*out = s->addresses.item[i];
		return 0;
	}
	diag_add(d, "service %s has no %s address: such a source cannot reach it", s->name, ipv4 ? "IPv4" : "IPv6");
	return -EINVAL;
}

static int port_find(const struct policy_service *s, long port, uint16_t *out, struct diag *d)
{
	unsigned int i;

	for (i = 0; i < s->ports_count; i++) {
		if (port && s->ports[i] != port)
			continue;
		*out = s->ports[i];
		return 0;
	}
	diag_add(d, "port %ld does not belong to service %s: `sluicectl status` lists its ports", port, s->name);
	return -EINVAL;
}

int explain_json(struct daemon *dm, const struct question *q, json_t **out, bool *later, struct diag *d)
{
	const struct policy_service *s = policy_service_find(standing_live(dm->standing), q->service);
	struct sluice_tuple syn = { .source = q->about.addr }; /* no client sends from port 0 */
	struct sluice_explanation x;
	uint16_t port;
	int err;

	if (!s)
		return section_missing(standing_live(dm->standing), SECTION_SERVICE, q->service, d);
	err = local_find(dm, s, q, &syn.local, d);
	if (!err)
		err = port_find(s, q->port, &port, d);
	if (err)
		return err;
	syn.local_port = htons(port);
	err = engine_explain(dm->engine, &syn, &x);
	if (err)
		return err;
	*out = answer_json(dm, q, &x, later);
	return *out ? 0 : -ENOMEM;
}
