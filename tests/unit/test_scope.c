/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests what can be set live: values as in a policy file, for services, sets and single senders. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../policy_text.h"
#include "check.h"

#include "clone.h"
#include "compile.h"
#include "data.h"
#include "scope.h"
#include "sender.h"

static const char text[] =
	"interfaces = {eth0}\n"
	"service smtp { ports = {25} max-connections = 100 max-connections-per-source = 20 max-rate-per-source = 60/1m "
	"deny-countries = {} }\n"
	"service imap { ports = {143} }\n"
	"source-set partners { prefixes = {192.0.2.0/24, 198.51.100.0/24} max-connections-per-source = 40 max-connections = 60 }\n"
	"source-set foes { prefixes = {203.0.113.0/24} action = deny services = {smtp} }\n";

static struct policy *policy;
static struct registry registry;

static int policy_make(void **state)
{
	(void)state;
	policy = policy_of(text);
	return 0;
}

static int policy_unmake(void **state)
{
	(void)state;
	policy_free(policy);
	return 0;
}

static struct scope set_named(const char *name)
{
	struct scope s = { .section = SECTION_SET };

	snprintf(s.title, sizeof(s.title), "%s", name);
	return s;
}

static struct scope sender_of(const char *prefix, const char *service)
{
	struct scope s = scope_of_service(service);
	const char *why;

	s.is_sender = true;
	assert_int_equal(prefix_parse(prefix, &s.sender, &why), 0);
	return s;
}

/* Sets a key and returns its value after that, as static memory. If that is refused, `refused` holds the message. */
static char refused[512];
static const char *value_after(const struct scope *where, const char *key, const char *value)
{
	static char *is;
	struct diag d = {};
	int err = policy_set_value(policy, where, key, value, &d);

	snprintf(refused, sizeof(refused), "%s", d.count ? d.item[0].text : "");
	diag_free(&d);
	assert_int_equal(!err, !*refused);
	free(is);
	is = policy_get_value(policy, where, key);
	return is;
}

static void test_a_list_is_written_with_braces_or_without(void **state)
{
	const struct scope smtp = scope_of_service("smtp"), foes = set_named("foes");

	(void)state;
	assert_string_equal(value_after(&smtp, "ports", "{25, 26}"), "{25, 26}");
	assert_string_equal(value_after(&smtp, "ports", "25 465,587"), "{25, 465, 587}");
	assert_string_equal(value_after(&smtp, "ports", " { \"25\" } "), "{25}");
	assert_string_equal(value_after(&foes, "services", "{imap,smtp}"), "{\"imap\", \"smtp\"}");
	value_after(&smtp, "ports", "{25, 26");
	assert_non_null(strstr(refused, "ports: a brace is missing: write {A, B}"));
	value_after(&smtp, "ports", "{25, 25}");
	assert_non_null(strstr(refused, "'25' appears twice"));
}

static void test_none_and_empty_braces_empty_a_list(void **state)
{
	const struct scope foes = set_named("foes");

	(void)state;
	assert_string_equal(value_after(&foes, "services", "none"), "{}");
	assert_string_equal(value_after(&foes, "services", "{smtp}"), "{\"smtp\"}");
	assert_string_equal(value_after(&foes, "services", "{}"), "{}");
	assert_string_equal(value_after(&foes, "services", "{none}"), "{\"none\"}");
}

static void test_a_set_can_get_other_prefixes_and_other_limits(void **state)
{
	const struct scope partners = set_named("partners"), nobody = set_named("nobody");
	struct sluice_addr a;

	(void)state;
	assert_string_equal(value_after(&partners, "prefixes", "{192.0.2.0/25}"), "{\"192.0.2.0/25\"}");
	assert_int_equal(policy->sets.item[0].prefixes.count, 1);
	assert_int_equal(addr_parse("198.51.100.1", &a), 0);
	assert_false(prefix_holds(&policy->sets.item[0].prefixes.item[0], &a));
	assert_string_equal(value_after(&partners, "max-connections-per-source", "50%"), "50%");
	value_after(&nobody, "max-connections", "5");
	assert_non_null(strstr(refused, "no source-set 'nobody'"));
	value_after(&partners, "max-sauce", "5");
	assert_non_null(strstr(refused, "unknown key 'max-sauce'"));
}

/* Checks how many prefixes the set has of its own, and of its list, after `key` was changed. */
static void holds_after(const char *key, const char *value, size_t own, size_t listed)
{
	const struct scope partners = set_named("partners");
	struct diag d = {};

	value_after(&partners, key, value);
	assert_int_equal(lists_complete(policy, NULL, &d), 0);
	assert_int_equal(policy->sets.item[0].prefixes.count, own);
	assert_int_equal(set_listed(&policy->sets.item[0])->count, listed);
	diag_free(&d);
}

static void test_a_set_that_is_given_a_file_holds_what_is_in_it(void **state)
{
	char path[] = "/tmp/sluice-list-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "203.0.113.7\n203.0.113.9\n", 24), 24);
	holds_after("file", path, 2, 2);
	holds_after("prefixes", "none", 0, 2);
	holds_after("enabled", "false", 0, 0);
	holds_after("enabled", "true", 0, 2);
	unlink(path);
}

