/* SPDX-License-Identifier: BSD-2-Clause */
/* Typed reading and writing of the live tables, for the daemon and (read-only) for a CLI whose daemon is dead. */
#ifndef SLUICE_KERN_TABLES_H
#define SLUICE_KERN_TABLES_H

#include <time.h>

#include "containers.h"
#include "engine.h"
#include "list.h"

struct interface_status {
	char name[16];
	char xdp_mode[16]; /* "native", "generic", "detached" */
	const char *mode_why; /* static: why it is generic mode */
	enum sluice_answers_why why; /* XDP answers here, or why the host does */
	uint64_t cookies_sent, cookies_returned; /* sent by XDP on this interface, and come back */
};

struct service_status {
	struct sluice_service row; /* name, ports, limits in force */
	unsigned int id;
	uint32_t held, reserved; /* established connections: held - reserved */
	uint64_t waiting; /* how many of these ended before the application accepted them */
	bool pressure; /* every SYN is answered by a cookie */
	struct sluice_stat stats[SLUICE_REASONS]; /* sums over processors */
};

/* How full a table is. Only the daemon knows this of the policy's tables and of live bans and allows; a CLI that reads the pins gets 0. */
struct map_usage {
	const char *name; /* static */
	uint64_t entries, capacity;
	uint64_t turned_away; /* sources or handshakes that found no room */
};

#define MAP_USAGES 13

/* One reasonably coherent view for status, counters and metrics; its cost depends on no table's size. Freed with snapshot_free(). */
struct snapshot {
	struct sluice_generation generation;
	char policy[SLUICE_PATH_LEN], other_policy[SLUICE_PATH_LEN]; /* of the slot in force, of the other one */
	enum trial trial;
	unsigned int trial_ms; /* left */
	uint32_t reverts; /* policies that were not confirmed in time */
	uint64_t reverted_s; /* CLOCK_REALTIME, when the other one was reverted; 0: it was not */
	bool stands_open; /* sluiced was stopped, and its grace is over: everything passes */
	LIST(struct interface_status) interfaces;
	struct service_status
		*services; /* of the live generation; the first is the pseudo service "-" (id 0, not protected) */
	size_t services_count;
	uint64_t sources_tracked;
	uint64_t reservations;
	uint32_t healed; /* connections whose end no event reported: see struct sluice_audits */
	struct map_usage usage[MAP_USAGES];
	struct container_status *containers;
	size_t containers_count;
};

/* Connections let in at a service by country number, while a database of countries is in force. */
struct admitted_from {
	uint64_t country[SLUICE_COUNTRIES]; /* 0: in no database; these are not in it: */
	uint64_t private; /* from private addresses that no database names */
	time_t since; /* 0: nobody counts them */
};

int admitted_from_read(const struct engine *e, unsigned int service, struct admitted_from *out);

/* Connections at a service by country number, as metrics show them: private addresses count as being in no database, too. */
struct country_counts {
	uint64_t refused[SLUICE_COUNTRIES]; /* refused for their country */
	uint64_t admitted[SLUICE_COUNTRIES]; /* 0 if no database is in force */
};

int countries_read(const struct engine *e, const struct snapshot *s, unsigned int service, struct country_counts *out);
int snapshot_take(const struct engine *e, struct snapshot **out);
/* The same with nothing but the generation and the services, for code that looks often. */
int snapshot_services(const struct engine *e, struct snapshot **out);
void snapshot_free(struct snapshot *s);

/* Reads the name of a service id of any generation; "?" if none is known. */
void service_name_read(const struct engine *e, unsigned int id, char name[static SLUICE_NAME_LEN]);

/* Reads what `suggest` is based on; id as in struct service_status. It has been counted since the table was loaded. */
int peaks_read(const struct engine *e, unsigned int id, struct sluice_peaks *out);
int peaks_since(const struct engine *e, time_t *out);

