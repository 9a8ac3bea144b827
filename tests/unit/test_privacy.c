/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests how addresses are shown: cut, hashed under a key that does not last, or whole. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../policy_text.h"
#include "privacy.h"
#include "redact.h"

static struct privacy *privacy_of(const char *keys)
{
	struct privacy *v = privacy_new();
	struct policy *p;
	char text[256];

	snprintf(text, sizeof(text), "interfaces = {lo}\nservice smtp { ports = {25} }\nprivacy { %s }\n", keys);
	p = policy_of(text);
	assert_non_null(v);
	privacy_set(v, p);
	policy_free(p);
	return v;
}

static const char *show(const struct privacy *v, const char *text, char buf[static ADDR_TEXT_LEN])
{
	struct prefix p;
	const char *why;

	assert_int_equal(prefix_parse(text, &p, &why), 0);
	return privacy_show(v, &p, buf);
}

static void test_addresses_are_truncated_by_default(void **state)
{
	struct privacy *v = privacy_of("");
	char buf[ADDR_TEXT_LEN];

	(void)state;
	assert_string_equal(show(v, "192.0.2.77", buf), "192.0.2.0/24");
	assert_string_equal(show(v, "192.0.0.0/16", buf), "192.0.0.0/16");
	assert_string_equal(show(v, "2001:db8:1:2:3::4", buf), "2001:db8:1::/48");
	assert_string_equal(show(v, "2001:db8:1:2::/64", buf), "2001:db8:1::/48");
	assert_string_equal(show(NULL, "192.0.2.77", buf), "192.0.2.77");
	privacy_free(v);
}

static void test_full_shows_whole_addresses(void **state)
{
	struct privacy *v = privacy_of("addresses = full");
	char buf[ADDR_TEXT_LEN];

	(void)state;
	assert_string_equal(show(v, "2001:db8:1:2:3::4", buf), "2001:db8:1:2:3::4");
	privacy_free(v);
}

static void test_hash_is_the_same_for_one_source_until_the_key_is_replaced(void **state)
{
	struct privacy *v = privacy_of("addresses = hashed retention = 1h"), *other = privacy_of("addresses = hashed");
	char a[ADDR_TEXT_LEN], b[ADDR_TEXT_LEN];

	(void)state;
	privacy_tick(v, 1000);
	assert_string_equal(show(v, "2001:db8:1:2:3::4", a), show(v, "2001:db8:1:2::/64", b));
	assert_string_not_equal(show(v, "2001:db8:1:3::4", a), b);
	show(v, "192.0.2.77", a);
	assert_int_equal(strlen(a), 2 + 16);
	assert_int_equal(strspn(a + 2, "0123456789abcdef"), 16);
	assert_string_not_equal(a, show(v, "192.0.2.78", b));
	assert_string_not_equal(a, show(other, "192.0.2.77", b));
	assert_string_not_equal(show(v, "192.0.2.0/24", a), show(v, "192.0.2.0", b));
	show(v, "192.0.2.77", a);
	privacy_tick(v, 1000 + 3599);
	assert_string_equal(a, show(v, "192.0.2.77", b));
	privacy_tick(v, 1000 + 3600);
	assert_string_not_equal(a, show(v, "192.0.2.77", b));
	privacy_free(v);
	privacy_free(other);
}

/* Frees what it got. */
static void expect_text(char *got, const char *want)
{
	assert_non_null(got);
	assert_string_equal(got, want);
	free(got);
}

static void expect_redacted(const struct privacy *v, const char *text, const char *want)
{
	expect_text(redact_text(v, text), want);
}

static void test_every_address_in_a_text_is_shown_as_the_policy_says(void **state)
{
	struct privacy *v = privacy_of("");

	(void)state;
	expect_redacted(v, "", "");
	expect_redacted(v, "spam, from 192.0.2.77.", "spam, from 192.0.2.0/24.");
	expect_redacted(v, "prefixes={192.0.2.77,2001:db8:1:2::3}", "prefixes={192.0.2.0/24,2001:db8:1::/48}");
	expect_redacted(v, "192.0.2.77:25 and [2001:db8:1:2::3]:25:", "192.0.2.0/24:25 and [2001:db8:1::/48]:25:");
	expect_redacted(v, "192.0.2.77-192.0.3.9", "192.0.2.0/24-192.0.3.0/24");
	expect_redacted(v, "192.0.2.128/25 lies in 192.0.0.0/16", "192.0.2.0/24 lies in 192.0.0.0/16");
	expect_redacted(v, "::ffff:192.0.2.77 192.0.2.77/24 x192.0.2.77", "192.0.2.0/24 192.0.2.0/24 x192.0.2.0/24");
	expect_redacted(v, "ip:192.0.2.77 face192.0.2.77 a.192.0.2.77.example.org",
			"ip:192.0.2.0/24 face192.0.2.0/24 a.192.0.2.0/24.example.org");
	expect_redacted(v, "192.0.2.77:192.0.2.78 dest:2001:db8:1:2::3 192.0.2.77every",
			"192.0.2.0/24:192.0.2.0/24 dest:2001:db8:1::/48 192.0.2.0/24every");
	expect_redacted(v, "2192.0.2.771 0.2.1, version 6.18.1", "2192.0.2.771 0.2.1, version 6.18.1");
	expect_redacted(v, "until 2026-01-31 12:00:00 UTC, 60/1m, 1.2.3, f2b-sshd, a:b, dead.",
			"until 2026-01-31 12:00:00 UTC, 60/1m, 1.2.3, f2b-sshd, a:b, dead.");
	privacy_free(v);
	v = privacy_of("addresses = full");
	expect_redacted(v, "spam from 192.0.2.77.", "spam from 192.0.2.77.");
	privacy_free(v);
}

