/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests the gate's own counters and limits over made-up tables: the kernel gives an element of a table to another source while a pointer
 * to it is still in use.
 */
#include "counter_world.h"

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

static void test_what_an_answered_client_takes_is_sure_until_it_is_given_back(void **state)
{
	struct take take = { .reserve = 1 }, answered = { .reserve = 1, .proven = 1 }, firm = answered;
	struct give back = { .reserved = 1, .proven = 1 };
	struct sluice_holding h = held(1);

	(void)state;
	h.holds = 0;
	assert_int_equal(holding_take(&h, &rule, &row, &answered), SLUICE_ADMITTED);
	assert_int_equal(element.proven, 1);
	assert_int_equal(total[1].proven, 1);
	assert_int_equal(counter_sure(&element), 1);
	holding_give(&h, &back);
	assert_int_equal(element.held, 2);
	assert_int_equal(element.proven, 0);
	assert_int_equal(total[1].proven, 0);
	element.held = element.reserved = 5;
	h.holds = 0;
	assert_int_equal(holding_take(&h, &rule, &row, &take), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(holding_take(&h, &rule, &row, &answered), SLUICE_SOURCE_CONNECTIONS);
	firm.overbook = 1; /* handshakes that nobody has answered do not stand in its way */
	assert_int_equal(holding_take(&h, &rule, &row, &firm), SLUICE_ADMITTED);
	element.reserved = element.proven;
	assert_int_equal(holding_take(&h, &rule, &row, &firm), SLUICE_SOURCE_CONNECTIONS);
}

static void test_asking_changes_nothing(void **state)
{
	struct take dry = { .reserve = 1, .proven = 1, .dry = 1 };
	struct sluice_holding h = held(1);
	struct sluice_counter before = element, before_total = total[1];

	(void)state;
	assert_int_equal(holding_prove(&h, &rule, &row, 0, 1), SLUICE_ADMITTED);
	h.holds = 0;
	assert_int_equal(holding_take(&h, &rule, &row, &dry), SLUICE_ADMITTED);
	element.held = before.held = 5;
	assert_int_equal(holding_take(&h, &rule, &row, &dry), SLUICE_SOURCE_CONNECTIONS);
	assert_memory_equal(&element, &before, sizeof(element));
	assert_memory_equal(&total[1], &before_total, sizeof(total[1]));
	h = held_with_first();
	assert_int_equal(holding_prove(&h, &rule, &row, 0, 1), SLUICE_ADMITTED);
	assert_int_equal(element.first_unanswered, 1);
}

static void test_a_counter_that_is_made_has_what_is_taken(void **state)
{
	const struct sluice_rule often = { .source = { .connections = 5, .rate = 3, .width_ns = 50000000 } };
	struct take syn = { .reserve = 1, .now = 7 }, answered = { .reserve = 1, .proven = 1 }, stands = { .force = 1 };
	struct take dry = { .reserve = 1, .dry = 1 };
	struct sluice_holding h = held(1);

	(void)state;
	source_found = NULL;
	has_room = 1;
	entered.held = h.holds = 0;
	assert_int_equal(holding_take(&h, &often, &row, &dry), SLUICE_ADMITTED);
	assert_int_equal(entered.held, 0);
	h.source_seconds = 1;
	assert_int_equal(holding_take(&h, &often, &row, &syn), SLUICE_ADMITTED);
	assert_int_equal(h.holds, SLUICE_HOLDS_SOURCE | SLUICE_HOLDS_FIRST | SLUICE_HOLDS_SERVICE);
	assert_true(key_is(&entered.of, &h.source));
	assert_true(entered.held == 1 && entered.reserved == 1 && !entered.proven &&
		    entered.state == SLUICE_COUNTER_NEW);
	assert_true(entered.first_seconds == 1 && entered.first_ns == 7 && entered.first_unanswered);
	h.holds = 0;
	assert_int_equal(holding_take(&h, &often, &row, &answered), SLUICE_ADMITTED);
	assert_true(entered.reserved == 1 && entered.proven == 1 && !entered.first_unanswered);
	h.holds = 0;
	assert_int_equal(holding_take(&h, &often, &row, &stands), SLUICE_ADMITTED);
	assert_true(!entered.reserved && entered.state == SLUICE_COUNTER_PROVEN && !entered.first_seconds);
	has_room = 0;
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

static void test_a_note_of_a_time_is_good_on_a_host_that_has_been_up_for_years(void **state)
{
	static const uint64_t up_for[] = { 90000000000000ULL, 1ULL << 52, (1ULL << 52) + 5000000000, 1ULL << 57 };
	const uint64_t ago[] = { 0, 999000000, 86400000000000 };
	uint64_t then, noted;
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(up_for) / sizeof(*up_for); i++) {
		for (j = 0; j < sizeof(ago) / sizeof(*ago); j++) {
			then = up_for[i] - ago[j];
			noted = taken_time(taken_note(then), up_for[i]);
			assert_true(noted <= then && then - noted < 1 << TAKEN_SHIFT);
		}
	}
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
	holding_unprove(&h, h.holds); /* another limit was full */
	assert_int_equal(element.first_unanswered, 1);
	assert_int_equal(holding_prove(&h, &rule, &row, 0, 0), SLUICE_ADMITTED);
	holding_give(&h, &answered); /* the host had no room for it: what completes it is charged again */
	assert_int_equal(element.held, 0);
	assert_int_equal(element.first_seconds, 0);
	h = held_with_first();
	holding_settle(&h, 0);
	assert_int_equal(element.first_unanswered, 0);
	holding_give(&h, &closed);
	assert_int_equal(element.first_seconds, 1);
	assert_int_equal(element.state, SLUICE_COUNTER_PROVEN); /* it is remembered */
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
		cmocka_unit_test(test_what_an_answered_client_takes_is_sure_until_it_is_given_back),
		cmocka_unit_test(test_asking_changes_nothing),
		cmocka_unit_test(test_a_counter_that_is_made_has_what_is_taken),
		cmocka_unit_test(test_an_element_that_is_another_sources_by_now_is_left_alone),
		cmocka_unit_test(test_a_counter_that_is_gone_lets_nobody_in),
		cmocka_unit_test(test_no_counter_keeps_an_answer_if_another_one_is_full),
		cmocka_unit_test(test_a_note_of_a_time_is_good_on_a_host_that_has_been_up_for_years),
		cmocka_unit_test(test_a_counter_that_cannot_be_deleted_lives_on),
		cmocka_unit_test(test_an_event_is_moved_in_the_bucket_of_its_syn),
		cmocka_unit_test(test_a_first_event_stays_with_a_connection_and_goes_with_a_handshake),
		cmocka_unit_test(test_a_first_event_and_the_others_have_one_limit),
		cmocka_unit_test(test_a_fleet_is_told_only_of_what_is_sure),
		cmocka_unit_test(test_a_lease_of_nothing_lets_nobody_in_and_makes_no_counter),
	};

	return cmocka_run_group_tests_name("counter", tests, NULL, NULL);
}
