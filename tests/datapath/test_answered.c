/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers to a SYN-ACK that come late, after a reload or to a host without room, and segments that belong to nothing. An answer is judged
 * only while something at its port makes that necessary: here a stranger's handshake, which nobody answers and which runs out.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <cmocka.h>

#include "gate.h"
#include "internal.h"
#include "space.h"

#define SERVER "203.0.113.5"
#define SMTP(keys) "interfaces = {lo}\nservice smtp { ports = {25} " keys " }\n"
#define MAIL(keys) "interfaces = {lo}\nservice mail { ports = {25} " keys " }\n"
#define SAMPLE 128 /* one segment in so many is asked whether it belongs to anything */

static int world(void **state)
{
	(void)state;
	return space_listen(25) ? -1 : space_route(SERVER);
}

static struct frame syn_of(const char *from, uint16_t port)
{
	return (struct frame){ from, SERVER, port, 25, .flags = SYN };
}

static enum sluice_reason syn(struct gate *g, const char *from, uint16_t port)
{
	const struct frame f = syn_of(from, port);

	return gate_reason(g, &f);
}

/* The host answers this SYN; returns the client's answer to that. */
static struct frame answer_of(const char *from, uint16_t port)
{
	const struct frame f = syn_of(from, port);

	return space_answer(&f);
}

/* Opens a gate that judges answers at port 25. */
static void judging(struct gate *g, const char *policy)
{
	gate_open(g, policy);
	assert_int_equal(syn(g, "10.0.0.9", 900), SLUICE_ADMITTED);
	sleep(4);
}

static int unanswered(struct gate *g, __u32 service)
{
	struct sluice_pressure p;

	assert_int_equal(bpf_map_lookup_elem(g->engine->map[MAP_pressures], &service, &p), 0);
	return p.embryonic;
}

static void test_a_handshake_that_is_answered_after_its_port_got_another_service_leaves_no_trace(void **state)
{
	struct frame ack;
	struct gate g;

	(void)state;
	judging(&g, SMTP("max-connections-per-source = 2") "syn-flood { cookies = false }\n");
	assert_int_equal(syn(&g, "10.0.0.9", 901),
			 SLUICE_UNPROVEN); /* a suspect by now: it holds nothing until it answers */
	ack = answer_of("10.0.0.9", 901);
	assert_int_equal(unanswered(&g, 1), 1);
	gate_apply(&g, MAIL("max-connections-per-source = 2") "syn-flood { cookies = false }\n");
	assert_int_equal(gate_reason(&g, &ack), SLUICE_ADMITTED);
	assert_int_equal(unanswered(&g, 1), 0);
	assert_int_equal(unanswered(&g, 2), 0);
	assert_int_equal(syn(&g, "10.0.0.2", 1001), SLUICE_ADMITTED);
	gate_close(&g);
}

