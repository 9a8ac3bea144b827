/* SPDX-License-Identifier: BSD-2-Clause */
/* The one table of the keys of a policy: see schema.h. Reader, live settings, dump and diff ask it; it never changes. */
#include <stddef.h>
#include <string.h>

#include "alike.h"
#include "schema.h"

#define MAX_COUNT 1000000000

static const char *const modes[] = { "enforce", "observe", NULL };
static const char *const xdp_modes[] = { "auto", "native", "generic", NULL };
static const char *const excesses[] = { "drop", "reset", NULL };
static const char *const shows[] = { "truncated", "hashed", "full", NULL };
static const char *const refusals[] = { "memory", "summary", "none", NULL };
static const char *const readings[] = { "tolerant", "strict", NULL };
static const char *const partitions[] = { "local", "share", "closed", NULL };
static const char *const actions[] = { "limit", "allow", "deny", NULL };

#define TOP(member) offsetof(struct policy, member)
#define SERVICE(member) offsetof(struct policy_service, member)
#define SET(member) offsetof(struct policy_set, member)
#define CONTAINER(member) offsetof(struct policy_container, member)
#define LIMITS(section, of)                                                                                          \
	{ section, "max-connections", KIND_COUNT, of(limits.max_connections),                                        \
	  0,	   MAX_COUNT,	      NULL,	  "simultaneous connections, all sources together" },                \
		{ section,    "max-connections-per-source",                                                          \
		  KIND_SHARE, of(limits.max_connections_per_source),                                                 \
		  0,	      0,                                                                                     \
		  NULL,	      "simultaneous connections of each source: a number, or a share of max-connections" },  \
		{ section,    "max-connections-per-network",                                                         \
		  KIND_SHARE, of(limits.max_connections_per_network),                                                \
		  0,	      0,                                                                                     \
		  NULL,	      "simultaneous connections of each network: a number, or a share of max-connections" }, \
		{ section, "max-rate", KIND_RATE, of(limits.max_rate),                                               \
		  0,	   0,	       NULL,	  "new connections in an interval, all sources together" },          \
		{ section,   "max-rate-per-source",                                                                  \
		  KIND_RATE, of(limits.max_rate_per_source),                                                         \
		  0,	     0,                                                                                      \
		  NULL,	     "new connections in an interval of each source" },                                      \
	{                                                                                                            \
		section, "max-rate-per-network", KIND_RATE, of(limits.max_rate_per_network), 0, 0, NULL,             \
			"new connections in an interval of each network"                                             \
	}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* a row without `normal` has 0 */
