/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts stay right over policies that drop a service and bring it back, and the number of sources is known without a walk. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <cmocka.h>

#include "gate.h"

#define SERVER "203.0.113.5"
#define SMTP "service smtp { ports = {25} max-connections-per-source = 1 }\n"
#define OTHER "service other { ports = {26} }\n"

static void send_syns(struct gate *g, uint16_t port, unsigned int count)
{
	enum sluice_reason why;
	char from[32];
	unsigned int i;

	for (i = 0; i < count; i++) {
		snprintf(from, sizeof(from), "10.0.%u.%u", i / 250, i % 250 + 1);
		gate_send(g, &(struct frame){ from, SERVER, .to_port = port, .flags = SYN }, &why);
	}
}

static void test_counters_go_on_when_a_service_comes_back(void **state)
{
	struct gate g;

	(void)state;
	gate_open(&g, "interfaces = {lo}\n" SMTP OTHER);
	send_syns(&g, 25, 7);
	assert_int_equal(gate_stat(&g, "smtp", SLUICE_ADMITTED).connections, 7);
	gate_apply(&g, "interfaces = {lo}\n" OTHER);
	gate_apply(&g, "interfaces = {lo}\n" OTHER SMTP);
	assert_int_equal(gate_stat(&g, "smtp", SLUICE_ADMITTED).connections, 7);
	gate_close(&g);
}

/* Names are kept as long as there is room, but a policy that needs the room gets it. */
static void test_policies_with_ever_new_services_always_fit(void **state)
{
	char policy[4096];
	struct gate g;
	int round, i, n;

	(void)state;
	gate_open(&g, "interfaces = {lo}\n" SMTP);
	for (round = 0; round < 8; round++) {
		n = snprintf(policy, sizeof(policy), "interfaces = {lo}\n");
		for (i = 0; i < 60; i++)
			n += snprintf(policy + n, sizeof(policy) - n, "service s%d-%d { ports = {%d} }\n", round, i,
				      1000 + i);
		gate_apply(&g, policy);
	}
	gate_apply(&g, "interfaces = {lo}\n" SMTP);
	assert_int_equal(gate_stat(&g, "smtp", SLUICE_ADMITTED).connections, 0);
	send_syns(&g, 25, 1);
	assert_int_equal(gate_stat(&g, "smtp", SLUICE_ADMITTED).connections, 1);
	gate_close(&g);
}

static void test_sources_tracked_follows_every_coming_and_going(void **state)
{
	struct gate g;

	(void)state;
	gate_open(&g, "interfaces = {lo}\n" SMTP);
	assert_int_equal(gate_sources(&g), 0);
	send_syns(&g, 25, 60);
	send_syns(&g, 25, 60); /* the same sources, refused or retransmitted, are not tracked twice */
	assert_int_equal(gate_sources(&g), 60);
	sleep(4); /* every reservation runs out, and the counter of its source goes with it */
	assert_int_equal(gate_sources(&g), 0);
	gate_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters_go_on_when_a_service_comes_back),
		cmocka_unit_test(test_policies_with_ever_new_services_always_fit),
		cmocka_unit_test(test_sources_tracked_follows_every_coming_and_going),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