static const struct sluice_rule *rule_at(const struct compiled *c, const char *address, const char *service)
{
	struct sluice_addr a;

	assert_int_equal(addr_parse(address, &a), 0);
	return compiled_rule(c, spans_find(&c->classified.leaves, number_of(&a)), registry_service(&registry, service));
}

static struct compiled *compiled(void)
{
	struct compiled *c = NULL;
	struct diag d = {};

	assert_int_equal(policy_compile(policy, &registry, &c, &d), 0);
	return c;
}

static void test_the_limit_of_a_sender_replaces_that_limit_and_nothing_else(void **state)
{
	const struct scope partner = sender_of("192.0.2.7", "smtp"), foe = sender_of("203.0.113.7", "smtp");
	const struct sluice_rule *mine, *others;
	struct compiled *c;

	(void)state;
	value_after(&partner, "max-connections-per-source", "77");
	value_after(&foe, "max-connections-per-source", "77");
	c = compiled();
	mine = rule_at(c, "192.0.2.7", "smtp");
	others = rule_at(c, "192.0.2.8", "smtp");
	assert_int_equal(mine->source.connections, 77);
	assert_int_equal(others->source.connections, 40);
	assert_int_equal(mine->source.rate, 60);
	assert_int_equal(mine->set_total, others->set_total);
	assert_int_equal(rule_at(c, "192.0.2.7", "imap")->source.connections, 40);
	assert_int_equal(rule_at(c, "203.0.113.7", "smtp")->action, SLUICE_ACTION_DENY);
	compiled_free(c);
}

static void test_for_each_key_the_closer_of_two_limits_counts(void **state)
{
	const struct scope wide = sender_of("10.0.0.0/8", "smtp"), close_one = sender_of("10.1.2.3", "");
	const struct sluice_rule *rule;
	struct compiled *c;

	(void)state;
	value_after(&close_one, "max-rate-per-source", "5/1m");
	value_after(&wide, "max-rate-per-source", "6/1m");
	value_after(&wide, "max-connections-per-source", "10%");
	c = compiled();
	rule = rule_at(c, "10.1.2.3", "smtp");
	assert_int_equal(rule->source.rate, 5);
	assert_int_equal(rule->source.connections, 10);
	assert_int_equal(rule_at(c, "10.1.2.4", "smtp")->source.rate, 6);
	assert_int_equal(rule_at(c, "10.1.2.3", "imap")->source.connections, 0);
	compiled_free(c);
}

static void test_an_impossible_limit_is_refused(void **state)
{
	const struct scope anywhere = sender_of("10.1.2.3", ""), pop = sender_of("10.1.2.3", "pop");
	struct diag d = {};

	(void)state;
	value_after(&anywhere, "ports", "25");
	assert_non_null(strstr(refused, "'ports' is not a limit of one sender"));
	value_after(&anywhere, "max-connections-per-source", "10%");
	assert_int_equal(policy_check(policy, &d), -EINVAL);
	assert_non_null(strstr(d.item[0].text, "a share of service imap, which has no max-connections"));
	diag_free(&d);
	value_after(&anywhere, "max-connections-per-source", "10");
	value_after(&pop, "max-connections-per-source", "10");
	assert_int_equal(policy_check(policy, &d), -EINVAL);
	assert_non_null(strstr(d.item[0].text, "no service 'pop'"));
	diag_free(&d);
}

static void test_a_copy_of_a_policy_has_its_limits(void **state)
{
	const struct scope partner = sender_of("192.0.2.7", "smtp");
	struct policy *copy;

	(void)state;
	value_after(&partner, "max-connections-per-source", "77");
	copy = policy_clone(policy);
	assert_non_null(copy);
	assert_int_equal(copy->senders.count, 1);
	assert_int_equal(copy->senders.item[0].limits.max_connections_per_source.value, 77);
	policy_free(copy);
}

static void test_settings_of_two_senders_sections_or_services_are_two(void **state)
{
	const struct scope all[] = {
		scope_of_service("smtp"),	scope_of_service("imap"),	set_named("smtp"),
		sender_of("192.0.2.7", "smtp"), sender_of("192.0.2.8", "smtp"), sender_of("192.0.2.0/24", "smtp"),
		sender_of("192.0.2.7", "")
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		for (j = 0; j < sizeof(all) / sizeof(*all); j++)
			assert_int_equal(scope_same(&all[i], &all[j]), i == j);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, policy_make, policy_unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_list_is_written_with_braces_or_without),
		TEST(test_none_and_empty_braces_empty_a_list),
		TEST(test_a_set_can_get_other_prefixes_and_other_limits),
		TEST(test_a_set_that_is_given_a_file_holds_what_is_in_it),
		TEST(test_the_limit_of_a_sender_replaces_that_limit_and_nothing_else),
		TEST(test_for_each_key_the_closer_of_two_limits_counts),
		TEST(test_settings_of_two_senders_sections_or_services_are_two),
		TEST(test_an_impossible_limit_is_refused),
		TEST(test_a_copy_of_a_policy_has_its_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
