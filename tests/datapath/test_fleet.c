/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits hold over several hosts: the gate keeps to the leases in its map, and asks for more if one is too small. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "leases.h"
#include "reason.h"
#include "space.h"

#define SERVER "203.0.113.5"
#define SOURCE "10.0.0.1"
#define BIT(level, rate) (1U << SLUICE_FLEET_LIMIT(SLUICE_FLEET_##level, rate))

/* What explain says of a SYN. The gate must then do just that. */
static struct sluice_explanation said;

static void explain(struct gate *g, const char *from, const char *to, unsigned int port)
{
	struct sluice_tuple tuple = { .source_port = htons(port), .local_port = htons(25) };

	assert_int_equal(addr_parse(from, &tuple.source) | addr_parse(to, &tuple.local), 0);
	assert_int_equal(engine_explain(g->engine, &tuple, &said), 0);
}

static enum sluice_reason syn_to(struct gate *g, const char *from, const char *to, unsigned int port)
{
	enum sluice_reason why = SLUICE_REASONS;

	explain(g, from, to, port);
	gate_send(g, &(struct frame){ from, to, port, 25, .flags = SYN, .tcp_options = 1 }, &why);
	if (said.reason != why)
		fail_msg("explained as %s, but sent: %s", reason_label(said.reason), reason_label(why));
	return why;
}

static enum sluice_reason syn(struct gate *g, const char *from, unsigned int port)
{
	return syn_to(g, from, SERVER, port);
}

/* Returns how many SYNs of a source get in before one is refused for this reason. */
static unsigned int room(struct gate *g, const char *from, enum sluice_reason full)
{
	static unsigned int port = 1024;
	enum sluice_reason why;
	unsigned int n = 0;

	while ((why = syn(g, from, port++)) == SLUICE_ADMITTED)
		n++;
	assert_int_equal(why, full);
	return n;
}

static void test_without_a_fleet_nothing_is_narrowed_and_nothing_is_told(void **state)
{
	struct gate g;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nservice smtp { ports = {25, 26} max-connections-per-source = 8 }\n");
	leases_listen(&g);
	leases_hosts(&g, 4, SLUICE_PARTITION_CLOSED, LEASES_LAST_S);
	leases_put(&g, leases_key(SOURCE, 32, SLUICE_FLEET_SOURCE, 0), 2, 0);
	assert_int_equal(room(&g, SOURCE, SLUICE_SOURCE_CONNECTIONS), 8);
	assert_int_equal(said.counts[0].connections.most, 0);
	pair_end(pair_make(1101));
	assert_int_equal(leases_changes(), 0);
	leases_close(&g);
}

static void test_alone_in_its_fleet_a_host_has_the_whole_limit(void **state)
{
	struct gate g;

	(void)state;
	leases_open(&g, "service smtp { ports = {25} max-connections-per-source = 8 fleet = true exact = true }\n");
	leases_hosts(&g, 1, SLUICE_PARTITION_CLOSED, LEASES_LAST_S);
	assert_int_equal(room(&g, SOURCE, SLUICE_SOURCE_CONNECTIONS), 8);
	leases_hosts(&g, 0, SLUICE_PARTITION_CLOSED, -1);
	assert_int_equal(room(&g, "10.0.0.2", SLUICE_SOURCE_CONNECTIONS), 8);
	assert_int_equal(leases_changes(), 0);
	leases_close(&g);
}

