/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `doctor` on a fleet: the files that its policy names, and what the running daemon, where there is one, knows of the store and of the other hosts.
 * Called by cmd_doctor.c.
 */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "cli.h"
#include "doctor_fleet.h"
#include "files.h"
#include "fleet_program.h"
#include "fleet_secret.h"

#define CLOCK_MOST_MS 2000
#define MEMORY_MOST 80 /* percent */
#define PAGE "docs/fleet.md"

/* Checks what the daemon reads and starts. */
static void look_at_files(const struct policy *p, struct findings *f)
{
	_cleanup_diag_ struct diag d = {};
	char password[FLEET_PASSWORD_MOST];
	struct fleet_secret secret;
	_cleanup_close_ int program = -1;
	size_t i;

	files_owner_only(true);
	fleet_secret_read(p->fleet.secret_file, &secret, &d);
	if (p->fleet.password_file)
		fleet_password_read(p->fleet.password_file, password, &d);
	files_owner_only(false);
	sodium_memzero(&secret, sizeof(secret));
	sodium_memzero(password, sizeof(password));
	program = fleet_program_open(&d);
	for (i = 0; i < d.count; i++)
		finding_add(f, FINDING_BAD, "fleet", "limits would hold on each host alone: see " PAGE, "%s",
			    d.item[i].text);
	if (!d.count)
		finding_add(f, FINDING_GOOD, "fleet", "",
			    "the fleet's secret can be read, and only by its owner and group");
}

/* Whether it is a path, or an address of this host, on which stunnel may listen. */
static bool stays_here(const char *server)
{
	return *server == '/' || !strncmp(server, "127.", 4) || !strncmp(server, "[::1]:", 6) ||
	       !strncmp(server, "localhost:", 10);
}

static void look_at_ways(const struct policy *p, struct findings *f)
{
	size_t i;

	for (i = 0; i < p->fleet.servers.count; i++) {
		if (!stays_here(p->fleet.servers.item[i]))
			finding_add(
				f, FINDING_NOTE, "fleet",
				"where that network is not yours alone put stunnel or WireGuard between: " PAGE
				", Encryption",
				"what is said to the store at %s is not encrypted: the password, names of hosts, counts",
				p->fleet.servers.item[i]);
	}
}

static bool flag_of(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static long long figure_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Judges "redis 7.0.15", "valkey 8.0.1". */
static void judge_version(const char *version, struct findings *f)
{
	int major = 0, minor = 0;

	sscanf(version, "%*[a-z] %d.%d", &major, &minor);
	if (major * 100 + minor < 602)
		finding_add(f, FINDING_BAD, "store", "Redis 6.2 or newer, or Valkey", "the store is %s: too old",
			    version);
	else
		finding_add(f, FINDING_GOOD, "store", "", "the store is %s", version);
}

/* It does not matter what is kept on disk: hosts report everything again after a restart. */
static void judge_persistence(const json_t *store, struct findings *f)
{
	if (flag_of(store, "appends"))
		finding_add(
			f, FINDING_NOTE, "store", "appendonly no, where the fleet alone uses it",
			"the store writes an append-only file: each beat of each host is in it, and while its disk stalls hosts are out of touch");
	else
		finding_add(
			f, FINDING_NOTE, "store", "",
			"the store writes %s: a restart costs three seconds in which nothing more of an exact limit is leased; "
			"hosts tell again what they hold, and only what hosts hold that are cut off then is forgotten",
			flag_of(store, "snapshots") ? "snapshots and no append-only file" : "nothing to its disk");
}

static void judge_memory(const json_t *store, struct findings *f)
{
	long long used = figure_of(store, "memory"), most = figure_of(store, "memory_most");

	if (flag_of(store, "evicts"))
		finding_add(f, FINDING_BAD, "store", "maxmemory-policy noeviction",
			    "the store may throw records away to save memory: limits would be exceeded");
	if (!most)
		finding_add(f, FINDING_NOTE, "store", "maxmemory, with noeviction, where others use it, too",
			    "the store has no maxmemory: it may take all memory of its host");
	else if (used > most / 100 * MEMORY_MOST)
		finding_add(f, FINDING_WARNING, "store", "a higher maxmemory, or less else in it",
			    "the store uses %lld of %lld MB: when it is full hosts are out of touch", used >> 20,
			    most >> 20);
	else
		finding_add(f, FINDING_GOOD, "store", "", "the store uses %lld of %lld MB", used >> 20, most >> 20);
}

static void judge_clock(const json_t *store, struct findings *f)
{
	long long ahead = figure_of(store, "clock_ms");

	if (llabs(ahead) > CLOCK_MOST_MS)
		finding_add(f, FINDING_WARNING, "store", "chrony or systemd-timesyncd, on both",
			    "the store's clock is %lld s %s this host's: times that one tells do not fit the other's",
			    llabs(ahead) / 1000, ahead > 0 ? "ahead of" : "behind");
	else
		finding_add(f, FINDING_GOOD, "store", "", "the clocks of the store and of this host agree within %d s",
			    CLOCK_MOST_MS / 1000);
}

static void judge_hosts(const json_t *fleet, struct findings *f)
{
	json_t *member, *what;
	size_t i, j;

	json_array_foreach(json_object_get(fleet, "members"), i, member)
	{
		json_array_foreach(json_object_get(member, "differs"), j, what)
			finding_add(f, FINDING_WARNING, "fleet", "all hosts must give a limit the same value: " PAGE,
				    "host %s gives %s other limits than this one",
				    json_string_value(json_object_get(member, "name")), json_string_value(what));
	}
}

static void judge_touch(const json_t *fleet, struct findings *f)
{
	const char *state = json_string_value(json_object_get(fleet, "state"));
	const char *error = json_string_value(json_object_get(fleet, "error"));

	if (state && !strcmp(state, "in touch"))
		finding_add(f, FINDING_GOOD, "fleet", "", "in touch with %lld hosts", figure_of(fleet, "hosts"));
	else
		finding_add(f, FINDING_WARNING, "fleet", "sluicectl fleet status", "the fleet is %s: %s",
			    state ? state : "off", error && *error ? error : "not connected yet");
}

void doctor_fleet(const struct call *c, const struct policy *p, struct findings *f)
{
	const json_t *store;
	json_t *fleet;

	if (!policy_has_fleet(p))
		return;
	look_at_files(p, f);
	look_at_ways(p, f);
	fleet = ask_quietly(c, "fleet-status");
	store = json_object_get(fleet, "store");
	if (fleet) {
		judge_touch(fleet, f);
		judge_hosts(fleet, f);
	}
	if (json_is_object(store)) {
		judge_version(json_string_value(json_object_get(fleet, "version")), f);
		judge_persistence(store, f);
		judge_memory(store, f);
		judge_clock(store, f);
	} else {
		finding_add(f, FINDING_NOTE, "store", "doctor again, once sluiced runs with the fleet",
			    "what the store is like only a running sluiced knows");
	}
	json_decref(fleet);
}