const struct setting schema[] = {
	{ SECTION_TOP, "interfaces", KIND_INTERFACES, TOP(interfaces), 0, 0, NULL, "where packets are judged" },
	{ SECTION_TOP, "mode", KIND_CHOICE, TOP(mode), 0, 0, modes,
	  "observe: count what would be refused, refuse only what is banned live" },
	{ SECTION_TOP, "xdp-mode", KIND_CHOICE, TOP(xdp_mode), 0, 0, xdp_modes,
	  "auto: native if possible, else generic" },
	{ SECTION_TOP, "stop-grace", KIND_TIME, TOP(stop_grace), 0, 0, NULL,
	  "after a clean stop, how long the limits hold for the next daemon; then everything passes", 10 },
	{ SECTION_SOURCES, "ipv4-prefix", KIND_COUNT, TOP(aggregates.ipv4_prefix), 8, 32, NULL,
	  "addresses that count as one source", 32 },
	{ SECTION_SOURCES, "ipv6-prefix", KIND_COUNT, TOP(aggregates.ipv6_prefix), 16, 128, NULL,
	  "addresses that count as one source", 64 },
	{ SECTION_SOURCES, "ipv4-network", KIND_COUNT, TOP(aggregates.ipv4_network), 1, 31, NULL,
	  "sources that count as one network", 24 },
	{ SECTION_SOURCES, "ipv6-network", KIND_COUNT, TOP(aggregates.ipv6_network), 1, 127, NULL,
	  "sources that count as one network", 48 },
	{ SECTION_SOURCES, "translated-prefixes", KIND_TRANSLATED, TOP(translated), 0, 0, NULL,
	  "prefixes of translators (RFC 6052): an address there counts as the IPv4 address inside" },
	{ SECTION_SOURCES, "retention", KIND_TIME, TOP(retention), 0, 0, NULL, "how long an idle source is remembered",
	  600 },
	{ SECTION_SOURCES, "max", KIND_COUNT, TOP(max_sources), 1, 10000000, NULL,
	  "the most sources tracked at once; read when sluice is loaded", SLUICE_DEFAULT_SOURCES },
	{ SECTION_PRIVACY, "addresses", KIND_CHOICE, TOP(addresses), 0, 0, shows,
	  "how addresses are shown where they leave the kernel: cut to /24 and /48, as a keyed hash, or whole" },
	{ SECTION_PRIVACY, "retention", KIND_TIME, TOP(privacy_retention), 0, 0, NULL,
	  "the longest time for which anything about an idle source, or a hash key, is kept", 86400 },
	{ SECTION_GEOIP, "database", KIND_DATABASES, TOP(databases), 0, 0, NULL,
	  "country and network databases; where two name an address, the later one wins" },
	{ SECTION_GEOIP, "allow-private", KIND_BOOL, TOP(allow_private), 0, 0, NULL,
	  "allow-countries does not refuse private, link-local and loopback addresses that no database names", true },
	{ SECTION_GEOIP, "count-countries", KIND_BOOL, TOP(count_countries), 0, 0, NULL,
	  "where neither a country nor a database is named, count connections by those of tor-geoipdb, if it is installed",
	  true },
	{ SECTION_FLOOD, "cookies", KIND_BOOL, TOP(flood.cookies), 0, 0, NULL, "answer floods with SYN cookies", true },
	{ SECTION_FLOOD, "pressure-syn-rate", KIND_RATE, TOP(flood.syn_rate), 0, 0, NULL,
	  "a service with more SYNs in an interval is under pressure; default 20000/1s" },
	{ SECTION_FLOOD, "pressure-half-open", KIND_COUNT, TOP(flood.half_open), 0, MAX_COUNT, NULL,
	  "a service with more unanswered handshakes is under pressure", 512 },
	{ SECTION_FLOOD, "pressure-expired", KIND_RATE, TOP(flood.expired_rate), 0, 0, NULL,
	  "a service with more handshakes that ran out unanswered is under pressure; default 300/10s" },
	{ SECTION_FLOOD, "calm-below", KIND_COUNT, TOP(flood.calm_percent), 1, 100, NULL,
	  "percent of each threshold below which a service may be calm again", 50 },
	{ SECTION_FLOOD, "calm-after", KIND_TIME, TOP(flood.calm_after), 0, 0, NULL, "how long it must stay below them",
	  5 },
	{ SECTION_METRICS, "listen", KIND_LISTEN, TOP(metrics), 0, 0, NULL,
	  "where /metrics and the status page are served; none: nowhere" },
	{ SECTION_LOG, "refusals", KIND_CHOICE, TOP(refusals), 0, 0, refusals,
	  "memory: keep them for `sluicectl refusals`; summary: also log each source and reason once a minute; none: neither" },
	{ SECTION_FLEET, "servers", KIND_SERVERS, TOP(fleet.servers), 0, 0, NULL,
	  "Redis or Valkey servers that hold the counts of all hosts, in the order in which they are tried" },
	{ SECTION_FLEET, "name", KIND_NAME, TOP(fleet.name), 0, 0, NULL,
	  "this host's name in the fleet; default its host name" },
	{ SECTION_FLEET, "secret-file", KIND_FILE, TOP(fleet.secret_file), 0, 0, NULL,
	  "a file with the fleet's secret, the same on every host: sources are hashed with it" },
	{ SECTION_FLEET, "user", KIND_NAME, TOP(fleet.user), 0, 0, NULL, "user in the server's access list" },
	{ SECTION_FLEET, "password-file", KIND_FILE, TOP(fleet.password_file), 0, 0, NULL,
	  "a file with that user's password" },
	{ SECTION_FLEET, "max-staleness", KIND_MILLISECONDS, TOP(fleet.max_staleness), 20, 5000, NULL,
	  "how long a host may hear nothing from the server before on-partition applies", 200 },
	{ SECTION_FLEET, "on-partition", KIND_CHOICE, TOP(fleet.on_partition), 0, 0, partitions,
	  "local: each host has the whole limit; share: its part of it; closed: what it was last granted" },
	{ SECTION_FLEET, "share-bans", KIND_BOOL, TOP(fleet.share_bans), 0, 0, NULL,
	  "bans and allows that are said at one host hold on all of them", 1 },
	{ SECTION_FLEET, "share-settings", KIND_BOOL, TOP(fleet.share_settings), 0, 0, NULL,
	  "live settings (`sluicectl set`) of one host hold on all of them", 1 },
	{ SECTION_SERVICE, "ports", KIND_PORTS, 0, 1, 65535, NULL, "TCP ports" },
	{ SECTION_SERVICE, "addresses", KIND_ADDRESSES, SERVICE(addresses), 0, 0, NULL,
	  "only these addresses of the host" },
	LIMITS(SECTION_SERVICE, SERVICE),
	{ SECTION_SERVICE, "deny-countries", KIND_COUNTRIES, SERVICE(deny_countries), 0, 0, NULL,
	  "countries that are refused; ZZ: in no database" },
	{ SECTION_SERVICE, "allow-countries", KIND_COUNTRIES, SERVICE(allow_countries), 0, 0, NULL,
	  "the only countries that are not refused" },
	{ SECTION_SERVICE, "on-excess", KIND_CHOICE, SERVICE(on_excess), 0, 0, excesses, "what a refused client sees" },
	{ SECTION_SERVICE, "max-syn-rate-per-source", KIND_RATE, SERVICE(max_syn_rate), 0, 0, NULL,
	  "SYNs in an interval of each source that never completed a handshake" },
	{ SECTION_SERVICE, "fleet", KIND_BOOL, SERVICE(fleet), 0, 0, NULL,
	  "its limits are shared by all hosts of the fleet" },
	{ SECTION_SERVICE, "exact", KIND_BOOL, SERVICE(exact), 0, 0, NULL,
	  "shared limits are never exceeded; a source's first connection to a host may take a second longer" },
	{ SECTION_SET, "prefixes", KIND_PREFIXES, 0, 0, 0, NULL, "addresses, prefixes, ranges, netmasks" },
	{ SECTION_SET, "file", KIND_FILE, SET(file), 0, 0, NULL, "a file that lists them, one per line" },
	{ SECTION_SET, "asns-file", KIND_FILE, SET(asns_file), 0, 0, NULL,
	  "a file that lists networks by their AS number, one per line" },
	{ SECTION_SET, "reading", KIND_CHOICE, SET(reading), 0, 0, readings,
	  "for both files; tolerant: a bad line or file is only a warning; strict: it is an error" },
	{ SECTION_SET, "countries", KIND_COUNTRIES, SET(countries), 0, 0, NULL, "all of these countries" },
	{ SECTION_SET, "asns", KIND_NETWORKS, SET(asns), 0, 0, NULL, "all of these networks, by their AS number" },
	{ SECTION_SET, "action", KIND_CHOICE, SET(action), 0, 0, actions, "allow, deny, or limit by the limits given" },
	{ SECTION_SET, "services", KIND_SERVICES, SET(services), 0, 0, NULL, "where the set applies; default all" },
	LIMITS(SECTION_SET, SET),
	{ SECTION_SET, "ipv4-prefix", KIND_COUNT, SET(aggregates.ipv4_prefix), 8, 32, NULL,
	  "addresses of the set that count as one source; default as in sources" },
	{ SECTION_SET, "ipv6-prefix", KIND_COUNT, SET(aggregates.ipv6_prefix), 16, 128, NULL,
	  "addresses of the set that count as one source; default as in sources" },
	{ SECTION_SET, "ipv4-network", KIND_COUNT, SET(aggregates.ipv4_network), 1, 31, NULL,
	  "sources of the set that count as one network; default as in sources" },
	{ SECTION_SET, "ipv6-network", KIND_COUNT, SET(aggregates.ipv6_network), 1, 127, NULL,
	  "sources of the set that count as one network; default as in sources" },
	{ SECTION_SET, "fleet", KIND_BOOL, SET(fleet), 0, 0, NULL,
	  "the limits of its sources are shared by all hosts of the fleet" },
	{ SECTION_SET, "priority", KIND_COUNT, SET(priority), 0, 1000000, NULL, "lower wins where sets overlap", 100 },
	{ SECTION_SET, "enabled", KIND_BOOL, SET(enabled), 0, 0, NULL, "false switches the set off without deleting it",
	  true },
	{ SECTION_CONTAINER, "netns", KIND_PATTERN, CONTAINER(netns), 0, 0, NULL,
	  "its network namespace: a path, or a pattern that matches several" },
	{ SECTION_CONTAINER, "addresses", KIND_ADDRESSES, CONTAINER(addresses), 0, 0, NULL,
	  "where in it the host's DNAT leads; default any address" },
	{ SECTION_CONTAINER, "ports", KIND_PUBLISHED, 0, 1, 65535, NULL,
	  "ports of the host that lead there: HOST or HOST:CONTAINER" },
};
#pragma GCC diagnostic pop