static void test_a_source_without_a_lease_has_its_part_of_half_the_limit_and_then_one_is_asked_for(void **state)
{
	struct gate g;

	(void)state;
	leases_open(&g, "service smtp { ports = {25} max-connections-per-source = 20 fleet = true }\n");
	assert_int_equal(room(&g, SOURCE, SLUICE_SOURCE_CONNECTIONS), 5);
	assert_int_equal(leases_changes(), 1); /* for the one that was refused; the others are not sure yet */
	assert_int_equal(leases_told[0].asks, BIT(SOURCE, 0));
	assert_int_equal(leases_told[0].connections[SLUICE_FLEET_SOURCE], 20);
	assert_int_equal(leases_told[0].connections[SLUICE_FLEET_SERVICE], 0);
	assert_int_equal(leases_told[0].exact, 0);
	assert_int_equal(ntohl(leases_told[0].holding.source.addr.word[3]), 0x0a000001);
	assert_int_equal(leases_told[0].holding.source.service, gate_service(&g, "smtp").id);
	leases_hosts(&g, 5, SLUICE_PARTITION_LOCAL, LEASES_LAST_S);
	assert_int_equal(room(&g, "10.0.0.2", SLUICE_SOURCE_CONNECTIONS), 2);
	leases_hosts(&g, 100, SLUICE_PARTITION_LOCAL, LEASES_LAST_S);
	assert_int_equal(room(&g, "10.0.0.3", SLUICE_SOURCE_CONNECTIONS), 0);
	leases_close(&g);
}

static void test_a_lease_is_kept_to_and_more_of_it_is_asked_for_no_sooner_than_twenty_ms_later(void **state)
{
	struct gate g;

	(void)state;
	leases_open(&g, "service smtp { ports = {25} max-connections-per-source = 20 fleet = true }\n");
	leases_put(&g, leases_key(SOURCE, 32, SLUICE_FLEET_SOURCE, 0), 8, 12);
	assert_int_equal(room(&g, SOURCE, SLUICE_SOURCE_CONNECTIONS), 8);
	assert_int_equal(said.counts[0].connections.most, SLUICE_MOST_LEASED | 8);
	assert_int_equal(said.counts[0].connections.others, 12);
	assert_int_equal(said.counts[0].limit.connections, 20);
	assert_int_equal(said.rule.source.connections, 20);
	assert_int_equal(said.counts[2].connections.most, 0);
	room(&g, SOURCE, SLUICE_SOURCE_CONNECTIONS); /* perhaps some ms later, even under a sanitizer */
	assert_in_range(leases_changes(), 1, 2);
	usleep(25000);
	assert_int_equal(room(&g, SOURCE, SLUICE_SOURCE_CONNECTIONS), 0);
	assert_int_equal(leases_changes(), 1);
	leases_put(&g, leases_key(SOURCE, 32, SLUICE_FLEET_SOURCE, 0), 11, 9);
	assert_int_equal(room(&g, SOURCE, SLUICE_SOURCE_CONNECTIONS), 3);
	leases_put(&g, leases_key(SOURCE, 32, SLUICE_FLEET_SOURCE, 0), 4000000000,
		   0); /* a lease above the limit means the limit */
	leases_changes();
	assert_int_equal(room(&g, SOURCE, SLUICE_SOURCE_CONNECTIONS), 9);
	assert_int_equal(leases_changes(), 0); /* nobody could lease more */
	leases_close(&g);
}

