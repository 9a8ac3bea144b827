/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures -> the text that Prometheus reads. Pure: everything comes in through struct metrics, nothing of which is owned, and
 * leaves through a FILE. No label carries an address: none of these structs has room for one.
 */
#ifndef SLUICE_CORE_METRICS_H
#define SLUICE_CORE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "abi.h"

enum metrics_format { METRICS_TEXT, METRICS_OPENMETRICS };

struct metrics_country {
	char code[3];
	uint64_t refused, admitted;
};

struct metrics_service {
	const char *name;
	bool other; /* not a service, but everything that no service claims: it has packets and nothing else */
	uint32_t connections; /* established */
	uint32_t limit; /* 0: there is none, and no metric */
	bool fleet; /* a fleet shares its limits; otherwise these have no metrics: */
	uint64_t fleet_over; /* by how many connections one of them may be exceeded */
	int pressure; /* 0 or 1; -1: not known, and no metric */
	const struct sluice_stat *stats; /* by reason */
	const struct metrics_country *countries;
	size_t countries_count;
};

struct metrics_map {
	const char *name;
	uint64_t entries, capacity;
};

/* An owner of bans: there are few of these, however many people ban (kern/policy/bans_owners.h). */
struct metrics_owner {
	const char *name;
	uint64_t bans;
};

struct metrics_list {
	const char *set, *key; /* the set, and its key that names the file */
	uint64_t entries, skipped; /* in force; and lines of the file that were left out */
	uint64_t age; /* seconds since the content in force was written */
	bool known; /* false: nothing is in force, so it has no age */
	bool last_good; /* the file could not be used */
};

struct metrics_interface {
	const char *name, *mode; /* in mode "detached" nothing is judged there */
};

struct metrics_database {
	const char *path;
	uint64_t built; /* seconds since the epoch */
	uint64_t old_after; /* seconds from then on */
	uint64_t skipped; /* rows */
	bool kept; /* the last good content is used instead of the file */
};

/* This host's part in a fleet. */
struct metrics_fleet {
	bool there; /* false: there is no metric */
	uint64_t connected, in_touch, hosts, differing, staleness_ms, keys, exchanges, refused_messages, changes_lost;
	uint64_t bans, settings, settings_unfit, refused_records;
};

struct metrics {
	const char *version;
	uint64_t generation;
	bool observe;
	bool unconfirmed; /* the policy in force awaits its confirmation */
	uint64_t reverts; /* policies that were not confirmed in time */
	uint64_t applied_at; /* when a policy file was last put in force: seconds since the epoch */
	bool reload_failed; /* ... and the last attempt since then failed */
	long drift; /* -1 if it is not known */
	uint64_t sources_tracked;
	uint64_t geo_entries[2]; /* IPv4, IPv6 */
	uint64_t geo_built; /* seconds since the epoch; 0: no database */
	uint64_t remembered, forgotten, untold; /* about refusals: see core/memory/refusals.h */
	struct metrics_fleet fleet;
	const struct metrics_service *services;
	size_t services_count;
	const struct metrics_interface *interfaces;
	size_t interfaces_count;
	const struct metrics_database *databases;
	size_t databases_count;
	const struct metrics_list *lists;
	size_t lists_count;
	const struct metrics_map *maps;
	size_t maps_count;
	const struct metrics_owner *owners;
	size_t owners_count;
};

/* Returns 0, or -EIO if not all could be written to the FILE. */
int metrics_write(const struct metrics *m, enum metrics_format format, FILE *out);

/* metrics_format.c */
/* Returns what an HTTP Accept header (NULL: none) prefers, and its content type. */
enum metrics_format metrics_format_of(const char *accept);
const char *metrics_content_type(enum metrics_format format);

#endif
