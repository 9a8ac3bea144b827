/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of the host's addresses decides which packets the gate judges. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <linux/bpf.h>

#include <cmocka.h>

#include "gate.h"
#include "internal.h"

#define POLICY                                                           \
	"interfaces = {lo}\n"                                            \
	"service smtp { ports = {25} max-connections-per-source = 2 }\n" \
	"service mx2 { ports = {25} addresses = {203.0.113.7} max-connections-per-source = 2 }\n"

#define OURS "203.0.113.5"
#define OURS6 "2001:db8::25"

static void own(struct gate *g, const char *prefix, unsigned int ifindex)
{
	struct sluice_local is = { .ifindex = ifindex };
	struct sluice_prefix_key key;
	const char *why;
	struct prefix p;

	assert_int_equal(prefix_parse(prefix, &p, &why), 0);
	key = (struct sluice_prefix_key){ .prefixlen = p.len, .addr = p.addr };
	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_locals], &key, &is, BPF_ANY), 0);
}

static enum sluice_reason syn(struct gate *g, const char *from, const char *to)
{
	static uint16_t port = 2000;
	struct frame f = { from, to, ++port, .to_port = 25, .flags = SYN };
	enum sluice_reason why;

	gate_send(g, &f, &why);
	return why;
}

static int open_policy(void **state)
{
	static struct gate g;

	gate_open(&g, POLICY);
	*state = &g;
	return 0;
}

static void test_while_nobody_knows_the_addresses_all_are_local(void **state)
{
	struct gate *g = *state;

	assert_int_equal(syn(g, "10.0.0.1", OURS), SLUICE_ADMITTED);
	assert_int_equal(syn(g, "2001:db8:1::1", OURS6), SLUICE_ADMITTED);
}

static void test_a_syn_to_another_host_passes_and_takes_nothing(void **state)
{
	struct gate *g = *state;
	int i;

	own(g, OURS, 1);
	own(g, OURS6, 1);
	for (i = 0; i < 5; i++) {
		assert_int_equal(syn(g, "10.0.0.1", "203.0.113.6"), SLUICE_NOT_LOCAL);
		assert_int_equal(syn(g, "2001:db8:1::1", "2001:db8::26"), SLUICE_NOT_LOCAL);
	}
	assert_int_equal(gate_service(g, "smtp").held, 0);
	assert_int_equal(gate_sources(g), 0);
	assert_int_equal(syn(g, "10.0.0.1", OURS), SLUICE_ADMITTED);
	assert_int_equal(syn(g, "2001:db8:1::1", OURS6), SLUICE_ADMITTED);
	assert_int_equal(gate_service(g, "smtp").held, 2);
}

static void test_a_prefix_is_local_as_a_whole(void **state)
{
	struct gate *g = *state;

	own(g, "192.0.2.0/24", 0);
	assert_int_equal(syn(g, "10.0.0.1", "192.0.2.77"), SLUICE_ADMITTED);
	assert_int_equal(syn(g, "10.0.0.1", "192.0.3.77"), SLUICE_NOT_LOCAL);
}

static void test_no_packet_to_another_host_is_refused(void **state)
{
	struct frame f = { "10.0.0.9", "203.0.113.6", 1000, .to_port = 25, .flags = ACK };
	struct gate *g = *state;
	enum sluice_reason why;
	const char *no;
	struct prefix p;

	own(g, OURS, 1);
	assert_int_equal(prefix_parse("10.0.0.9", &p, &no), 0);
	assert_int_equal(live_set(g->engine, LIVE_BAN, &p, 0, 0, ""), 0);
	assert_int_equal(gate_send(g, &f, &why), XDP_PASS);
	assert_int_equal(why, SLUICE_NOT_LOCAL);
	f.flags = SYN;
	assert_int_equal(gate_send(g, &f, &why), XDP_PASS);
	f.flags = SYN | FIN;
	assert_int_equal(gate_send(g, &f, &why), XDP_PASS);
	f.to = OURS;
	assert_int_equal(gate_send(g, &f, &why), XDP_DROP);
	f.flags = ACK;
	assert_int_equal(gate_send(g, &f, &why), XDP_DROP);
	assert_int_equal(why, SLUICE_BANNED);
}

/* It may be translated on its way, or be added in a moment. */
static void test_an_address_that_a_service_names_is_judged_whoever_has_it(void **state)
{
	struct gate *g = *state;

	own(g, OURS, 1);
	assert_int_equal(syn(g, "10.0.0.1", "203.0.113.7"), SLUICE_ADMITTED);
	assert_int_equal(gate_service(g, "mx2").held, 1);
}

static void test_a_frame_for_many_hosts_takes_nothing(void **state)
{
	struct frame f = { "10.0.0.1", OURS, 1000, .to_port = 25, .flags = SYN };
	struct gate *g = *state;
	uint8_t frame[FRAME_ROOM];
	size_t len = frame_build(&f, frame);

	frame[0] = 0x33;
	assert_int_equal(engine_probe(g->engine, frame, len, NULL, NULL, 1, NULL), XDP_PASS);
	assert_int_equal(gate_stat(g, "smtp", SLUICE_NOT_LOCAL).packets, 1);
	assert_int_equal(gate_service(g, "smtp").held, 0);
}

#define GATE_TEST(f) cmocka_unit_test_setup_teardown(f, open_policy, gate_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		GATE_TEST(test_while_nobody_knows_the_addresses_all_are_local),
		GATE_TEST(test_a_syn_to_another_host_passes_and_takes_nothing),
		GATE_TEST(test_no_packet_to_another_host_is_refused),
		GATE_TEST(test_a_prefix_is_local_as_a_whole),
		GATE_TEST(test_an_address_that_a_service_names_is_judged_whoever_has_it),
		GATE_TEST(test_a_frame_for_many_hosts_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