static void test_exact_refuses_the_first_syn_and_asks_for_all_that_it_lacks_at_once(void **state)
{
	struct gate g;

	(void)state;
	leases_open(
		&g,
		"service smtp { ports = {25} max-connections-per-source = 20 max-connections-per-network = 40 max-connections = 90 "
		"max-rate = 50/1m max-rate-per-source = 30/1m max-rate-per-network = 35/1h fleet = true exact = true }\n"
		"source-set inside { prefixes = {10.0.0.0/8} max-connections = 60 max-rate = 45/10s }\n");
	assert_int_equal(room(&g, SOURCE, SLUICE_SOURCE_CONNECTIONS), 0);
	assert_int_equal(gate_sources(&g), 0); /* a refused source leaves nothing behind */
	assert_int_equal(leases_changes(), 1);
	assert_int_equal(leases_told[0].asks, (1U << SLUICE_FLEET_LIMITS) - 1);
	assert_int_equal(leases_told[0].exact, 1);
	assert_int_equal(leases_told[0].connections[SLUICE_FLEET_SET], 60);
	assert_int_equal(leases_told[0].connections[SLUICE_FLEET_SERVICE], 90);
	assert_int_equal(leases_told[0].rate[SLUICE_FLEET_SET], 45);
	assert_int_equal(leases_told[0].seconds[SLUICE_FLEET_SET], 10);
	assert_int_equal(leases_told[0].seconds[SLUICE_FLEET_NETWORK], 3600);
	assert_int_equal(leases_told[0].seconds[SLUICE_FLEET_SERVICE], 60);
	leases_put(&g, leases_key(SOURCE, 32, SLUICE_FLEET_SOURCE, 0), 3, 0);
	assert_int_equal(room(&g, SOURCE, SLUICE_SET_CONNECTIONS), 0);
	leases_put(&g, leases_key_of_many("inside@smtp", SLUICE_FLEET_SET, 0), 9, 0);
	assert_int_equal(room(&g, SOURCE, SLUICE_SERVICE_CONNECTIONS), 0);
	leases_put(&g, leases_key_of_many("smtp", SLUICE_FLEET_SERVICE, 0), 9, 0);
	assert_int_equal(room(&g, SOURCE, SLUICE_SOURCE_RATE), 0);
	leases_put(&g, leases_key(SOURCE, 32, SLUICE_FLEET_SOURCE, 60), 9, 0);
	assert_int_equal(room(&g, SOURCE, SLUICE_NETWORK_CONNECTIONS), 0);
	leases_put(&g, leases_key("10.0.0.0", 24, SLUICE_FLEET_NETWORK, 0), 9, 0);
	assert_int_equal(room(&g, SOURCE, SLUICE_NETWORK_RATE), 0);
	leases_put(&g, leases_key("10.0.0.0", 24, SLUICE_FLEET_NETWORK, 3600), 9, 0);
	assert_int_equal(room(&g, SOURCE, SLUICE_SET_RATE), 0);
	leases_put(&g, leases_key_of_many("inside@smtp", SLUICE_FLEET_SET, 10), 9, 0);
	assert_int_equal(room(&g, SOURCE, SLUICE_SERVICE_RATE), 0);
	leases_put(&g, leases_key_of_many("smtp", SLUICE_FLEET_SERVICE, 60), 2, 0);
	leases_changes();
	assert_int_equal(room(&g, SOURCE, SLUICE_SERVICE_RATE), 2);
	assert_int_equal(leases_changes(), 1);
	assert_int_equal(leases_told[0].asks, BIT(SERVICE, 1));
	leases_close(&g);
}

static void test_a_rate_is_leased_like_connections(void **state)
{
	struct gate g;

	(void)state;
	leases_open(&g, "service smtp { ports = {25} max-rate-per-source = 20/1m fleet = true }\n");
	assert_int_equal(room(&g, SOURCE, SLUICE_SOURCE_RATE), 5);
	assert_int_equal(leases_changes(), 1);
	assert_int_equal(leases_told[0].asks, BIT(SOURCE, 1));
	assert_int_equal(leases_told[0].rate[SLUICE_FLEET_SOURCE], 20);
	assert_int_equal(leases_told[0].seconds[SLUICE_FLEET_SOURCE], 60);
	leases_put(&g, leases_key(SOURCE, 32, SLUICE_FLEET_SOURCE, 60), 7, 1);
	assert_int_equal(room(&g, SOURCE, SLUICE_SOURCE_RATE), 2);
	assert_int_equal(said.counts[0].rate.most, SLUICE_MOST_LEASED | 7);
	assert_int_equal(said.counts[0].rate.others, 1);
	assert_int_equal(said.counts[0].limit.rate, 20);
	leases_close(&g);
}

