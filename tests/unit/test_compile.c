/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests that policies follow the documented rules of other mail servers, and that a dump reads as the same policy again. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../policy_text.h"

#include "clone.h"
#include "compile.h"
#include "dump.h"
#include "parse.h"
#include "plan.h"

static struct registry registry;

static struct compiled *compiled_of(const struct policy *p)
{
	struct compiled *c = NULL;
	struct diag d = {};

	assert_int_equal(policy_compile(p, &registry, &c, &d), 0);
	diag_free(&d);
	return c;
}

static const struct sluice_rule *rule_of(const struct compiled *c, const char *address, const char *service)
{
	struct sluice_addr a;

	assert_int_equal(addr_parse(address, &a), 0);
	return compiled_rule(c, spans_find(&c->classified.leaves, number_of(&a)), registry_service(&registry, service));
}

#define HEAD                                                                                                         \
	"interfaces = {eth0}\nservice smtp { ports = {25} max-connections = 100 max-connections-per-source = 5% }\n" \
	"service imap { ports = {143} max-connections-per-source = 7 }\n"

static void expect_rule(const char *sets, const char *address, enum sluice_action action, uint32_t most)
{
	char text[2048];
	struct policy *p;
	struct compiled *c;

	snprintf(text, sizeof(text), "%s%s", HEAD, sets);
	p = policy_of(text);
	c = compiled_of(p);
	assert_int_equal(rule_of(c, address, "smtp")->action, action);
	if (action == SLUICE_ACTION_LIMIT)
		assert_int_equal(rule_of(c, address, "smtp")->source.connections, most);
	compiled_free(c);
	policy_free(p);
}

#define DENY(name, prefix, priority) \
	"source-set " name " { prefixes = {" prefix "} action = deny priority = " priority " }\n"
#define ALLOW(name, prefix, priority) \
	"source-set " name " { prefixes = {" prefix "} action = allow priority = " priority " }\n"
#define LIMIT(name, prefix, most, priority)                                                                        \
	"source-set " name " { prefixes = {" prefix "} max-connections-per-source = " most " priority = " priority \
	" }\n"

static void test_axigen_service_rules_apply_if_nothing_matches(void **state)
{
	(void)state;
	expect_rule(DENY("a", "10.0.0.0/8", "1"), "192.0.2.1", SLUICE_ACTION_LIMIT, 5);
}

static void test_axigen_a_source_that_only_a_deny_matches_is_refused(void **state)
{
	(void)state;
	expect_rule(DENY("a", "10.0.0.0/8", "1"), "10.1.1.1", SLUICE_ACTION_DENY, 0);
}

static void test_axigen_lower_number_wins_between_allow_and_deny(void **state)
{
	(void)state;
	expect_rule(DENY("a", "10.0.0.0/8", "5") LIMIT("b", "10.1.0.0/16", "30", "4"), "10.1.1.1", SLUICE_ACTION_LIMIT,
		    30);
	expect_rule(DENY("a", "10.0.0.0/8", "5") LIMIT("b", "10.1.0.0/16", "30", "6"), "10.1.1.1", SLUICE_ACTION_DENY,
		    0);
}

static void test_axigen_allow_rule_carries_limits_of_its_own(void **state)
{
	(void)state;
	expect_rule(LIMIT("b", "10.1.0.0/16", "30", "10"), "10.1.1.1", SLUICE_ACTION_LIMIT, 30);
	expect_rule(LIMIT("b", "10.1.0.0/16", "0", "10"), "10.1.1.1", SLUICE_ACTION_LIMIT, 0);
	expect_rule("source-set b { prefixes = {10.1.0.0/16} services = {smtp} max-connections-per-source = 10% }\n",
		    "10.1.1.1", SLUICE_ACTION_LIMIT, 10);
}

static void test_axigen_rule_that_is_not_enabled_does_nothing(void **state)
{
	(void)state;
	expect_rule("source-set a { prefixes = {10.0.0.0/8} action = deny enabled = false }\n", "10.1.1.1",
		    SLUICE_ACTION_LIMIT, 5);
}

static void test_axigen_ip_sets_are_intervals_masks_and_sizes(void **state)
{
	static const char *const forms[] = { "10.1.1.0-10.1.1.9", "10.1.1.0/255.255.255.0", "10.1.1.0/24", "10.1.1.1" };
	char set[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		snprintf(set, sizeof(set), "source-set a { prefixes = {%s} action = deny }\n", forms[i]);
		expect_rule(set, "10.1.1.1", SLUICE_ACTION_DENY, 0);
		expect_rule(set, "10.1.2.1", SLUICE_ACTION_LIMIT, 5);
	}
}