static void expect_order(const struct privacy *v, const char *text, const char *want)
{
	expect_text(redact_order(v, text), want);
}

static void test_an_order_says_how_long_a_prefix_was_but_not_where_it_ends(void **state)
{
	struct privacy *v = privacy_of("");
	char *hashed;

	(void)state;
	expect_order(v, "ban prefix=192.0.2.77 for=1h", "ban prefix=192.0.2.0/24 (a /32) for=1h");
	expect_order(v, "ban prefix=192.0.2.128/25", "ban prefix=192.0.2.0/24 (a /25)");
	expect_order(v, "ban prefix=192.0.2.0/24", "ban prefix=192.0.2.0/24");
	expect_order(v, "ban prefix=2001:db8:1:2::/64", "ban prefix=2001:db8:1::/48 (a /64)");
	expect_order(v, "ban prefix=2001:db8::/32 by=me", "ban prefix=2001:db8::/32 by=me");
	privacy_free(v);
	v = privacy_of("addresses = full");
	expect_order(v, "ban prefix=192.0.2.77", "ban prefix=192.0.2.77");
	privacy_free(v);
	v = privacy_of("addresses = hashed");
	hashed = redact_order(v, "192.0.0.0/16");
	assert_string_equal(hashed + strlen("h-0123456789abcdef"), " (a /16)");
	free(hashed);
	privacy_free(v);
}

static const char *keep(const struct privacy *v, const char *text, char buf[static ADDR_TEXT_LEN])
{
	struct sluice_addr a;
	struct prefix kept;

	assert_int_equal(addr_parse(text, &a), 0);
	kept = privacy_keep(v, &a);
	return privacy_kept_format(&kept, buf);
}

static void test_at_most_a_source_is_kept_and_it_is_found_again(void **state)
{
	static const char *const forms[] = { "addresses = truncated", "addresses = hashed", "addresses = full" };
	static const char *const want[] = { "2001:db8:1::/48", "h-", "2001:db8:1:2::/64" };
	struct prefix kept, asked, wide, other;
	struct privacy *v;
	char buf[ADDR_TEXT_LEN], shown[ADDR_TEXT_LEN];
	const char *why;
	size_t i;

	(void)state;
	prefix_parse("2001:db8:1:2::/64", &asked, &why);
	prefix_parse("2001:db8::/32", &wide, &why);
	prefix_parse("2001:db9::1", &other, &why);
	for (i = 0; i < 3; i++) {
		v = privacy_of(forms[i]);
		assert_memory_equal(keep(v, "2001:db8:1:2:3::4", buf), want[i], strlen(want[i]));
		if (i == 1)
			assert_string_equal(buf, show(v, "2001:db8:1:2:3::4", shown));
		kept = privacy_keep(v, &asked.addr);
		assert_true(privacy_kept_is(v, &kept, &asked));
		assert_int_equal(privacy_kept_is(v, &kept, &wide), i != 1);
		assert_false(privacy_kept_is(v, &kept, &other));
		assert_int_equal(privacy_shows(v, &asked), i == 2);
		assert_int_equal(privacy_shows(v, &wide), i != 1);
		privacy_free(v);
	}
}

static void test_what_an_earlier_policy_kept_stays_only_if_this_one_would_keep_it(void **state)
{
	static const char *const forms[] = { "addresses = truncated", "addresses = hashed", "addresses = full" };
	static const struct {
		const char *kept;
		bool may[3]; /* by the form */
	} cases[] = {
		{ "192.0.2.0/24", { true, false, true } },	{ "192.0.2.77", { false, false, true } },
		{ "2001:db8:1::/48", { true, false, true } },	{ "2001:db8:1:2::/64", { false, false, true } },
		{ "2001:db8:1:2::3", { false, false, false } }, { "h-0123456789abcdef", { false, true, false } },
	};
	struct prefix kept;
	struct privacy *v;
	size_t i, j;

	(void)state;
	for (i = 0; i < 3; i++) {
		v = privacy_of(forms[i]);
		for (j = 0; j < sizeof(cases) / sizeof(*cases); j++) {
			assert_int_equal(privacy_kept_parse(cases[j].kept, &kept), 0);
			assert_int_equal(privacy_may_keep(v, &kept), cases[j].may[i]);
		}
		privacy_free(v);
	}
	assert_int_equal(privacy_kept_parse("h-0123456789abcdef0", &kept), -EINVAL);
	assert_int_equal(privacy_kept_parse("h-0123456789abcde", &kept), -EINVAL);
	assert_int_equal(privacy_kept_parse("192.0.2.300", &kept), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_are_truncated_by_default),
		cmocka_unit_test(test_full_shows_whole_addresses),
		cmocka_unit_test(test_hash_is_the_same_for_one_source_until_the_key_is_replaced),
		cmocka_unit_test(test_every_address_in_a_text_is_shown_as_the_policy_says),
		cmocka_unit_test(test_an_order_says_how_long_a_prefix_was_but_not_where_it_ends),
		cmocka_unit_test(test_at_most_a_source_is_kept_and_it_is_found_again),
		cmocka_unit_test(test_what_an_earlier_policy_kept_stays_only_if_this_one_would_keep_it),
	};

	return cmocka_run_group_tests_name("privacy", tests, NULL, NULL);
}
