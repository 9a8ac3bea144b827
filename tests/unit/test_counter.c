/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests the gate's own counters and limits over made-up tables: the kernel gives an element of a table to another source while a pointer
 * to it is still in use.
 */
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

static int bpf_map_update_elem(const void *map, const void *key, const void *value, int flags)
{
	(void)map, (void)key, (void)value, (void)flags;
	return -1;
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

static void test_an_answer_is_counted_at_the_counters_that_it_holds(void **state)
{
	struct sluice_holding h = held(1);

	(void)state;
	assert_int_equal(holding_prove(&h, &rule, &row, 0, 0), SLUICE_ADMITTED);
	assert_int_equal(element.proven, 1);
	assert_int_equal(total[1].proven, 1);
	holding_settle(&h, 1);
	assert_int_equal(element.reserved, 1);
	assert_int_equal(element.proven, 0);
	assert_int_equal(element.state, SLUICE_COUNTER_PROVEN);
}

static void test_an_element_that_is_another_sources_by_now_is_left_alone(void **state)
{
	struct sluice_holding h = held(2);
	struct give back = { .reserved = 1, .proven = 1, .transient = 1 };
	struct sluice_counter before = element;

	(void)state;
	assert_int_equal(holding_prove(&h, &rule, &row, 0, 0), SLUICE_SOURCE_CONNECTIONS);
	holding_settle(&h, 0);
	holding_unprove(&h, h.holds);
	holding_give(&h, &back);
	assert_memory_equal(&element, &before, sizeof(element));
}

static void test_a_counter_that_is_gone_lets_nobody_in(void **state)
{
	struct sluice_holding h = held(1);
	enum sluice_reason why;

	(void)state;
	element.state = SLUICE_COUNTER_GONE;
	why = holding_prove(&h, &rule, &row, 0, 0);
	assert_int_equal(why, SLUICE_SOURCE_CONNECTIONS);
	assert_true(reason_refuses(why));
	source_found = NULL;
	why = holding_prove(&h, &rule, &row, 1, 0); /* even if allowed: nobody would count what it holds */
	assert_int_equal(why, SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(total[1].proven, 0);
}

static void test_no_counter_keeps_an_answer_if_another_one_is_full(void **state)
{
	struct sluice_holding h = held(1);

	(void)state;
	total[1] = (struct sluice_counter){ .held = 100 };
	assert_int_equal(holding_prove(&h, &rule, &row, 0, 0), SLUICE_SERVICE_CONNECTIONS);
	assert_int_equal(element.proven, 0);
	h.holds |= SLUICE_HOLDS_NETWORK;
	h.network_bits = 120;
	total[1].held = 2;
	assert_int_equal(holding_prove(&h, &rule, &row, 0, 0), SLUICE_NETWORK_CONNECTIONS); /* its counter is gone */
	assert_int_equal(element.proven, 0);
}

static void test_a_counter_that_cannot_be_deleted_lives_on(void **state)
{
	struct sluice_holding h = held(1);
	struct give back = { .reserved = 1, .transient = 1 };
	struct take take = { .reserve = 1 };

	(void)state;
	element.held = element.reserved = 1;
	holding_give(&h, &back); /* the table refuses to delete it */
	assert_int_equal(element.held, 0);
	assert_int_equal(element.state, SLUICE_COUNTER_NEW);
	h.holds = 0;
	assert_int_equal(holding_take(&h, &rule, &row, &take), SLUICE_ADMITTED);
	assert_int_equal(element.held, 1);
}

static void test_an_event_is_moved_in_the_bucket_of_its_syn(void **state)
{
	struct sluice_holding h = held(1);
	const struct sluice_limit limit = { .rate = 3, .width_ns = 50000000 };
	const struct sluice_service fast = { .total = limit };
	struct take take = { .now = clock_now - 400000000, .reserve = 1 };
	struct give back = { .now = clock_now, .reserved = 1 };

	(void)state;
	memset(total_rate_row, 0, sizeof(total_rate_row));
	h.holds = 0;
	assert_int_equal(holding_take(&h, &rule, &fast, &take), SLUICE_ADMITTED);
	assert_int_equal(total_rate_row[1].all.sum, 1);
	assert_int_equal(total_rate_row[1].unanswered.sum, 1);
	assert_int_equal(holding_prove(&h, &rule, &fast, 0, 0), SLUICE_ADMITTED);
	assert_int_equal(total_rate_row[1].unanswered.sum, 0);
	holding_unprove(&h, h.holds);
	assert_int_equal(total_rate_row[1].unanswered.sum, 1);
	holding_give(&h, &back);
	assert_int_equal(total_rate_row[1].all.sum, 0);
	assert_int_equal(total_rate_row[1].unanswered.sum, 0);
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

static void test_a_first_event_stays_with_a_connection_and_goes_with_a_handshake(void **state)
{
	struct give spoofed = { .now = clock_now, .reserved = 1, .transient = 1 };
	struct give answered = { .now = clock_now, .reserved = 1, .proven = 1, .transient = 1 };
	struct give closed = { .now = clock_now, .transient = 1 };
	struct sluice_holding h = held_with_first();

	(void)state;
	holding_give(&h, &spoofed);
	assert_int_equal(element.first_seconds, 0);
	h = held_with_first();
	assert_int_equal(holding_prove(&h, &rule, &row, 0, 0), SLUICE_ADMITTED);
	assert_int_equal(element.first_unanswered, 0);
	holding_give(&h, &answered); /* the host had no room for it: what completes it is charged again */
	assert_int_equal(element.held, 0);
	assert_int_equal(element.first_seconds, 0);
	h = held_with_first();
	holding_settle(&h, 0);
	assert_int_equal(element.first_unanswered, 0);
	holding_give(&h, &closed);
	assert_int_equal(element.first_seconds, 1);
	assert_true(first_counts(&element, 1, element.first_ns + 1000000000));
	assert_false(first_counts(&element, 1, element.first_ns + 1050000000));
	assert_false(first_counts(&element, 2, element.first_ns));
}

static void test_a_first_event_and_the_others_have_one_limit(void **state)
{
	const struct sluice_limit once = { .rate = 1, .width_ns = 50000000 };
	const struct sluice_rule slow = { .source = once };
	struct take answered = { .now = clock_now, .reserve = 1, .proven = 1, .overbook = 1 }, take = answered;
	struct sluice_holding h = held_with_first();

	(void)state;
	rate_found = 1;
	take.overbook = take.proven = 0;
	assert_int_equal(level_hit(&h, 0, once.rate, &take), TAKEN_FAST);
	assert_int_equal(level_rate_occupancy(&h, 0, &once), FULL_UNSURE);
	assert_int_equal(level_hit(&h, 0, once.rate, &answered), TAKEN); /* nobody has answered the first one yet */
	assert_int_equal(holding_prove(&h, &slow, &row, 0, 0), SLUICE_SOURCE_RATE);
	assert_int_equal(element.first_unanswered, 1);
	assert_int_equal(element.proven, 0);
	h = held_with_first();
	assert_int_equal(holding_prove(&h, &slow, &row, 0, 0), SLUICE_ADMITTED);
	assert_int_equal(level_hit(&h, 0, once.rate, &answered), TAKEN_FAST);
	assert_int_equal(level_rate_occupancy(&h, 0, &once), FULL_SURE);
	rate_found = 0;
}

static void test_a_fleet_is_told_only_of_what_is_sure(void **state)
{
	const struct sluice_rule leased = { .fleet = 1, .source = { .connections = SLUICE_MOST_LEASED | 5 } };
	struct take take = { .reserve = 1 }, stands = { .force = 1 }, answered = { .reserve = 1, .proven = 1 };
	struct give spoofed = { .reserved = 1 }, proven = { .reserved = 1, .proven = 1 }, closed = {};
	struct sluice_holding h = held(1);

	(void)state;
	h.holds = 0;
	fleet_told = 0;
	assert_int_equal(holding_take(&h, &leased, &row, &take), SLUICE_ADMITTED);
	assert_true(h.holds & SLUICE_HOLDS_FLEET);
	holding_give(&h, &spoofed);
	assert_int_equal(fleet_told, 0);
	assert_int_equal(holding_prove(&h, &leased, &row, 0, 0), SLUICE_ADMITTED);
	assert_int_equal(fleet_told, 1);
	holding_give(&h, &proven);
	assert_int_equal(fleet_told, 2);
	h.holds = 0;
	assert_int_equal(holding_take(&h, &leased, &row, &answered), SLUICE_ADMITTED);
	assert_int_equal(fleet_told, 3);
	h.holds = 0;
	assert_int_equal(holding_take(&h, &leased, &row, &stands), SLUICE_ADMITTED);
	assert_int_equal(fleet_told, 4);
	holding_give(&h, &closed);
	assert_int_equal(fleet_told, 5);
	h.holds = 0;
	assert_int_equal(holding_take(&h, &rule, &row, &stands), SLUICE_ADMITTED);
	holding_give(&h, &closed);
	assert_int_equal(fleet_told, 5);
}

static void test_a_lease_of_nothing_lets_nobody_in_and_makes_no_counter(void **state)
{
	const struct sluice_rule leased = { .fleet = 1, .source = { .connections = SLUICE_MOST_LEASED } };
	struct sluice_holding h = held(1);
	struct take take = { .reserve = 1 }, dry = { .reserve = 1, .dry = 1 };

	(void)state;
	h.holds = 0;
	source_found = NULL; /* and the table makes none: code that got so far would find no room in it */
	assert_int_equal(holding_take(&h, &leased, &row, &take), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(holding_take(&h, &leased, &row, &dry), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(counter_occupancy(NULL, SLUICE_MOST_LEASED), FULL_SURE);
	assert_int_equal(counter_occupancy(NULL, 0), ROOM_LEFT);
	assert_int_equal(counter_occupancy(NULL, SLUICE_MOST_LEASED | 1), ROOM_LEFT);
	assert_int_equal(one_shared.held, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer_is_counted_at_the_counters_that_it_holds),
		cmocka_unit_test(test_an_element_that_is_another_sources_by_now_is_left_alone),
		cmocka_unit_test(test_a_counter_that_is_gone_lets_nobody_in),
		cmocka_unit_test(test_no_counter_keeps_an_answer_if_another_one_is_full),
		cmocka_unit_test(test_a_counter_that_cannot_be_deleted_lives_on),
		cmocka_unit_test(test_an_event_is_moved_in_the_bucket_of_its_syn),
		cmocka_unit_test(test_a_first_event_stays_with_a_connection_and_goes_with_a_handshake),
		cmocka_unit_test(test_a_first_event_and_the_others_have_one_limit),
		cmocka_unit_test(test_a_fleet_is_told_only_of_what_is_sure),
		cmocka_unit_test(test_a_lease_of_nothing_lets_nobody_in_and_makes_no_counter),
	};

	return cmocka_run_group_tests_name("counter", tests, NULL, NULL);
}