static void test_axigen_global_deny_list_is_a_set_of_all_services(void **state)
{
	struct policy *p = policy_of(HEAD DENY(
		"a", "10.0.0.0/8",
		"100") "source-set b { prefixes = {10.0.0.0/8} services = {imap} action = allow priority = 1 }\n");
	struct compiled *c = compiled_of(p);

	(void)state;
	assert_int_equal(rule_of(c, "10.0.0.1", "smtp")->action, SLUICE_ACTION_DENY);
	assert_int_equal(rule_of(c, "10.0.0.1", "imap")->action, SLUICE_ACTION_ALLOW);
	compiled_free(c);
	policy_free(p);
}

static void test_ties_go_to_allow_then_deny_then_the_longest_prefix(void **state)
{
	(void)state;
	expect_rule(DENY("a", "10.1.1.0/24", "9") ALLOW("b", "10.0.0.0/8", "9"), "10.1.1.1", SLUICE_ACTION_ALLOW, 0);
	expect_rule(LIMIT("a", "10.1.1.0/24", "3", "9") DENY("b", "10.0.0.0/8", "9"), "10.1.1.1", SLUICE_ACTION_DENY,
		    0);
	expect_rule(LIMIT("a", "10.1.1.0/24", "3", "9") LIMIT("b", "10.0.0.0/8", "4", "9"), "10.1.1.1",
		    SLUICE_ACTION_LIMIT, 3);
	expect_rule(LIMIT("b", "10.0.0.0/8", "4", "9") LIMIT("a", "10.0.0.0/8", "3", "9"), "10.1.1.1",
		    SLUICE_ACTION_LIMIT, 4);
}

/* Expects that what no rate limits is counted in this interval, and that a source is kept for `kept` seconds. */
static void expect_counted(const char *sections, uint32_t interval, uint32_t kept)
{
	const struct sluice_limit *each, *all;
	struct policy *p;
	struct compiled *c;
	char text[512];

	snprintf(text, sizeof(text), "%s%s", HEAD, sections);
	p = policy_of(text);
	c = compiled_of(p);
	each = &rule_of(c, "192.0.2.1", "smtp")->source;
	all = &c->services[registry_service(&registry, "smtp")].total;
	assert_int_equal(each->rate + all->rate, 0);
	assert_int_equal(each->width_ns * (SLUICE_RATE_BUCKETS - 1), interval * 1000000000ULL);
	assert_int_equal(all->width_ns, each->width_ns);
	assert_int_equal(c->generation.retention_ns, kept * 1000000000ULL);
	compiled_free(c);
	policy_free(p);
}

static void
test_without_a_rate_counting_is_by_the_minute_and_nothing_is_kept_for_longer_than_the_policy_says(void **state)
{
	(void)state;
	expect_counted("", 60, 600);
	expect_counted("sources { retention = 10s }\n", 10, 10);
	expect_counted("sources { retention = 20s }\nprivacy { retention = 5s }\n", 5, 5);
	expect_counted("sources { retention = 5m }\nprivacy { retention = 1h }\n", 60, 300);
}

static void test_a_share_is_at_least_one_and_of_the_set_only_where_the_set_says_it(void **state)
{
	(void)state;
	expect_rule("source-set a { prefixes = {10.0.0.0/8} max-connections = 10 max-connections-per-source = 1% }\n",
		    "10.1.1.1", SLUICE_ACTION_LIMIT, 1);
	expect_rule("source-set a { prefixes = {10.0.0.0/8} max-connections = 1000 max-connections-per-source = 2% }\n",
		    "10.1.1.1", SLUICE_ACTION_LIMIT, 20);
	expect_rule("source-set a { prefixes = {10.0.0.0/8} max-connections = 1000 }\n", "10.1.1.1",
		    SLUICE_ACTION_LIMIT, 5);
}

static void test_a_set_may_reach_to_the_end_of_the_address_space(void **state)
{
	static const char *const sets[] = { DENY("a", "ff00::/8", "1"), DENY("a", "::/0", "1"),
					    DENY("a", "ff00::/8", "1") DENY("b", "ffff::/16", "1") };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		expect_rule(sets[i], "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", SLUICE_ACTION_DENY, 0);
		expect_rule(sets[i], "ff00::", SLUICE_ACTION_DENY, 0);
		expect_rule(sets[i], "192.0.2.1", SLUICE_ACTION_LIMIT, 5);
		expect_rule(sets[i], "2001:db8::1", i == 1 ? SLUICE_ACTION_DENY : SLUICE_ACTION_LIMIT, 5);
	}
}

/* Returns a policy in which each of 2^bits addresses is in another combination of sets, each of which is at a service of its own. */
static struct policy *combinations(unsigned int bits)
{
	struct policy *p;
	unsigned int i, n;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fputs("interfaces = {eth0}\n", out);
	for (i = 0; i < bits; i++) {
		fprintf(out,
			"service s%u { ports = {%u} }\nsource-set a%u { services = {s%u} action = deny prefixes = {", i,
			i + 1, i, i);
		for (n = 1U << i; n < 1U << bits; n += 2U << i)
			fprintf(out, "10.0.%u.%u/%u,", n >> 8, n & 255, 32 - i);
		fputs("} }\n", out);
	}
	fclose(out);
	p = policy_of(text);
	free(text);
	return p;
}

