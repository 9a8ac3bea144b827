/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests how much address space another policy would refuse: each address counts once, and the result is never negative. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../policy_text.h"
#include "impact.h"

#define BASE "interfaces = {lo}\nservice smtp { ports = {25} }\n"

static struct impact impact_of(const char *prefixes)
{
	struct policy *now = policy_of(BASE), *want;
	struct forecast f;
	struct diag d = {};
	struct impact out;
	char text[512];

	snprintf(text, sizeof(text), BASE "source-set foes { prefixes = {%s} action = deny }\n", prefixes);
	want = policy_of(text);
	assert_int_equal(forecast_make(now, want, &f, &d), 0);
	out = forecast_impact(&f, "smtp");
	forecast_free(&f);
	policy_free(now);
	policy_free(want);
	return out;
}

static void is_about(double a, double b)
{
	if (fabs(a - b) > 1e-9 * fabs(b))
		fail_msg("%g, not %g", a, b);
}

static void test_all_of_both_families_is_all(void **state)
{
	struct impact i = impact_of("0.0.0.0/0, ::/0");

	(void)state;
	is_about(i.refused.share[SLUICE_IPV4], 1);
	is_about(i.refused.share[SLUICE_IPV6], 1);
	assert_true(i.refused.count[SLUICE_IPV4] == 1ULL << 32);
	assert_true(i.refused.count[SLUICE_IPV6] == INT64_MAX);
	assert_int_equal(i.admitted.count[SLUICE_IPV4] + i.admitted.count[SLUICE_IPV6], 0);
}

static void test_half_of_ipv6_is_no_ipv4_and_not_negative(void **state)
{
	struct impact i = impact_of("8000::/1");

	(void)state;
	is_about(i.refused.share[SLUICE_IPV6], 0.5);
	assert_true((int64_t)i.refused.count[SLUICE_IPV6] > 0);
	assert_int_equal(i.refused.count[SLUICE_IPV4], 0);
	i = impact_of("::/1");
	is_about(i.refused.share[SLUICE_IPV6], 0.5);
	assert_int_equal(i.refused.count[SLUICE_IPV4], 0);
}

static void test_a_network_of_64_bits_counts_once(void **state)
{
	struct impact i = impact_of("2001:db8::1, 2001:db8::3, 2001:db8:0:1::/64, 192.0.2.0/30");

	(void)state;
	assert_int_equal(i.refused.count[SLUICE_IPV6], 2);
	assert_int_equal(i.refused.count[SLUICE_IPV4], 4);
	is_about(i.refused.share[SLUICE_IPV4], 4 / 0x1p32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_both_families_is_all),
		cmocka_unit_test(test_half_of_ipv6_is_no_ipv4_and_not_negative),
		cmocka_unit_test(test_a_network_of_64_bits_counts_once),
	};

	return cmocka_run_group_tests_name("impact", tests, NULL, NULL);
}
