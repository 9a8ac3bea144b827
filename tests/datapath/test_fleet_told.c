/* SPDX-License-Identifier: BSD-2-Clause */
/* What the gate and the tracker tell of limits that hold over several hosts, and which refusals the express lane may repeat. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <bpf/bpf.h>

#include <cmocka.h>

#include "internal.h"
#include "leases.h"

#define SERVER "203.0.113.5"
#define SOURCE "10.0.0.1"
#define LOCAL "127.0.0.1"

/* Runs an audit, which moves existing connections to the policy in force. */
static void audit(struct gate *g)
{
	struct diag d = {};
	long drift;

	assert_int_equal(engine_audit(g->engine, &drift, &d), 0);
	assert_int_equal(drift, 0);
	diag_free(&d);
}

static void test_a_connection_is_told_once_when_it_is_sure_and_once_when_it_ends(void **state)
{
	enum sluice_reason why;
	struct pair first, past;
	struct gate g;

	(void)state;
	leases_open(&g, "service smtp { ports = {25, 26} max-connections-per-source = 20 fleet = true }\n");
	gate_send(&g, &(struct frame){ LOCAL, LOCAL, 1201, LEASES_TAKEN, .flags = SYN }, &why);
	assert_int_equal(why, SLUICE_ADMITTED);
	assert_int_equal(leases_changes(), 0);
	first = pair_make(1201);
	assert_int_equal(leases_changes(), 1);
	assert_int_equal(leases_told[0].asks, 0);
	assert_int_equal(leases_told[0].connections[SLUICE_FLEET_SOURCE], 20);
	assert_int_equal(ntohl(leases_told[0].holding.source.addr.word[3]), 0x7f000001);
	assert_true(leases_told[0].holding.holds & SLUICE_HOLDS_FLEET);
	past = pair_make(1202); /* the gate did not see its SYN, but it counts */
	assert_int_equal(leases_changes(), 1);
	assert_int_equal(leases_told[0].connections[SLUICE_FLEET_SOURCE], 20);
	pair_end(first);
	assert_int_equal(leases_changes(), 1);
	assert_int_equal(leases_told[0].connections[SLUICE_FLEET_SOURCE], 0);
	pair_end(past);
	assert_int_equal(leases_changes(), 1);
	assert_int_equal(leases_lost(&g), 0);
	leases_close(&g);
}

static void test_connections_that_stand_are_told_when_their_service_joins_a_fleet_and_when_a_host_begins(void **state)
{
	struct pair p = pair_make(1211);
	struct gate g;

	(void)state;
	leases_open(&g, "service smtp { ports = {25, 26} max-connections-per-source = 20 }\n");
	audit(&g);
	assert_int_equal(leases_changes(), 0);
	gate_apply(&g, LEASES_FLEET "service smtp { ports = {25, 26} max-connections-per-source = 20 fleet = true }\n");
	audit(&g);
	assert_int_equal(leases_changes(), 1);
	assert_int_equal(leases_told[0].connections[SLUICE_FLEET_SOURCE], 20);
	audit(&g);
	assert_int_equal(leases_changes(), 0);
	pair_end(p);
	assert_int_equal(leases_changes(), 1);
	leases_close(&g);
	p = pair_make(1212);
	leases_open(&g, "service smtp { ports = {25, 26} max-connections-per-source = 20 fleet = true }\n");
	audit(&g);
	assert_int_equal(leases_changes(), 1);
	pair_end(p);
	leases_close(&g);
}

/* Returns how many refusals the express lane has noted. */
static unsigned int refusals_noted(struct gate *g)
{
	struct sluice_refusals line;
	unsigned int n = 0, i;
	uint32_t at;

	for (at = 0; !bpf_map_lookup_elem(g->engine->map[MAP_refusals], &at, &line); at++) {
		for (i = 0; i < SLUICE_REFUSALS_WAYS; i++)
			n += line.word[i] != 0;
	}
	return n;
}

static enum sluice_reason taken_syn(struct gate *g, unsigned int port)
{
	enum sluice_reason why;

	gate_send(g, &(struct frame){ LOCAL, LOCAL, port, LEASES_TAKEN, .flags = SYN }, &why);
	return why;
}

static void test_the_express_lane_repeats_only_what_no_lease_could_change(void **state)
{
	struct pair one, two;
	struct gate g;

	(void)state;
	leases_open(
		&g,
		"sources { max = 1000 }\nservice smtp { ports = {25, 26} max-connections-per-source = 2 fleet = true }\n");
	leases_put(&g, leases_key(LOCAL, 32, SLUICE_FLEET_SOURCE, 0), 1, 0);
	one = pair_make(1601);
	assert_int_equal(taken_syn(&g, 1602), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(refusals_noted(&g), 0);
	two = pair_make(1603);
	assert_int_equal(taken_syn(&g, 1602), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(refusals_noted(&g), 1); /* the source holds all that anybody may hold */
	pair_end(two);
	assert_int_equal(refusals_noted(&g), 0);
	leases_put(&g, leases_key(LOCAL, 32, SLUICE_FLEET_SOURCE, 0), 2, 0);
	assert_int_equal(taken_syn(&g, 1602), SLUICE_ADMITTED);
	pair_end(one);
	leases_close(&g);
}

static void test_a_ring_that_is_full_is_noticed(void **state)
{
	unsigned int i;
	struct gate g;

	(void)state;
	leases_open(&g, "service smtp { ports = {25} max-connections-per-source = 1 fleet = true }\n");
	for (i = 0; i < 1000000 && !leases_lost(&g); i++) { /* the gate asks only now and then */
		uint8_t frame[FRAME_ROOM], out[FRAME_ROOM];
		size_t length = frame_build(&(struct frame){ SOURCE, SERVER, 1501, 25, .flags = SYN }, frame),
		       space = sizeof(out);

		assert_int_equal(engine_probe(g.engine, frame, length, out, &space, 1, NULL), 1); /* XDP_DROP */
	}
	assert_int_equal(leases_lost(&g), 1);
	leases_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_connection_is_told_once_when_it_is_sure_and_once_when_it_ends),
		cmocka_unit_test(
			test_connections_that_stand_are_told_when_their_service_joins_a_fleet_and_when_a_host_begins),
		cmocka_unit_test(test_the_express_lane_repeats_only_what_no_lease_could_change),
		cmocka_unit_test(test_a_ring_that_is_full_is_noticed),
	};

	return cmocka_run_group_tests_name("fleet told", tests, leases_prepare, NULL);
}