struct source_status {
	struct sluice_addr addr; /* truncated to the aggregation length */
	unsigned int prefix_len; /* in the mapped form */
	unsigned int service;
	uint32_t connections; /* established */
	uint32_t reserved;
	uint32_t peak; /* the most connections that it had at once, since it is tracked */
	uint64_t seen_ns; /* CLOCK_MONOTONIC, when a slot was last taken or given back */
	uint64_t since_ns; /* when its oldest connection was let in; 0: not asked for, or it has none */
	uint32_t limit; /* the limit in force for it; 0: none */
	uint16_t country; /* see core/values/country.h; 0: in no database, or none in force */
};

/* Reads the sources that hold something, most connections first. service 0: all. *out is freed with free(). */
int sources_read(const struct engine *e, unsigned int service, struct source_status **out, size_t *count);

/* Sets since_ns of the first `count`. A connection of 52 days and more is mistaken for a younger one. */
int sources_date(const struct engine *e, struct source_status *list, size_t count);

/* What sources of a service hold that lie in `about`, or contain it. By service id. */
struct held {
	uint64_t sources, connections, reserved;
};
int sources_held(const struct engine *e, const struct prefix *about, struct held out[static SLUICE_MAX_SERVICES]);

/* Reads all that are tracked, including those that hold nothing now, most connections first; without limit and country. */
int sources_tracked(const struct engine *e, struct source_status **out, size_t *count);

enum live_kind { LIVE_ALLOW, LIVE_BAN };

/* An allow. */
struct live_status {
	struct prefix prefix;
	uint64_t expires_in; /* seconds, rounded up; 0: never */
	uint32_t uid; /* who said so */
	uint64_t since; /* seconds of the epoch */
	char text[SLUICE_TEXT_LEN];
};

/*
 * seconds 0: until taken back. Returns -ENOSPC if the table is full. A ban's owner is the uid; live_clear() ends those of all owners: see
 * bans.h.
 */
int live_set(struct engine *e, enum live_kind kind, const struct prefix *p, uint32_t seconds, uint32_t uid,
	     const char *text);
int live_clear(struct engine *e, enum live_kind kind, const struct prefix *p); /* -ENOENT: no such entry */
/* Does what live_set() does for an allow that was given before: by whom and when stays. */
int allow_restore(struct engine *e, const struct live_status *was);
/* Allows in force, sorted by address; *out is freed with free(). */
int allows_read(const struct engine *e, struct live_status **out, size_t *count);
/* Finds the longest allow in force that holds `a`. Returns -ENOENT if there is none. */
int allow_find(const struct engine *e, const struct sluice_addr *a, struct live_status *out);
int live_expire(struct engine *e); /* removes entries whose time is over; returns how many, or -errno */
/* Makes the set of refusals that the gate repeats as large as the sources need. */
void lane_fit(struct engine *e);

/*
 * Returns who a sender is: behind a translator's prefix, the IPv4 address inside. *translated (NULL: not wanted) says whether that changed
 * anything.
 */
struct sluice_addr engine_who(const struct engine *e, const struct sluice_addr *a, bool *translated);

/*
 * Does the same for a prefix that a person names: one behind a translator's prefix becomes the IPv4 prefix inside. Returns true if it did.
 */
bool engine_who_prefix(const struct engine *e, struct prefix *p);
/* Returns what an address counts as unless a set says otherwise: one source. */
int engine_source(const struct engine *e, const struct sluice_addr *a, struct prefix *out);

/* What the live tables say of an address at one service. */
struct lookup_status {
	enum sluice_reason reason; /* SLUICE_ALLOWED, BANNED, DENIED, COUNTRY or, if limits decide, UNDECIDED */
	uint32_t class_id;
	uint16_t country;
	struct sluice_rule rule;
};

int lookup_read(const struct engine *e, const struct sluice_addr *a, unsigned int service, struct lookup_status *out);

#endif