static void test_a_policy_with_more_classes_than_the_tables_have_is_refused(void **state)
{
	struct policy *most = combinations(12), *more = combinations(13);
	struct registry names = {};
	struct compiled *c = NULL;
	struct diag d = {};

	(void)state;
	assert_int_equal(policy_compile(most, &names, &c, &d), 0);
	assert_int_equal(c->classes_count, SLUICE_MAX_CLASSES);
	compiled_free(c);
	assert_int_equal(policy_compile(more, &names, &c, &d), -EINVAL);
	assert_non_null(strstr(d.item[0].text, "there are too many sets"));
	diag_free(&d);
	policy_free(most);
	policy_free(more);
}

static void random_address(char *out, size_t size)
{
	if (rand() % 3)
		snprintf(out, size, "10.%d.%d.%d", rand() % 2, rand() % 2, rand() % 8);
	else
		snprintf(out, size, "2001:db8:0:%d::%d", rand() % 2, rand() % 8);
}

static size_t random_set(char *out, size_t size, int number)
{
	static const char *const what[] = { "action = allow", "action = deny", "max-connections-per-source = 3",
					    "max-rate = 9/1m" };
	static const char *const where[] = { "", "services = {smtp}", "services = {imap}", "enabled = no" };
	char a[64], *cut;
	int len = rand() % 3 ? 29 + rand() % 4 : 8 + rand() % 25;

	random_address(a, sizeof(a));
	if (strchr(a, ':')) {
		cut = strrchr(a, ':');
		strcpy(cut, rand() % 2 ? ":/64" : ":/48");
		if (!strcmp(cut, ":/48"))
			strcpy(a, "2001:db8::/48");
	} else {
		struct sluice_addr addr;
		struct prefix p;

		addr_parse(a, &addr);
		p = (struct prefix){ addr_mask(&addr, 96 + len), 96 + len };
		prefix_format(&p, a);
	}
	return snprintf(out, size, "source-set s%d { prefixes = {%s} %s %s priority = %d }\n", number, a,
			what[rand() % 4], where[rand() % 4], rand() % 3);
}

static void test_random_policies_dump_to_equal_policies(void **state)
{
	struct policy *p, *again, *copy;
	char text[8192], *dumped;
	struct plan *plan;
	int round, i;
	size_t n, size;
	FILE *out;

	(void)state;
	srand(143);
	for (round = 0; round < 200; round++) {
		n = snprintf(text, sizeof(text), "mode = observe\nsources { retention = %ds }\n%s", 1 + rand() % 5000,
			     HEAD);
		for (i = 0; i < rand() % 12; i++)
			n += random_set(text + n, sizeof(text) - n, i);
		p = policy_of(text);
		copy = policy_clone(p);
		out = open_memstream(&dumped, &size);
		assert_int_equal(policy_dump(copy, out), 0);
		fclose(out);
		again = policy_of(dumped);
		assert_int_equal(plan_diff(p, again, &plan), 0);
		if (plan->count)
			fail_msg("%s\n%s", plan->item[0].what, dumped);
		plan_free(plan);
		free(dumped);
		policy_free(copy);
		policy_free(again);
		policy_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_axigen_service_rules_apply_if_nothing_matches),
		cmocka_unit_test(test_axigen_a_source_that_only_a_deny_matches_is_refused),
		cmocka_unit_test(test_axigen_lower_number_wins_between_allow_and_deny),
		cmocka_unit_test(test_axigen_allow_rule_carries_limits_of_its_own),
		cmocka_unit_test(test_axigen_rule_that_is_not_enabled_does_nothing),
		cmocka_unit_test(test_axigen_ip_sets_are_intervals_masks_and_sizes),
		cmocka_unit_test(test_axigen_global_deny_list_is_a_set_of_all_services),
		cmocka_unit_test(test_ties_go_to_allow_then_deny_then_the_longest_prefix),
		cmocka_unit_test(
			test_without_a_rate_counting_is_by_the_minute_and_nothing_is_kept_for_longer_than_the_policy_says),
		cmocka_unit_test(test_a_share_is_at_least_one_and_of_the_set_only_where_the_set_says_it),
		cmocka_unit_test(test_a_set_may_reach_to_the_end_of_the_address_space),
		cmocka_unit_test(test_a_policy_with_more_classes_than_the_tables_have_is_refused),
		cmocka_unit_test(test_random_policies_dump_to_equal_policies),
	};

	return cmocka_run_group_tests_name("compile", tests, NULL, NULL);
}
