/* SPDX-License-Identifier: BSD-2-Clause */
/* Buckets of peaks, and what limits come of them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "../policy_text.h"
#include "suggest.h"

static void test_limit_refuses_all_that_peaked_above_it(void **state)
{
	/* 900 sources peaked at 1, 95 at 2, 4 at 3 or 4, and one between 513 and 1024 */
	uint32_t histogram[SLUICE_PEAKS] = { 900, 95, 4, [10] = 1 };
	struct suggestion s;

	(void)state;
	suggest_from(histogram, &s);
	assert_int_equal(s.sources, 1000);
	assert_int_equal(s.refused[0], 100);
	assert_int_equal(s.refused[1], 5);
	assert_int_equal(s.refused[2], 1);
	assert_int_equal(s.refused[9], 1);
	assert_int_equal(s.refused[10], 0);
	assert_int_equal(s.highest, 10);
	assert_int_equal(s.limit, 4); /* one in a thousand does not set it */
	histogram[0]--;
	suggest_from(histogram, &s);
	assert_int_equal(s.limit, 1024);
}

static void test_nothing_seen_suggests_nothing(void **state)
{
	struct policy *p = policy_of("interfaces = {lo}\nservice smtp { ports = {25} max-connections = 7 }\n");
	struct sluice_peaks peaks = {};
	struct diag d = {};

	(void)state;
	assert_int_equal(suggest_apply(p, "smtp", &peaks, &d), 0);
	assert_int_equal(p->services.item[0].limits.max_connections, 7);
	assert_false(p->services.item[0].limits.max_connections_per_source.given);
	policy_free(p);
}

static void test_suggested_limits_are_set(void **state)
{
	struct policy *p = policy_of("interfaces = {lo}\nservice smtp { ports = {25} }\n");
	struct sluice_peaks peaks = {
		.width_ns = 3000000000, .total_width_ns = 3000000000, .connections = 60, .rate = 90
	};
	struct diag d = {};

	(void)state;
	peaks.source_connections[3] = 5;
	peaks.source_rate[4] = 5;
	assert_int_equal(suggest_apply(p, "smtp", &peaks, &d), 0);
	assert_int_equal(p->services.item[0].limits.max_connections, 120);
	assert_int_equal(p->services.item[0].limits.max_connections_per_source.value, 8);
	assert_int_equal(p->services.item[0].limits.max_rate.count, 180);
	assert_int_equal(p->services.item[0].limits.max_rate.seconds, 60);
	assert_int_equal(p->services.item[0].limits.max_rate_per_source.count, 16);
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit_refuses_all_that_peaked_above_it),
		cmocka_unit_test(test_nothing_seen_suggests_nothing),
		cmocka_unit_test(test_suggested_limits_are_set),
	};

	return cmocka_run_group_tests_name("suggest", tests, NULL, NULL);
}
