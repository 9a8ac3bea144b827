/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests how addresses and prefixes are read, printed and compared. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>

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

static void test_a_length_counts_in_the_form_that_the_address_is_written_in(void **state)
{
	struct prefixes list = {};
	const char *why;

	(void)state;
	EXPECT("::ffff:192.0.2.0/120", "192.0.2.0/24");
	EXPECT("::ffff:c000:200/120", "192.0.2.0/24");
	EXPECT("::ffff:0:0/96", "0.0.0.0/0");
	assert_int_equal(prefixes_parse(&list, "::ffff:192.0.2.0/24", &why), -EINVAL);
	assert_non_null(strstr(why, "bits beyond its prefix length"));
}

static void test_an_ipv6_prefix_never_covers_ipv4(void **state)
{
	struct sluice_addr ipv4, ipv6;
	struct prefix all, ipv4_all;
	const char *why;

	(void)state;
	assert_int_equal(addr_parse("198.51.100.7", &ipv4), 0);
	assert_int_equal(addr_parse("2001:db8::7", &ipv6), 0);
	assert_int_equal(prefix_parse("::/0", &all, &why), 0);
	assert_int_equal(prefix_parse("0.0.0.0/0", &ipv4_all, &why), 0);
	assert_true(prefix_holds(&all, &ipv6) && !prefix_holds(&all, &ipv4));
	assert_true(prefix_holds(&ipv4_all, &ipv4) && !prefix_holds(&ipv4_all, &ipv6));
	assert_true(!prefix_covers(&all, &ipv4_all) && !prefix_covers(&ipv4_all, &all));
	EXPECT("::fffe:ffff:ffff-::1:0:0:1", "::fffe:ffff:ffff", "::1:0:0:0/127");
}

static void test_a_prefix_covers_those_inside_it_and_no_wider_one(void **state)
{
	static const char *const inside[] = { "192.0.2.0/24", "192.0.2.0/25", "192.0.2.0", "192.0.2.255" };
	static const char *const outside[] = { "192.0.2.0/23", "192.0.3.0", "0.0.0.0/0", "::/0", "c000:200::/24" };
	struct prefix p, other;
	const char *why;
	size_t i;

	(void)state;
	assert_int_equal(prefix_parse("192.0.2.0/24", &p, &why), 0);
	for (i = 0; i < sizeof(inside) / sizeof(*inside); i++) {
		assert_int_equal(prefix_parse(inside[i], &other, &why), 0);
		assert_true(prefix_covers(&p, &other));
	}
	for (i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
		assert_int_equal(prefix_parse(outside[i], &other, &why), 0);
		assert_false(prefix_covers(&p, &other));
	}
}

static void test_one_address_is_one_however_it_is_written(void **state)
{
	static const char *const same[] = { "192.0.2.1",	   "192.0.2.1/32",	  "::ffff:192.0.2.1",
					    "::ffff:c000:201/128", "192.0.2.1-192.0.2.1", "192.0.2.1/255.255.255.255" };
	struct sluice_addr a, want;
	const char *why;
	size_t i;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.1", &want), 0);
	for (i = 0; i < sizeof(same) / sizeof(*same); i++) {
		assert_int_equal(address_parse(same[i], &a, &why), 0);
		assert_memory_equal(&a, &want, sizeof(a));
	}
	assert_int_equal(address_parse("192.0.2.0/31", &a, &why), -EINVAL);
	assert_non_null(strstr(why, "more than one address"));
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
		cmocka_unit_test(test_a_length_counts_in_the_form_that_the_address_is_written_in),
		cmocka_unit_test(test_an_ipv6_prefix_never_covers_ipv4),
		cmocka_unit_test(test_a_prefix_covers_those_inside_it_and_no_wider_one),
		cmocka_unit_test(test_one_address_is_one_however_it_is_written),
		cmocka_unit_test(test_range_becomes_the_fewest_prefixes),
		cmocka_unit_test(test_all_of_ipv6_does_not_mean_ipv4),
		cmocka_unit_test(test_what_is_no_prefix_is_refused_with_a_reason),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