static void test_out_of_touch_a_host_does_what_its_policy_says(void **state)
{
	struct gate g;

	(void)state;
	leases_open(&g, "service smtp { ports = {25} max-connections-per-source = 20 fleet = true }\n");
	leases_put(&g, leases_key("10.0.0.3", 32, SLUICE_FLEET_SOURCE, 0), 4, 0);
	leases_hosts(&g, 3, SLUICE_PARTITION_LOCAL, -1);
	assert_int_equal(room(&g, SOURCE, SLUICE_SOURCE_CONNECTIONS), 20);
	leases_hosts(&g, 3, SLUICE_PARTITION_SHARE, -1);
	assert_int_equal(room(&g, "10.0.0.2", SLUICE_SOURCE_CONNECTIONS), 7); /* a third, rounded up */
	leases_hosts(&g, 3, SLUICE_PARTITION_CLOSED, -1);
	assert_int_equal(room(&g, "10.0.0.3", SLUICE_SOURCE_CONNECTIONS), 4);
	assert_int_equal(room(&g, "10.0.0.4", SLUICE_SOURCE_CONNECTIONS), 3); /* 20 / 6 */
	assert_int_equal(leases_changes(), 0); /* nobody could be asked */
	leases_hosts(&g, 3, SLUICE_PARTITION_CLOSED, LEASES_LAST_S);
	assert_int_equal(room(&g, "10.0.0.4", SLUICE_SOURCE_CONNECTIONS), 0);
	assert_int_equal(leases_changes(), 1);
	leases_close(&g);
}

/* Waits for so many changes, since the sweeper may be late. Returns how many came. */
static unsigned int changes_come(unsigned int count)
{
	unsigned int n = 0, tries;

	for (tries = 0; tries < 500 && n < count; tries++) {
		n += leases_changes();
		if (n < count)
			usleep(10000);
	}
	return n + (n < count ? 0 : leases_changes());
}

/* Returns the segment by which the client completes its handshake. The host is asked once for its sequence number. */
static struct frame answer_of(const char *from, unsigned int port)
{
	return space_answer(&(struct frame){ from, SERVER, port, 25, .flags = SYN, .tcp_options = 1 });
}

static enum sluice_reason handshake_answer(struct gate *g, const char *from, unsigned int port)
{
	const struct frame f = answer_of(from, port);
	enum sluice_reason why;

	gate_send(g, &f, &why);
	return why;
}

static void test_a_lease_that_is_taken_back_holds_for_handshakes_that_have_begun(void **state)
{
	struct gate g;

	(void)state;
	leases_open(&g, "service smtp { ports = {25} max-connections-per-source = 20 fleet = true exact = true }\n");
	leases_put(&g, leases_key(SOURCE, 32, SLUICE_FLEET_SOURCE, 0), 2, 0);
	assert_int_equal(syn(&g, SOURCE, 1301), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, SOURCE, 1302), SLUICE_ADMITTED);
	assert_int_equal(leases_changes(), 0);
	assert_false(reason_refuses(handshake_answer(&g, SOURCE, 1301)));
	assert_int_equal(leases_changes(), 1);
	assert_int_equal(leases_told[0].connections[SLUICE_FLEET_SOURCE], 20);
	leases_put(&g, leases_key(SOURCE, 32, SLUICE_FLEET_SOURCE, 0), 1, 19);
	assert_int_equal(handshake_answer(&g, SOURCE, 1302), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(leases_changes(), 1);
	assert_int_equal(leases_told[0].asks, BIT(SOURCE, 0));
	assert_int_equal(changes_come(1),
			 1); /* the answered handshake, which was sure, never reached its socket, and runs out */
	assert_int_equal(leases_told[0].connections[SLUICE_FLEET_SOURCE], 0);
	leases_close(&g);
}

/* Sends the client's answer. Returns the XDP action, which says what the client hears. */
static int answered(struct gate *g, const struct frame *answer, enum sluice_reason expected)
{
	enum sluice_reason why;
	int action = gate_send(g, answer, &why);

	if (why != expected)
		fail_msg("%s, not %s", reason_label(why), reason_label(expected));
	return action;
}

