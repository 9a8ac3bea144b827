/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gate's own counters and limits over made-up tables, for test_counter.c and test_holding.c: one element that any source is found at, and
 * what the kernel gives its programs.
 */
#ifndef SLUICE_TESTS_COUNTER_WORLD_H
#define SLUICE_TESTS_COUNTER_WORLD_H

#include <arpa/inet.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi.h"

/* These replace what the kernel gives its programs. */
#define __noinline static __attribute__((noinline, unused))
#define bpf_htonl htonl
#define bpf_ntohl ntohl
#define MAP(type, name, key, value, entries) static value name
#define bpf_spin_lock(lock) ((void)(lock))
#define bpf_spin_unlock(lock) ((void)(lock))
#define bpf_ktime_get_ns() (clock_now)

static const uint64_t clock_now = 5000000000;
static int sources, networks, rates, shared_rates, shared_held, totals, total_rates, shared, tally, no_room, refusals,
	refusals6, known; /* a filter without rows sends everybody to the tables */
static struct sluice_counter total[8], one_shared;
static struct sluice_rate total_rate_row[8], own_rate_row;
static struct sluice_counter *source_found, *network_found; /* what the tables return for any key */
static int rate_found;
static struct sluice_control control_is;

static void *bpf_map_lookup_elem(const void *map, const void *key)
{
	if (map == &sources)
		return source_found;
	if (map == &networks)
		return network_found;
	if (map == &totals)
		return &total[*(const __u32 *)key];
	if (map == &total_rates)
		return &total_rate_row[*(const __u32 *)key];
	if (map == &shared)
		return &one_shared;
	return map == &rates && rate_found ? &own_rate_row : NULL;
}

static struct sluice_counter entered; /* what was put into the table of sources while that had room */
static int has_room;

static int bpf_map_update_elem(const void *map, const void *key, const void *value, int flags)
{
	(void)key, (void)flags;
	if (!has_room || map != &sources)
		return -1;
	memcpy(&entered, value, sizeof(entered));
	return 0;
}

static int bpf_map_delete_elem(const void *map, const void *key)
{
	(void)map, (void)key;
	return -1;
}

static struct sluice_control *control_to_write(void)
{
	return &control_is;
}

static const struct sluice_control *control_row(void)
{
	return &control_is;
}

static __u32 bpf_get_prandom_u32(void)
{
	return 0;
}

struct sluice_view {
	const struct sluice_rule *rule;
	const struct sluice_service *row;
};

static __always_inline __u32 rate_seconds(const struct sluice_limit *limit)
{
	return limit->rate ? limit->width_ns / SLUICE_RATE_UNIT_NS : 0;
}

static int fleet_told; /* how often the fleet was told of a change */

static int fleet_tell(const struct sluice_holding *h, const struct sluice_rule *of, const struct sluice_service *at,
		      __u32 asks)
{
	(void)h, (void)of, (void)at, (void)asks;
	return fleet_told++;
}

static int fleet_tell_given(const struct sluice_holding *h)
{
	(void)h;
	return fleet_told++;
}

#pragma GCC diagnostic ignored "-Wunused-function"
#include "../../bpf/parse/addr.bpf.h"
#include "../../bpf/charge/window.bpf.h"
#include "../../bpf/charge/known.bpf.h"
#include "../../bpf/charge/counter.bpf.h"
#include "../../bpf/charge/refusals.bpf.h"
#include "../../bpf/charge/rate.bpf.h"
#include "../../bpf/charge/levels.bpf.h"
#include "../../bpf/charge/holding.bpf.h"
#include "../../bpf/admission/limits.bpf.h"

static const struct sluice_rule rule = { .source = { .connections = 5 }, .network = { .connections = 50 } };
static const struct sluice_service row = { .total = { .connections = 100 } };
static struct sluice_counter element;

static struct sluice_source_key key_of(uint32_t last)
{
	return (struct sluice_source_key){ { { 0, 0, htonl(0xffff), htonl(0x0a000000 + last) } }, 1, 128 };
}

/* Makes a holding of source 1, and an element of the table that is now source `of`'s and holds two reservations. */
static struct sluice_holding held(uint32_t of)
{
	struct sluice_holding h = { .source = key_of(1), .holds = SLUICE_HOLDS_SOURCE | SLUICE_HOLDS_SERVICE };

	element = (struct sluice_counter){ .held = 2, .reserved = 2, .of = key_of(of) };
	memset(total, 0, sizeof(total));
	total[1] = (struct sluice_counter){ .held = 2, .reserved = 2 };
	source_found = &element;
	network_found = NULL;
	return h;
}

/* Source 1 has one handshake, and the event of it in its counter. */
static struct sluice_holding held_with_first(void)
{
	struct sluice_holding h = held(1);

	h.holds |= SLUICE_HOLDS_FIRST;
	h.source_seconds = 1;
	element.held = element.reserved = 1;
	element.first_seconds = 1;
	element.first_ns = clock_now - 100000000;
	element.first_unanswered = 1;
	memset(&own_rate_row, 0, sizeof(own_rate_row));
	own_rate_row.of = (struct sluice_rate_key){ key_of(1), 1 };
	own_rate_row.seen_ns = clock_now;
	own_rate_row.all.width_ns = own_rate_row.unanswered.width_ns = 50000000;
	own_rate_row.all.epoch = own_rate_row.unanswered.epoch = clock_now / 50000000;
	return h;
}

#endif
