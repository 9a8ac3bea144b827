/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares the gate's own sliding window, with a made-up clock, with a list of all events. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "abi.h"

#include "../../bpf/charge/window.bpf.h"

#define EVENTS 20000
#define INTERVAL 1000000ULL /* ns; 20 buckets of 50,000 */
#define WIDTH (INTERVAL / (SLUICE_RATE_BUCKETS - 1))
#define MOST 40

/* Returns how many of `times` are in (now - span, now]. */
static unsigned int within(const uint64_t *times, size_t count, uint64_t now, uint64_t span)
{
	unsigned int n = 0;

	while (count && times[count - 1] + span > now) {
		count--;
		n++;
	}
	return n;
}

static void test_a_window_is_exact_within_a_twentieth(void **state)
{
	static uint64_t let_in[EVENTS];
	struct sluice_window w = {};
	uint64_t now = 12345678;
	size_t count = 0;
	uint32_t looked;
	int i;

	(void)state;
	srand(7);
	for (i = 0; i < EVENTS; i++) {
		/* crowds, trickles, and now and then a pause longer than the window */
		now += (unsigned int)(i % 3000 < 1000 ? rand() % 3000 : i % 3000 < 2990 ? rand() % 60000 : 3000000);
		looked = window_sum(&w, now / WIDTH, WIDTH);
		window_advance(&w, now / WIDTH, WIDTH);
		assert_int_equal(looked, w.sum);
		if (w.sum < MOST) {
			assert_true(within(let_in, count, now, INTERVAL) < MOST);
			window_hit(&w);
			let_in[count++] = now;
		} else {
			assert_true(within(let_in, count, now, INTERVAL + WIDTH) >= MOST);
		}
	}
	assert_in_range(count, 1000, EVENTS - 1000);
}

static void test_another_interval_begins_at_zero(void **state)
{
	struct sluice_window w = {};

	(void)state;
	window_advance(&w, 100, WIDTH);
	window_hit(&w);
	window_hit(&w);
	assert_int_equal(window_sum(&w, 10, WIDTH * 10), 0);
	window_advance(&w, 10, WIDTH * 10);
	assert_int_equal(w.sum, 0);
	window_refund(&w, 10);
	assert_int_equal(w.sum, 0);
}

static void test_an_event_of_the_past_goes_where_it_belongs(void **state)
{
	struct sluice_window w = {};

	(void)state;
	window_advance(&w, 100, WIDTH);
	window_hit_at(&w, 97);
	window_hit_at(&w, 100);
	window_hit_at(&w, 101); /* not yet */
	window_hit_at(&w, 100 - SLUICE_RATE_BUCKETS); /* no more */
	assert_int_equal(w.sum, 2);
	window_advance(&w, 97 + SLUICE_RATE_BUCKETS, WIDTH);
	assert_int_equal(w.sum, 1);
	window_refund(&w, 97);
	assert_int_equal(w.sum, 1);
	window_refund(&w, 100);
	assert_int_equal(w.sum, 0);
}

static void test_a_window_takes_back_only_what_it_still_has(void **state)
{
	struct sluice_window w = {};

	(void)state;
	window_advance(&w, 100, WIDTH);
	window_hit(&w);
	window_advance(&w, 105, WIDTH);
	window_hit(&w);
	window_refund(&w, 100);
	assert_int_equal(w.sum, 1);
	window_refund(&w, 100);
	assert_int_equal(w.sum, 1);
	window_refund(&w, 50);
	assert_int_equal(w.sum, 1);
	window_refund(&w, 105);
	assert_int_equal(w.sum, 0);
}

static void test_the_clock_of_another_processor_may_lag(void **state)
{
	struct sluice_window w = {};

	(void)state;
	window_advance(&w, 100, WIDTH);
	window_hit(&w);
	window_advance(&w, 99, WIDTH);
	window_hit(&w);
	assert_int_equal(w.sum, 2);
	assert_int_equal(w.epoch, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_window_is_exact_within_a_twentieth),
		cmocka_unit_test(test_another_interval_begins_at_zero),
		cmocka_unit_test(test_an_event_of_the_past_goes_where_it_belongs),
		cmocka_unit_test(test_a_window_takes_back_only_what_it_still_has),
		cmocka_unit_test(test_the_clock_of_another_processor_may_lag),
	};

	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