/*
 * Makes a connection that holds all of a lease of 1. The handshake of another client, which *waiting would complete, began when that connection
 * was not sure yet, and ACKs had been judged for long enough. The host remembers handshakes, and repeats its SYN-ACKs.
 */
static void contested_lease(struct gate *g, const char *more, unsigned int port, struct frame *waiting)
{
	struct frame first;
	char sections[256];

	snprintf(sections, sizeof(sections),
		 "service smtp { ports = {25} max-connections-per-source = 20 fleet = true exact = true %s }\n", more);
	leases_open(g, sections);
	leases_put(g, leases_key(SOURCE, 32, SLUICE_FLEET_SOURCE, 0), 1, 0);
	assert_int_equal(syn(g, SOURCE, port), SLUICE_ADMITTED);
	usleep(SLUICE_SWEEP_NS / 1000 + 50000);
	assert_int_equal(leases_changes(), 0);
	assert_int_equal(syn(g, SOURCE, port + 1), SLUICE_UNPROVEN);
	assert_int_equal(leases_changes(),
			 1); /* it asks at once, so that the lease may be there when its client answers */
	assert_int_equal(leases_told[0].asks, BIT(SOURCE, 0));
	syncookies_set('1');
	first = answer_of(SOURCE, port);
	*waiting = answer_of(SOURCE, port + 1);
	syncookies_set('2');
	assert_int_equal(answered(g, &first, SLUICE_ESTABLISHED), XDP_PASS);
	leases_changes();
	usleep(SLUICE_FLEET_ASK_NS / 1000 + 5000);
}

static void test_a_client_that_answers_before_its_lease_has_come_is_not_reset_and_gets_in_when_it_has(void **state)
{
	static const char *const excesses[] = { "", "on-excess = reset" };
	struct frame waiting;
	struct gate g;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		contested_lease(&g, excesses[i], 1501 + 10 * i, &waiting);
		assert_int_equal(answered(&g, &waiting, SLUICE_SOURCE_CONNECTIONS), XDP_DROP);
		assert_int_equal(leases_changes(), 1);
		assert_int_equal(leases_told[0].asks, BIT(SOURCE, 0));
		leases_put(&g, leases_key(SOURCE, 32, SLUICE_FLEET_SOURCE, 0), 2, 0);
		assert_int_equal(answered(&g, &waiting, SLUICE_ADMITTED), XDP_PASS);
		leases_close(&g);
	}
}

static void test_a_client_that_answers_is_reset_where_other_hosts_hold_the_rest_or_nobody_can_be_asked(void **state)
{
	struct frame waiting;
	struct gate g;

	(void)state;
	contested_lease(&g, "", 1531, &waiting);
	leases_put(&g, leases_key(SOURCE, 32, SLUICE_FLEET_SOURCE, 0), 1, 19);
	assert_int_equal(answered(&g, &waiting, SLUICE_SOURCE_CONNECTIONS), XDP_TX);
	leases_put(&g, leases_key(SOURCE, 32, SLUICE_FLEET_SOURCE, 0), 1, 18);
	assert_int_equal(answered(&g, &waiting, SLUICE_SOURCE_CONNECTIONS), XDP_DROP);
	leases_hosts(&g, 2, SLUICE_PARTITION_CLOSED, -1);
	assert_int_equal(answered(&g, &waiting, SLUICE_SOURCE_CONNECTIONS), XDP_TX);
	leases_close(&g);
}

