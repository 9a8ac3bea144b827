/* SPDX-License-Identifier: BSD-2-Clause */
/* The factor that spreads IPv4 sources over the lines of refusals spreads whole networks, whichever one is drawn. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "internal.h"

#define DRAWN 200
#define BASE 0x0a000001U /* 10.0.0.1 */

/* Returns how many sources the fullest of 2^bits lines has, of so many with this stride. */
static unsigned int fullest(__u32 factor, unsigned int bits, unsigned int sources, __u32 stride)
{
	unsigned int *line = calloc(1U << bits, sizeof(*line)), most = 0, i, n;

	assert_non_null(line);
	for (i = 0; i < sources; i++) {
		n = ++line[(__u32)((BASE + i * stride) * factor) >> (32 - bits)];
		if (n > most)
			most = n;
	}
	free(line);
	return most;
}

static void test_no_line_is_full_of_the_neighbours_of_one_network_or_of_one_address_in_each(void **state)
{
	__u64 factor;
	int i, bits;

	(void)state;
	for (i = 0; i < DRAWN; i++) {
		assert_int_equal(lane_factor(&factor), 0);
		assert_true(factor & 1 && factor <= UINT32_MAX);
		for (bits = 0; bits <= 16; bits += 4)
			assert_true(fullest(factor, 13, 65536, 1U << bits) < SLUICE_REFUSALS_WAYS);
	}
	assert_true(fullest(factor, 17, 1000000, 1) < SLUICE_REFUSALS_WAYS);
}

static void test_every_instance_draws_another(void **state)
{
	__u64 one, other;

	(void)state;
	assert_int_equal(lane_factor(&one), 0);
	assert_int_equal(lane_factor(&other), 0);
	assert_true(one != other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_line_is_full_of_the_neighbours_of_one_network_or_of_one_address_in_each),
		cmocka_unit_test(test_every_instance_draws_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
