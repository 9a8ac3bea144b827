/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests that what a connection holds, or has proved, is at all of its limits or at none, whichever of them is full. */
#include "counter_world.h"

static const struct sluice_limit five = { .connections = 5, .rate = 5, .width_ns = 50000000 };
static const struct sluice_rule all_rule = { .source = { .connections = 5 },
					     .network = { .connections = 5 },
					     .set = five };
static const struct sluice_service all_row = { .total = five };
static struct sluice_counter net;
static struct sluice_counter *const all_counters[] = { &element, &net, &total[2], &total[1] };
static const enum sluice_reason all_reasons[] = { SLUICE_SOURCE_CONNECTIONS, SLUICE_NETWORK_CONNECTIONS,
						  SLUICE_SET_CONNECTIONS,    SLUICE_SERVICE_CONNECTIONS,
						  SLUICE_SET_RATE,	     SLUICE_SERVICE_RATE };

/* Makes a holding of source 1 that has not taken anything, of a network and a set, with limits of 5 everywhere. */
static struct sluice_holding at_all_limits(void)
{
	struct sluice_holding h = held(1);

	h.holds = 0;
	h.network_bits = 120;
	h.set_total = 2;
	net = (struct sluice_counter){ .of = network_of(&h) };
	network_found = &net;
	element.held = element.reserved = total[1].held = total[1].reserved = 0;
	memset(total_rate_row, 0, sizeof(total_rate_row));
	return h;
}

/* Fills the limit that refuses for all_reasons[i] with `n` connections that are sure, or events of such. */
static void fill(size_t i, uint32_t n)
{
	struct sluice_rate *r = &total_rate_row[i == 4 ? 2 : 1];

	if (i < 4)
		all_counters[i]->held += n;
	else
		window_hits(&r->all, n);
}

static void test_after_a_refusal_nothing_is_held_anywhere(void **state)
{
	struct take answered = { .now = clock_now, .reserve = 1, .proven = 1 };
	struct sluice_holding h;
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(all_reasons) / sizeof(*all_reasons); i++) {
		h = at_all_limits();
		rate_advance(&total_rate_row[1], clock_now / five.width_ns, five.width_ns);
		rate_advance(&total_rate_row[2], clock_now / five.width_ns, five.width_ns);
		fill(i, 5);
		assert_int_equal(holding_take(&h, &all_rule, &all_row, &answered), all_reasons[i]);
		assert_int_equal(h.holds, 0);
		for (j = 0; j < 4; j++) {
			assert_int_equal(all_counters[j]->held, i == j ? 5 : 0);
			assert_int_equal(all_counters[j]->reserved + all_counters[j]->proven, 0);
		}
		assert_int_equal(total_rate_row[2].all.sum, i == 4 ? 5 : 0);
		assert_int_equal(total_rate_row[1].all.sum, i == 5 ? 5 : 0);
	}
}

static void test_a_proof_is_at_all_limits_or_at_none(void **state)
{
	struct take take = { .now = clock_now, .reserve = 1 };
	struct sluice_holding h;
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(all_reasons) / sizeof(*all_reasons); i++) {
		h = at_all_limits();
		assert_int_equal(holding_take(&h, &all_rule, &all_row, &take), SLUICE_ADMITTED);
		fill(i, 5);
		assert_int_equal(holding_prove(&h, &all_rule, &all_row, 0, 0), all_reasons[i]);
		for (j = 0; j < 4; j++)
			assert_int_equal(all_counters[j]->proven, 0);
		assert_int_equal(total_rate_row[2].unanswered.sum, 1);
		assert_int_equal(total_rate_row[1].unanswered.sum, 1);
		assert_int_equal(holding_prove(&h, &all_rule, &all_row, 1, 0), SLUICE_ADMITTED); /* it is allowed */
		for (j = 0; j < 4; j++)
			assert_int_equal(all_counters[j]->proven, 1);
		assert_int_equal(total_rate_row[2].unanswered.sum + total_rate_row[1].unanswered.sum, 0);
	}
}