static void test_an_answer_whose_interval_is_over_is_let_in_after_a_reap(void **state)
{
	struct frame ack;
	struct gate g;

	(void)state;
	judging(&g, SMTP("max-rate-per-source = 5/1s"));
	assert_int_equal(syn(&g, "10.0.1.1", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.0.1.1", 1002), SLUICE_ADMITTED);
	ack = answer_of("10.0.1.1", 1002);
	usleep(1200000);
	while (engine_reap(g.engine) == 1)
		;
	assert_int_equal(gate_reason(&g, &ack), SLUICE_ESTABLISHED);
	gate_close(&g);
}

static void test_an_answer_whose_interval_is_over_is_let_in_after_another_handshake_was_taken_back(void **state)
{
	struct frame ack, reset;
	struct gate g;

	(void)state;
	judging(&g, SMTP("max-rate-per-source = 5/1s"));
	assert_int_equal(syn(&g, "10.0.2.1", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.0.2.1", 1002), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.0.2.1", 1003), SLUICE_ADMITTED);
	reset = answer_of("10.0.2.1", 1003);
	reset.flags = RST;
	ack = answer_of("10.0.2.1", 1002);
	usleep(1100000);
	gate_reason(&g, &reset);
	usleep(900000);
	assert_int_equal(gate_reason(&g, &ack), SLUICE_ESTABLISHED);
	gate_close(&g);
}

static void test_an_answer_is_not_judged_by_the_number_of_another_interval(void **state)
{
	struct frame ack;
	struct gate g;
	char from[32];
	int i;

	(void)state;
	judging(&g, SMTP("max-rate = 1000/1h"));
	for (i = 1; i <= 5; i++) {
		snprintf(from, sizeof(from), "10.0.3.%d", i);
		assert_int_equal(syn(&g, from, 1001), SLUICE_ADMITTED);
		ack = answer_of(from, 1001);
		assert_int_equal(gate_reason(&g, &ack), SLUICE_ESTABLISHED);
	}
	assert_int_equal(syn(&g, "10.0.3.77", 1001), SLUICE_ADMITTED);
	ack = answer_of("10.0.3.77", 1001);
	gate_apply(&g, SMTP("max-rate = 5/1s"));
	assert_int_equal(gate_reason(&g, &ack), SLUICE_ESTABLISHED);
	gate_close(&g);
}

/* The host's queue is full, so it repeats its SYN-ACK, and the client its answer, until the host has room. */
static void test_an_answer_that_the_host_has_no_room_for_counts_once_however_often_it_comes(void **state)
{
	struct frame ack;
	struct gate g;
	int i;

	(void)state;
	judging(&g, SMTP("max-rate-per-source = 2/1h"));
	assert_int_equal(syn(&g, "10.0.4.1", 1001), SLUICE_ADMITTED);
	ack = answer_of("10.0.4.1", 1001);
	assert_int_equal(gate_reason(&g, &ack), SLUICE_ESTABLISHED);
	for (i = 0; i < 3; i++) {
		sleep(4); /* its handshake runs out */
		assert_int_equal(gate_reason(&g, &ack), SLUICE_ADMITTED);
	}
	assert_int_equal(syn(&g, "10.0.4.1", 1002), SLUICE_ADMITTED);
	ack = answer_of("10.0.4.1", 1002);
	assert_int_equal(gate_reason(&g, &ack), SLUICE_ESTABLISHED);
	assert_int_equal(syn(&g, "10.0.4.1", 1003), SLUICE_SOURCE_RATE);
	gate_close(&g);
}

/* They do not move the number by which segments are sampled, so one sample must not be taken again and again. */
static void test_stale_segments_of_an_allowed_source_are_no_flood(void **state)
{
	struct frame f = { "10.0.5.1", SERVER, 1001, 25, .flags = ACK, .seq = 5, .ack_seq = 9 };
	struct sluice_pressure p;
	struct gate g;
	const __u32 id = 1;
	cpu_set_t one;
	int i;

	(void)state;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	gate_open(&g, SMTP("") "source-set balancer { prefixes = {10.0.6.1} action = allow }\n");
	assert_int_equal(bpf_map_lookup_elem(g.engine->map[MAP_pressures], &id, &p), 0);
	p.completed = 1;
	assert_int_equal(bpf_map_update_elem(g.engine->map[MAP_pressures], &id, &p, BPF_ANY), 0);
	for (i = 0; i < SAMPLE / 2; i++)
		assert_int_equal(gate_reason(&g, &f), SLUICE_ESTABLISHED);
	f.from = "10.0.6.1";
	for (i = 0; i < 4 * SAMPLE; i++)
		assert_int_equal(gate_reason(&g, &f), SLUICE_ALLOWED);
	f.from = "10.0.5.2";
	for (i = 0; i < 4 * SAMPLE; i++)
		assert_int_not_equal(gate_reason(&g, &f), SLUICE_COOKIE_FORGED);
	gate_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_handshake_that_is_answered_after_its_port_got_another_service_leaves_no_trace),
		cmocka_unit_test(test_an_answer_whose_interval_is_over_is_let_in_after_a_reap),
		cmocka_unit_test(
			test_an_answer_whose_interval_is_over_is_let_in_after_another_handshake_was_taken_back),
		cmocka_unit_test(test_an_answer_is_not_judged_by_the_number_of_another_interval),
		cmocka_unit_test(test_an_answer_that_the_host_has_no_room_for_counts_once_however_often_it_comes),
		cmocka_unit_test(test_stale_segments_of_an_allowed_source_are_no_flood),
	};

	return cmocka_run_group_tests(tests, world, NULL);
}
