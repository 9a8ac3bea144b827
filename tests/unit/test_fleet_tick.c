/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests what a host of a fleet tells the store, and when (userspace/daemon/fleet/fleet_tick.c), with a kernel side and a sluice-fleet that only
 * remember: one limit of one source, of which the test says what is held, whether a walk of the counters is over, and what the store answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fleet_inside.h"

#define KEY 77
#define LIMIT 20
#define DAY 86400

static const struct fleet_counter source = { .of = { .service = 1 } };

static struct {
	struct fleet_run run;
	uint32_t held; /* for sure */
	uint32_t unsure; /* by handshakes that nobody has answered */
	bool walks; /* the walk is not over */
	uint32_t lease; /* as the gate has it */
	struct fleet_want said; /* the last row, and how many there were */
	size_t count;
} host;

int fleet_counter_key(const struct fleet_tables *t, const struct fleet_counter *c, __u64 *key)
{
	(void)t;
	(void)c;
	*key = KEY;
	return 0;
}

__u32 fleet_counter_sure(const struct fleet_tables *t, const struct fleet_counter *c)
{
	(void)t;
	(void)c;
	return host.held;
}

__u32 fleet_counter_held(const struct fleet_tables *t, const struct fleet_counter *c)
{
	return fleet_counter_sure(t, c) + host.unsure;
}

int fleet_lease_set(struct fleet_tables *t, __u64 key, const struct sluice_lease *lease)
{
	(void)t;
	(void)key;
	host.lease = lease->lease;
	return 0;
}

void fleet_lease_drop(struct fleet_tables *t, __u64 key)
{
	(void)t;
	(void)key;
	host.lease = 0;
}

__u64 fleet_tables_lost(const struct fleet_tables *t)
{
	(void)t;
	return 0;
}

void fleet_walk_begin(struct fleet_tables *t)
{
	(void)t;
}

bool fleet_walk(struct fleet_tables *t)
{
	(void)t;
	return host.walks;
}

int fleet_helper_send(struct fleet_helper *h, const struct fleet_want *rows, size_t count)
{
	(void)h;
	host.said = rows[count - 1];
	host.count += count;
	return 0;
}

static int host_open(void **state)
{
	static struct daemon dm;

	(void)state;
	memset(&host, 0, sizeof(host));
	dm.loop = event_base_new();
	host.run.daemon = &dm;
	host.run.tick = event_new(dm.loop, -1, 0, fleet_tick, &host.run);
	host.run.told.connected = 1;
	host.run.known_hosts = 2;
	return fleet_keys_open(&host.run.keys);
}

static int host_close(void **state)
{
	(void)state;
	fleet_keys_close(&host.run.keys);
	event_free(host.run.tick);
	event_base_free(host.run.daemon->loop);
	return 0;
}

/* Whatever is due now, or within the next ticks, is done. */
static void ticks(void)
{
	const struct timeval some = { 0, 30000 };

	event_base_loopexit(host.run.daemon->loop, &some);
	event_base_dispatch(host.run.daemon->loop);
}

static void comes_to(struct fleet_counter counter, bool asks, bool exact)
{
	const struct fleet_news news = { .counter = counter, .limit = LIMIT, .exact = exact, .asks = asks };

	fleet_news_heard(&news, &host.run);
}

static void comes(struct fleet_counter counter, bool asks)
{
	comes_to(counter, asks, true);
}

static void store_leases(uint32_t lease, uint32_t flags)
{
	const struct fleet_lease row = { .key = KEY, .lease = lease, .flags = flags };

	fleet_lease_heard(&host.run, &row);
}

/* The source holds that much, and the store knows and leases all of the limit. */
static struct fleet_entry *holds(struct fleet_counter counter, uint32_t held)
{
	host.held = held;
	comes(counter, false);
	ticks();
	assert_int_equal(host.said.held, held);
	store_leases(LIMIT, 0);
	assert_int_equal(host.lease, LIMIT);
	return fleet_keys_find(&host.run.keys, KEY);
}

static void policy_changes(void)
{
	host.walks = true;
	fleet_limits_forget(&host.run);
	fleet_walk_again(&host.run);
}

static void test_what_is_held_is_told_again_before_the_store_forgets_it_however_long_a_rate_is(void **state)
{
	static const uint32_t intervals[] = { 0, 1, 60, 3600, 7200, DAY };
	struct fleet_counter counter = source;
	struct fleet_entry *e;
	struct timeval at, now;
	size_t i;

	for (i = 0; i < sizeof(intervals) / sizeof(*intervals); i++) {
		counter.rate = intervals[i] > 0;
		counter.seconds = intervals[i];
		e = holds(counter, 9);
		assert_true(event_pending(&e->timer, EV_TIMEOUT, &at));
		event_base_gettimeofday_cached(host.run.daemon->loop, &now);
		assert_in_range(at.tv_sec - now.tv_sec, 0, 60);
		host_close(state);
		host_open(state);
	}
}

