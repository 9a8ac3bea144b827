/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections that are let in are counted by country if a database is in force, whatever the policy says about countries. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "country.h"
#include "gate.h"
#include "sums.h"

#define SERVER "203.0.113.5"
#define SERVER6 "2001:db8::25"
#define SMTP "service smtp { ports = {25} }\n"
#define IMAP "service imap { ports = {143} max-connections-per-source = 1 }\n"
/* With a set the gate asks the trie about each packet anyway, without one only about connections that are let in. */
#define SET "source-set foes { prefixes = {100.64.0.0/24} action = deny }\n"

static char database[64], located[128];

static int database_make(void **state)
{
	FILE *out;

	(void)state;
	snprintf(database, sizeof(database), "/tmp/sluice-test-%d.csv", getpid());
	snprintf(located, sizeof(located), "interfaces = {lo}\ngeoip { database = {\"%s\"} }\n", database);
	out = fopen(database, "w");
	fprintf(out, "192.0.2.0/24,DE\n198.51.100.0/24,FR\n2001:db8:1::/48,DE\n100.64.0.0/24,IT\n");
	return fclose(out);
}

static int database_remove(void **state)
{
	(void)state;
	return unlink(database);
}

static struct country_counts counts_of(struct gate *g, const char *service)
{
	struct country_counts counts;
	struct snapshot *s = NULL;

	assert_int_equal(snapshot_take(g->engine, &s), 0);
	assert_int_equal(countries_read(g->engine, s, gate_service(g, service).id, &counts), 0);
	snapshot_free(s);
	return counts;
}

static void expect(struct gate *g, const char *service, const char *country, uint64_t count)
{
	struct country_counts counts = counts_of(g, service);
	uint16_t number;

	assert_int_equal(country_parse(country, &number), 0);
	if (counts.admitted[number] != count)
		fail_msg("%s at %s: %llu, not %llu", country, service, (unsigned long long)counts.admitted[number],
			 (unsigned long long)count);
}

/* Shows that each connection that was let in counts for some country, or for none (ZZ). */
static void expect_all(struct gate *g, const char *service)
{
	struct country_counts counts = counts_of(g, service);
	struct service_status s = gate_service(g, service);
	uint64_t sum = 0;
	int i;

	for (i = 0; i < SLUICE_COUNTRIES; i++)
		sum += counts.admitted[i];
	assert_int_equal(sum, sum_admitted(s.stats));
}

static void send_from(struct gate *g, const char *from, uint16_t port, int flags, enum sluice_reason want)
{
	enum sluice_reason why;

	gate_send(g,
		  &(struct frame){ from, strchr(from, ':') ? SERVER6 : SERVER, .from_port = 4001, .to_port = port,
				   .flags = flags },
		  &why);
	assert_int_equal(why, want);
}

static void all_sent(struct gate *g)
{
	send_from(g, "192.0.2.1", 25, SYN, SLUICE_ADMITTED);
	send_from(g, "192.0.2.1", 25, SYN, SLUICE_ADMITTED); /* sent again, so it is the same connection */
	send_from(g, "192.0.2.2", 25, SYN, SLUICE_ADMITTED);
	send_from(g, "2001:db8:1::1", 25, SYN, SLUICE_ADMITTED);
	send_from(g, "198.51.100.1", 143, SYN, SLUICE_ADMITTED);
	send_from(g, "203.0.113.77", 25, SYN, SLUICE_ADMITTED);
	send_from(g, "10.0.0.1", 25, SYN, SLUICE_ADMITTED);
	send_from(g, "198.51.100.2", 25, ACK, SLUICE_ESTABLISHED);
	send_from(g, "198.51.100.2", 22, SYN, SLUICE_NOT_PROTECTED);
}

static void all_expected(struct gate *g)
{
	struct admitted_from from;

	expect(g, "smtp", "DE", 3);
	expect(g, "smtp", "FR", 0);
	expect(g, "smtp", "ZZ", 2);
	expect(g, "imap", "FR", 1);
	expect(g, "imap", "DE", 0);
	expect_all(g, "smtp");
	expect_all(g, "imap");
	assert_int_equal(admitted_from_read(g->engine, gate_service(g, "smtp").id, &from), 0);
	assert_int_equal(from.country[0], 1);
	assert_int_equal(from.private, 1);
	assert_true(from.since && from.since <= time(NULL) && from.since + 60 > time(NULL));
}

static void test_connections_let_in_are_counted_by_service_and_country(void **state)
{
	static const char *const more[] = { "", SET };
	char policy[1024];
	struct gate g;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		snprintf(policy, sizeof(policy), "%s" SMTP IMAP "%s", located, more[i]);
		gate_open(&g, policy);
		all_sent(&g);
		all_expected(&g);
		gate_close(&g);
	}
}

static void test_refused_connections_are_not_counted_but_observed_and_allowed_ones_are(void **state)
{
	char policy[1024];
	struct gate g;

	(void)state;
	snprintf(policy, sizeof(policy), "%s" SMTP IMAP SET, located);
	gate_open(&g, policy);
	send_from(&g, "100.64.0.1", 25, SYN, SLUICE_DENIED);
	expect(&g, "smtp", "IT", 0);
	snprintf(policy, sizeof(policy),
		 "mode = observe\n%s" SMTP IMAP SET
		 "source-set friends { prefixes = {198.51.100.0/24} action = allow }\n",
		 located);
	gate_apply(&g, policy);
	send_from(&g, "100.64.0.1", 25, SYN, SLUICE_OBSERVE);
	send_from(&g, "198.51.100.9", 25, SYN, SLUICE_ALLOWED);
	expect(&g, "smtp", "IT", 1);
	expect(&g, "smtp", "FR", 1);
	expect_all(&g, "smtp");
	gate_close(&g);
}

static void test_without_a_database_nothing_is_counted_and_nothing_is_lost(void **state)
{
	struct admitted_from from;
	char policy[1024];
	struct gate g;

	(void)state;
	gate_open(&g, "interfaces = {lo}\n" SMTP SET);
	send_from(&g, "192.0.2.1", 25, SYN, SLUICE_ADMITTED);
	expect(&g, "smtp", "ZZ", 0);
	assert_int_equal(admitted_from_read(g.engine, gate_service(&g, "smtp").id, &from), 0);
	assert_true(!from.since && !from.country[0] && !from.private);
	snprintf(policy, sizeof(policy), "%s" SMTP, located);
	gate_apply(&g, policy);
	send_from(&g, "192.0.2.2", 25, SYN, SLUICE_ADMITTED);
	expect(&g, "smtp", "DE", 1);
	gate_apply(&g, "interfaces = {lo}\n" SMTP);
	expect(&g, "smtp", "DE", 0); /* nothing is told without a database */
	gate_apply(&g, "interfaces = {lo}\nservice other { ports = {26} }\n");
	gate_apply(&g, policy);
	expect(&g, "smtp", "DE", 1);
	gate_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections_let_in_are_counted_by_service_and_country),
		cmocka_unit_test(test_refused_connections_are_not_counted_but_observed_and_allowed_ones_are),
		cmocka_unit_test(test_without_a_database_nothing_is_counted_and_nothing_is_lost),
	};

	return cmocka_run_group_tests_name("countries", tests, database_make, database_remove);
}