const size_t schema_count = sizeof(schema) / sizeof(*schema);

bool kind_is_list(enum kind kind)
{
	return kind >= KIND_INTERFACES;
}

const struct setting *schema_find(enum section section, const char *key)
{
	size_t i;

	for (i = 0; i < schema_count; i++) {
		if (schema[i].section == section && !strcmp(schema[i].key, key))
			return &schema[i];
	}
	return NULL;
}

void schema_defaults(enum section section, void *base)
{
	const struct setting *s;
	void *field;

	for (s = schema; s < schema + schema_count; s++) {
		field = (char *)base + s->offset;
		if (s->section != section)
			continue;
		if (s->kind == KIND_COUNT || s->kind == KIND_TIME || s->kind == KIND_MILLISECONDS)
			memcpy(field, &s->normal, sizeof(s->normal));
		else if (s->kind == KIND_BOOL)
			*(bool *)field = s->normal;
	}
}

const char *schema_suggest(enum section section, const char *key)
{
	struct alike like = alike_to(key);
	size_t i;

	for (i = 0; i < schema_count; i++) {
		if (schema[i].section == section)
			alike_offer(&like, schema[i].key);
	}
	return like.found ?: "";
}

enum section schema_owner(const char *key)
{
	size_t i;

	for (i = 0; i < schema_count && strcmp(schema[i].key, key); i++)
		;
	return i < schema_count ? schema[i].section : SECTIONS;
}

struct place schema_place(const struct policy *p, enum section section, const char *title, const char *key,
			  const struct place *otherwise)
{
	return policy_place(p, schema_find(section, key), title, otherwise);
}