static void test_a_client_whose_lease_does_not_come_is_reset_in_the_end(void **state)
{
	struct frame waiting;
	struct gate g;

	(void)state;
	contested_lease(&g, "", 1541, &waiting);
	assert_int_equal(answered(&g, &waiting, SLUICE_SOURCE_CONNECTIONS), XDP_DROP);
	usleep(SLUICE_LEASE_WAIT_NS / 1000 + 50000);
	/* The connection never reached its socket, and is over. */
	leases_put(&g, leases_key(SOURCE, 32, SLUICE_FLEET_SOURCE, 0), 0, 0);
	assert_int_equal(answered(&g, &waiting, SLUICE_SOURCE_CONNECTIONS), XDP_TX);
	leases_close(&g);
}

static void test_only_the_limits_of_a_set_hold_over_the_fleet_where_the_set_says_so(void **state)
{
	struct gate g;

	(void)state;
	leases_open(&g, "service smtp { ports = {25} max-connections-per-source = 8 max-connections = 16 }\n"
			"source-set inside { prefixes = {10.0.0.0/24} max-connections = 12 fleet = true }\n");
	assert_int_equal(room(&g, SOURCE, SLUICE_SOURCE_CONNECTIONS), 2);
	assert_int_equal(room(&g, "10.0.0.2", SLUICE_SET_CONNECTIONS), 1);
	assert_int_equal(leases_changes(), 2);
	assert_int_equal(leases_told[0].asks, BIT(SOURCE, 0));
	assert_int_equal(leases_told[1].asks, BIT(SET, 0));
	assert_int_equal(leases_told[1].connections[SLUICE_FLEET_SET], 12);
	assert_int_equal(leases_told[1].connections[SLUICE_FLEET_SERVICE], 0);
	assert_int_equal(room(&g, "192.0.2.1", SLUICE_SOURCE_CONNECTIONS), 8);
	assert_int_equal(room(&g, "192.0.2.2", SLUICE_SERVICE_CONNECTIONS), 5); /* 16 in all, whatever the fleet has */
	assert_int_equal(leases_changes(), 0);
	leases_close(&g);
}

static void test_observe_mode_asks_too_and_refuses_nothing(void **state)
{
	struct gate g;

	(void)state;
	leases_open(&g, "mode = observe\nservice smtp { ports = {25} max-connections-per-source = 4 fleet = true }\n");
	assert_int_equal(syn(&g, SOURCE, 1401), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, SOURCE, 1402), SLUICE_OBSERVE);
	assert_int_equal(leases_changes(), 1);
	assert_int_equal(leases_told[0].asks, BIT(SOURCE, 0));
	leases_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_fleet_nothing_is_narrowed_and_nothing_is_told),
		cmocka_unit_test(test_alone_in_its_fleet_a_host_has_the_whole_limit),
		cmocka_unit_test(
			test_a_source_without_a_lease_has_its_part_of_half_the_limit_and_then_one_is_asked_for),
		cmocka_unit_test(test_a_lease_is_kept_to_and_more_of_it_is_asked_for_no_sooner_than_twenty_ms_later),
		cmocka_unit_test(test_exact_refuses_the_first_syn_and_asks_for_all_that_it_lacks_at_once),
		cmocka_unit_test(test_a_rate_is_leased_like_connections),
		cmocka_unit_test(test_out_of_touch_a_host_does_what_its_policy_says),
		cmocka_unit_test(test_a_lease_that_is_taken_back_holds_for_handshakes_that_have_begun),
		cmocka_unit_test(
			test_a_client_that_answers_before_its_lease_has_come_is_not_reset_and_gets_in_when_it_has),
		cmocka_unit_test(
			test_a_client_that_answers_is_reset_where_other_hosts_hold_the_rest_or_nobody_can_be_asked),
		cmocka_unit_test(test_a_client_whose_lease_does_not_come_is_reset_in_the_end),
		cmocka_unit_test(test_only_the_limits_of_a_set_hold_over_the_fleet_where_the_set_says_so),
		cmocka_unit_test(test_observe_mode_asks_too_and_refuses_nothing),
	};

	return cmocka_run_group_tests_name("fleet", tests, leases_prepare, NULL);
}