static void test_what_an_answered_client_gives_back_leaves_the_events_of_others(void **state)
{
	struct take take = { .now = clock_now, .reserve = 1 };
	struct give back = { .now = clock_now, .reserved = 1, .proven = 1 };
	struct sluice_holding h = at_all_limits(), other = h;

	(void)state;
	assert_int_equal(holding_take(&other, &all_rule, &all_row, &take), SLUICE_ADMITTED);
	assert_int_equal(holding_take(&h, &all_rule, &all_row, &take), SLUICE_ADMITTED);
	assert_int_equal(holding_prove(&h, &all_rule, &all_row, 0, 0), SLUICE_ADMITTED);
	holding_give(&h, &back);
	assert_int_equal(total_rate_row[1].all.sum, 1);
	assert_int_equal(total_rate_row[1].unanswered.sum, 1);
	assert_int_equal(counter_free(&sources, 0, &h.source, clock_now), 0); /* the other one still holds it */
	assert_int_not_equal(element.state, SLUICE_COUNTER_GONE);
}

static void test_a_full_limit_is_sure_unsure_or_contested_by_what_fills_it(void **state)
{
	static const struct {
		uint32_t held, reserved, proven;
		enum occupancy of_one, of_many;
	} cases[] = {
		{ 4, 4, 0, ROOM_LEFT, ROOM_LEFT },	  { 5, 0, 0, FULL_SURE, FULL_SURE },
		{ 5, 5, 5, FULL_SURE, FULL_SURE },	  { 5, 2, 0, FULL_UNSURE, FULL_UNSURE },
		{ 5, 3, 0, FULL_UNSURE, FULL_CONTESTED }, { 5, 4, 2, FULL_UNSURE, FULL_UNSURE },
		{ 9, 4, 0, FULL_SURE, FULL_SURE },
	};
	struct sluice_counter c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		c = (struct sluice_counter){ .held = cases[i].held,
					     .reserved = cases[i].reserved,
					     .proven = cases[i].proven };
		total[1] = c;
		assert_int_equal(counter_occupancy(&c, 5), cases[i].of_one);
		assert_int_equal(total_occupancy(1, 5), cases[i].of_many);
	}
	assert_int_equal(total_occupancy(1, 0), ROOM_LEFT);
}

static void test_a_network_is_its_first_bits_and_nothing_else(void **state)
{
	static const struct {
		uint32_t bits, word[4];
	} cases[] = { { 120, { 0x20010db8, 0x12345678, 0x9abcdef0, 0x11223300 } },
		      { 96, { 0x20010db8, 0x12345678, 0x9abcdef0, 0 } },
		      { 48, { 0x20010db8, 0x12340000, 0, 0 } },
		      { 33, { 0x20010db8, 0, 0, 0 } },
		      { 1, { 0, 0, 0, 0 } } };
	struct sluice_holding h = { .source.addr = { { htonl(0x20010db8), htonl(0x12345678), htonl(0x9abcdef0),
						       htonl(0x11223344) } } };
	struct sluice_source_key key;
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		h.network_bits = cases[i].bits;
		key = network_of(&h);
		assert_int_equal(key.bits, cases[i].bits);
		assert_int_equal(key.level, SLUICE_LEVEL_NETWORK);
		for (j = 0; j < 4; j++)
			assert_int_equal(ntohl(key.addr.word[j]), cases[i].word[j]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_after_a_refusal_nothing_is_held_anywhere),
		cmocka_unit_test(test_a_proof_is_at_all_limits_or_at_none),
		cmocka_unit_test(test_what_an_answered_client_gives_back_leaves_the_events_of_others),
		cmocka_unit_test(test_a_full_limit_is_sure_unsure_or_contested_by_what_fills_it),
		cmocka_unit_test(test_a_network_is_its_first_bits_and_nothing_else),
	};

	return cmocka_run_group_tests_name("holding", tests, NULL, NULL);
}
