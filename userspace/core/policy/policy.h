/* SPDX-License-Identifier: BSD-2-Clause */
/* A policy as its files define it, with the place of every service and set. No kernel calls, no output. */
#ifndef SLUICE_CORE_POLICY_H
#define SLUICE_CORE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"
#include "addr.h"
#include "country.h"
#include "diag.h"
#include "geo.h"
#include "list.h"
#include "listfile.h"
#include "string_list.h"
#include "value.h"

enum policy_mode { POLICY_ENFORCE, POLICY_OBSERVE };
enum policy_xdp_mode { POLICY_XDP_AUTO, POLICY_XDP_NATIVE, POLICY_XDP_GENERIC };

enum policy_refusals { POLICY_MEMORY, POLICY_SUMMARY, POLICY_NO_MEMORY };
enum policy_addresses { POLICY_TRUNCATED, POLICY_HASHED, POLICY_FULL };

struct limits {
	uint32_t max_connections;
	struct share max_connections_per_source;
	struct rate max_rate;
	struct rate max_rate_per_source;
	struct share max_connections_per_network;
	struct rate max_rate_per_network;
};

/* Prefix lengths of each family, not mapped: what counts as one source, and the network above it. 0: as in `sources`. */
struct aggregates {
	uint32_t ipv4_prefix, ipv6_prefix;
	uint32_t ipv4_network, ipv6_network;
};

/* Owned, as all lists here (list.h). */
struct addresses {
	struct sluice_addr *item;
	size_t count, room;
};

#define POLICY_LISTEN "127.0.0.1:9798" /* used if the policy says nothing */

/* When a service is under pressure, and when it is calm again. */
struct flood {
	bool cookies;
	struct rate syn_rate;
	uint32_t half_open;
	struct rate expired_rate;
	uint32_t calm_percent;
	uint32_t calm_after; /* seconds */
};

enum policy_partition { POLICY_LOCAL, POLICY_SHARE, POLICY_CLOSED }; /* the same numbers as in enum sluice_partition */

/* The hosts whose limits hold together, and how this one reaches the store with their counts. */
struct fleet {
	struct strings servers; /* "ADDRESS:PORT" or the path of a socket; none: there is no fleet */
	char name[SLUICE_NAME_LEN]; /* name of this host; "": the host's own name */
	char *secret_file, *password_file; /* absolute once parsed, owned; NULL: not set */
	char user[SLUICE_NAME_LEN]; /* "" means the server's default user */
	uint32_t max_staleness; /* milliseconds */
	enum policy_partition on_partition;
	bool share_bans; /* and allows: those given on one host hold on all */
	bool share_settings; /* the same for live settings */
};

struct policy_service {
	char name[SLUICE_NAME_LEN];
	struct place at;
	uint16_t ports[SLUICE_SERVICE_PORTS];
	unsigned int ports_count;
	struct addresses addresses; /* empty: any address of the host */
	struct limits limits;
	struct countries deny_countries, allow_countries; /* at most one of them has any */
	struct rate max_syn_rate; /* for each source that never completed a handshake */
	enum sluice_excess on_excess;
	bool fleet; /* its limits hold over all hosts */
	bool exact; /* ... and never exceeded */
};

struct policy_set {
	char name[SLUICE_NAME_LEN];
	struct place at;
	struct strings prefix_texts; /* as written: for dump */
	char *file; /* list file, absolute once parsed, owned; NULL: none */
	char *asns_file; /* the same for networks */
	enum list_reading reading; /* of both */
	struct list_file *listed, *listed_asns; /* their content; NULL: not read. The set is a holder of each */
	struct prefixes prefixes; /* those in the policy itself */
	struct countries countries;
	struct numbers asns; /* networks (autonomous systems) */
	enum sluice_action action;
	struct strings services; /* names; empty: all */
	struct limits limits;
	struct aggregates aggregates;
	bool fleet; /* the limits of its sources hold over all hosts */
	uint32_t priority;
	bool enabled;
};

/* A prefix with live limits of its own: see sender.h. Of the limits, only those per source and per network are used. */
struct policy_sender {
	struct prefix prefix;
	char service[SLUICE_NAME_LEN]; /* "": all */
	struct limits limits;
};

