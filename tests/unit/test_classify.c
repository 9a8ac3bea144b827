/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares the compiler with a slow judge, by random addresses in thousands of random policies. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "../policy_text.h"
#include "judge.h"
#include "scope.h"

#define ROUNDS 3000
#define ADDRESSES 60

static struct registry registry;
static char countries[64], networks[64];

static FILE *temporary(char path[64], const char *name)
{
	snprintf(path, 64, "/tmp/sluice-%s-%d.csv", name, getpid());
	return fopen(path, "w");
}

static int databases_make(void **state)
{
	FILE *a = temporary(countries, "countries"), *b = temporary(networks, "networks");

	(void)state;
	if (!a || !b)
		return -1;
	judge_databases(a, b);
	return fclose(a) | fclose(b);
}

static int databases_remove(void **state)
{
	(void)state;
	return unlink(countries) | unlink(networks);
}

static void address_judge(const struct policy *p, const struct compiled *c, const struct sluice_addr *a,
			  const char *text)
{
	static const char *const services[] = { "smtp", "imap" };
	uint32_t leaf = trie_find(c->trie->cell, c->trie->pages, a);
	char address[ADDR_TEXT_LEN], country[3];
	const char *wrong;
	size_t i;

	if (leaf != spans_find(&c->classified.leaves, number_of(a)))
		fail_msg("%s: the trie differs from the spans\n%s", addr_format(a, address), text);
	if (strcmp(country_text(SLUICE_LEAF_COUNTRY(leaf), country), judge_country(a)))
		fail_msg("%s is in %s, not %s\n%s", addr_format(a, address), judge_country(a), country, text);
	for (i = 0; i < 2; i++) {
		wrong = judge_rule(p, a, services[i], compiled_rule(c, leaf, registry_service(&registry, services[i])));
		if (wrong)
			fail_msg("%s at %s: %s\n%s", addr_format(a, address), services[i], wrong, text);
	}
}

/* Adds a few senders with limits of their own, in nested prefixes. */
static void senders_add(struct dice *dice, struct policy *p)
{
	static const char *const services[] = { "", "smtp", "imap" };
	static const unsigned int lengths[] = { 20, 40, 64, 104, 112, 120, 128 };
	struct scope where = { .section = SECTION_SERVICE, .is_sender = true };
	struct sluice_addr a;
	struct diag d = {};
	char value[16];
	unsigned int n;

	for (n = roll(dice, 5); n; n--) {
		judge_address(dice, &a);
		where.sender.len = PICK(dice, lengths);
		if (addr_is_ipv4(&a) && where.sender.len < 104)
			where.sender.len = 104;
		where.sender.addr = addr_mask(&a, where.sender.len);
		snprintf(where.title, sizeof(where.title), "%s", PICK(dice, services));
		snprintf(value, sizeof(value), "%u", 500 + roll(dice, 100));
		assert_int_equal(policy_set_value(p, &where, "max-connections-per-source", value, &d), 0);
	}
	diag_free(&d);
}

static void test_random_policies_agree_with_a_slow_judge(void **state)
{
	struct dice dice = { .seed = 25 };
	struct sluice_addr a;
	struct diag d = {};
	char text[16384];
	int round, i;

	(void)state;
	for (round = 0; round < ROUNDS; round++) {
		struct compiled *c = NULL;
		struct policy *p;

		judge_policy(&dice, countries, networks, text, sizeof(text));
		p = policy_of(text);
		senders_add(&dice, p);
		assert_int_equal(policy_compile(p, &registry, &c, &d), 0);
		for (i = 0; i < ADDRESSES; i++) {
			judge_address(&dice, &a);
			address_judge(p, c, &a, text);
		}
		compiled_free(c);
		policy_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_policies_agree_with_a_slow_judge) };

	return cmocka_run_group_tests_name("classify", tests, databases_make, databases_remove);
}