static void test_a_lease_that_is_given_back_while_the_limits_are_read_again_is_told_with_what_is_held(void **state)
{
	(void)state;
	holds(source, 15);
	fleet_need_heard(&host.run, KEY);
	fleet_tick(-1, 0, &host.run);
	assert_int_equal(host.lease, 15); /* it is lowered, and told a tick later */
	policy_changes();
	ticks();
	assert_int_equal(host.count, 1);
	comes(source, false);
	host.walks = false;
	ticks();
	assert_int_equal(host.count, 2);
	assert_int_equal(host.said.held, 15);
	assert_int_equal(host.said.flags, FLEET_EXACT | FLEET_GIVE);
}

static void test_an_answer_that_comes_while_the_limits_are_read_again_leaves_the_lease(void **state)
{
	(void)state;
	holds(source, 15);
	comes(source, false);
	ticks();
	policy_changes();
	store_leases(18, 0);
	assert_int_equal(host.lease, 18);
	store_leases(4000, 0);
	assert_int_equal(host.lease, 18); /* nothing was asked */
}

static void test_no_answer_leases_more_than_the_limit_even_while_the_limits_are_read_again(void **state)
{
	(void)state;
	holds(source, 15);
	comes(source, false);
	ticks();
	policy_changes();
	store_leases(4000, 0);
	assert_int_equal(host.lease, LIMIT);
}

static void test_a_limit_that_nobody_has_any_more_is_forgotten_although_a_client_was_refused(void **state)
{
	int i;

	(void)state;
	comes(source, true);
	ticks();
	assert_int_equal(host.said.want, 1);
	store_leases(0, 0);
	policy_changes();
	host.walks = false;
	for (i = 0; i < 3 && !(host.said.flags & FLEET_RELEASE); i++) {
		ticks();
		if (!(host.said.flags & FLEET_RELEASE))
			store_leases(0, 0);
	}
	assert_true(host.said.flags & FLEET_RELEASE);
	store_leases(0, FLEET_GONE);
	assert_null(fleet_keys_find(&host.run.keys, KEY));
}

static void test_the_answer_to_a_release_of_nothing_is_not_taken_for_that_of_an_exchange(void **state)
{
	(void)state;
	fleet_need_heard(&host.run, KEY);
	assert_int_equal(host.said.flags, FLEET_RELEASE);
	comes(source, true);
	ticks();
	assert_int_equal(host.said.want, 1);
	store_leases(0, FLEET_GONE);
	assert_non_null(fleet_keys_find(&host.run.keys, KEY));
	store_leases(5, 0);
	assert_int_equal(host.lease, 5);
	assert_int_equal(host.run.refused_messages, 0);
}

static void test_what_is_given_up_leaves_room_for_handshakes_only_where_the_limit_is_exact(void **state)
{
	int exact;

	for (exact = 0; exact < 2; exact++) {
		holds(source, 10);
		host.unsure = 5;
		comes_to(source, false, exact);
		ticks();
		store_leases(LIMIT, 0);
		fleet_need_heard(&host.run, KEY);
		fleet_tick(-1, 0, &host.run);
		assert_int_equal(host.lease, exact ? 15 : 10);
		host_close(state);
		host_open(state);
	}
}

static void test_a_host_that_is_to_give_up_a_lease_never_raises_it(void **state)
{
	(void)state;
	holds(source, 5);
	host.unsure = 10;
	comes(source, false);
	ticks();
	store_leases(8, 0);
	fleet_need_heard(&host.run, KEY);
	fleet_tick(-1, 0, &host.run);
	assert_int_equal(host.lease, 8);
}

#define HOST_TEST(name) cmocka_unit_test_setup_teardown(name, host_open, host_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOST_TEST(test_what_is_held_is_told_again_before_the_store_forgets_it_however_long_a_rate_is),
		HOST_TEST(test_a_lease_that_is_given_back_while_the_limits_are_read_again_is_told_with_what_is_held),
		HOST_TEST(test_an_answer_that_comes_while_the_limits_are_read_again_leaves_the_lease),
		HOST_TEST(test_no_answer_leases_more_than_the_limit_even_while_the_limits_are_read_again),
		HOST_TEST(test_a_limit_that_nobody_has_any_more_is_forgotten_although_a_client_was_refused),
		HOST_TEST(test_what_is_given_up_leaves_room_for_handshakes_only_where_the_limit_is_exact),
		HOST_TEST(test_a_host_that_is_to_give_up_a_lease_never_raises_it),
		HOST_TEST(test_the_answer_to_a_release_of_nothing_is_not_taken_for_that_of_an_exchange),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
