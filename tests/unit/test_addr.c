/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "addr.h"

static void expect(const char *text, const char *const *want, size_t n)
{
	char buf[ADDR_TEXT_LEN];
	struct prefixes list = {};
	const char *why;
	size_t i;

	assert_int_equal(prefixes_parse(&list, text, &why), 0);
	assert_int_equal(list.count, n);
	for (i = 0; i < n; i++)
		assert_string_equal(prefix_format(&list.item[i], buf), want[i]);
	prefixes_free(&list);
}

#define EXPECT(text, ...)                                            \
	do {                                                         \
		const char *const want_[] = { __VA_ARGS__ };         \
		expect(text, want_, sizeof(want_) / sizeof(*want_)); \
	} while (0)

static void test_prefixes_of_both_families_read_back(void **state)
{
	(void)state;
	EXPECT("192.0.2.1", "192.0.2.1");
	EXPECT("192.0.2.0/24", "192.0.2.0/24");
	EXPECT("0.0.0.0/0", "0.0.0.0/0");
	EXPECT("10.1.0.0/255.255.0.0", "10.1.0.0/16");
	EXPECT("2001:db8::/32", "2001:db8::/32");
	EXPECT("::ffff:192.0.2.1", "192.0.2.1");
}

static void test_range_becomes_the_fewest_prefixes(void **state)
{
	(void)state;
	EXPECT("10.0.0.0-10.0.0.255", "10.0.0.0/24");
	EXPECT("10.0.0.1-10.0.0.6", "10.0.0.1", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6");
	EXPECT("255.255.255.254-255.255.255.255", "255.255.255.254/31");
	EXPECT("2001:db8::-2001:db8::1", "2001:db8::/127");
	EXPECT("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

static void test_all_of_ipv6_does_not_mean_ipv4(void **state)
{
	struct sluice_addr ipv4, ipv6, cut;
	struct prefixes list = {};
	const char *why;
	size_t i, hits4 = 0, hits6 = 0;

	(void)state;
	assert_int_equal(addr_parse("198.51.100.7", &ipv4), 0);
	assert_int_equal(addr_parse("2001:db8::7", &ipv6), 0);
	assert_int_equal(prefixes_parse(&list, "::/0", &why), 0);
	for (i = 0; i < list.count; i++) {
		cut = addr_mask(&ipv4, list.item[i].len);
		hits4 += !memcmp(&cut, &list.item[i].addr, sizeof(cut));
		cut = addr_mask(&ipv6, list.item[i].len);
		hits6 += !memcmp(&cut, &list.item[i].addr, sizeof(cut));
	}
	prefixes_free(&list);
	assert_int_equal(hits4, 0);
	assert_int_equal(hits6, 1);
}

static void test_what_is_no_prefix_is_refused_with_a_reason(void **state)
{
	static const char *const bad[] = {
		"",	      "x",	     "1.2.3",		"1.2.3.4/33",  "1.2.3.4/-1",
		"10.0.0.1/8", "::1/129",     "10.0.0.0/",	"10.0.0.0/8x", "1.2.3.4-",
		"-1.2.3.4",   "::1-1.2.3.4", "1.2.3.9-1.2.3.4", "01.2.3.4",    "1.0.0.0/255.0.255.0"
	};
	struct prefixes list = {};
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_not_equal(prefixes_parse(&list, bad[i], &why), 0);
		assert_non_null(why);
		assert_int_equal(list.count, 0);
	}
	prefixes_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefixes_of_both_families_read_back),
		cmocka_unit_test(test_range_becomes_the_fewest_prefixes),
		cmocka_unit_test(test_all_of_ipv6_does_not_mean_ipv4),
		cmocka_unit_test(test_what_is_no_prefix_is_refused_with_a_reason),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