/* A port of the host, and the one in the container that its DNAT leads to. */
struct publish {
	uint16_t host, inside;
};

/* Network namespaces whose sockets count as the host's own at the ports that they are published on. */
struct policy_container {
	char name[SLUICE_NAME_LEN];
	struct place at;
	char *netns; /* path or shell pattern, absolute, owned; NULL: not set */
	struct addresses addresses; /* in the container; empty: any */
	struct publish ports[SLUICE_SERVICE_PORTS];
	unsigned int ports_count;
};

struct setting; /* schema.h */

/* Where a file sets a key. */
struct written {
	const struct setting *setting;
	char name[SLUICE_NAME_LEN]; /* of the service or set; "" for other sections */
	struct place at;
};

/* What was refused while the policy was read: see spoilt.h. */
struct spoilt {
	int section; /* enum section */
	char title[SLUICE_NAME_LEN];
	const struct setting *key;
};

struct policy {
	char *path; /* the file it was read from, owned */
	struct strings files; /* every file that was read: places point into these */
	LIST(struct written) written; /* for each key the last one counts */
	LIST(struct spoilt) spoilt; /* empty unless the policy was refused */
	struct strings interfaces;
	enum policy_mode mode;
	enum policy_xdp_mode xdp_mode;
	uint32_t stop_grace; /* seconds */
	LIST(struct policy_service) services;
	LIST(struct policy_set) sets;
	LIST(struct policy_container) containers;
	LIST(struct policy_sender) senders; /* none comes from a file; in order */
	struct aggregates aggregates;
	struct prefixes translated; /* prefixes of translators (RFC 6052): behind each there is an IPv4 address */
	uint32_t retention; /* seconds */
	uint32_t max_sources;
	enum policy_addresses addresses; /* how users other than root see them */
	uint32_t privacy_retention; /* seconds: nothing about an idle source, and no hash key, is kept longer */
	struct strings databases; /* absolute once parsed; none: those of core/read/data.c, if a country is named */
	struct geo *geo; /* their content; NULL: none was read. The policy is one of its holders */
	bool allow_private; /* allow-countries does not refuse private addresses that no database names */
	bool count_countries; /* even if nothing names one: by the installed databases */
	struct listen metrics;
	enum policy_refusals refusals; /* where they are kept */
	struct flood flood;
	struct fleet fleet;
};

void policy_free(struct policy *p);
struct policy_service *policy_service_find(const struct policy *p, const char *name);
/* Returns the service that owns this port of the host, at whatever address, or NULL. *several: more than one does. */
const struct policy_service *policy_port_owner(const struct policy *p, uint16_t port, bool *several);
/* 0 or -ENOMEM. */
int policy_note(struct policy *p, const struct setting *setting, const char *name, const struct place *at);
/* Returns where the key of this service or set was written, or `otherwise` if no file has it. */
struct place policy_place(const struct policy *p, const struct setting *setting, const char *name,
			  const struct place *otherwise);
/* Returns how long an idle source is remembered: what `sources` says, but no longer than `privacy` allows. */
uint32_t policy_retention(const struct policy *p);
/* Returns what counts as one source and as one network for the sources of a set; NULL: those in no set. */
struct aggregates policy_aggregates(const struct policy *p, const struct policy_set *set);
/* Returns what a share amounts to: a percentage of `whole`, at least 1; 0: no limit. */
uint32_t share_of(const struct share *s, uint32_t whole);
/* Returns the content of the list files of a set, or an empty list if it has none. */
const struct prefixes *set_listed(const struct policy_set *s);
const struct numbers *set_listed_asns(const struct policy_set *s);
/* Does any limit hold over all hosts? */
bool policy_has_fleet(const struct policy *p);
/* Does an enabled section name a country, or a network, so that it matters? Sets that are not enabled do not count. */
bool policy_names_countries(const struct policy *p);
/* Whether its databases, if any, are only for counting: no country, network or file is named, so nobody is judged by them. */
bool policy_only_counts_countries(const struct policy *p);
bool policy_names_networks(const struct policy *p);

#endif
