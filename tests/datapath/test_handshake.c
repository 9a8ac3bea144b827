/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a handshake, with real listeners, requests and connections in a network namespace of this program's own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <cmocka.h>

#include "gate.h"
#include "internal.h"
#include "reason.h"
#include "space.h"

#define SERVER "203.0.113.5"
#define POLICY "interfaces = {lo}\nservice smtp { ports = {25} max-connections = 5 max-connections-per-source = 2 }\n"

static int world_make(void **state)
{
	(void)state;
	return space_listen(25) ? -1 : space_route(SERVER);
}

static int open_policy(void **state)
{
	static struct gate g;

	gate_open(&g, POLICY);
	*state = &g;
	return 0;
}

static enum sluice_reason syn(struct gate *g, uint16_t port)
{
	return gate_reason(g, &(struct frame){ "10.0.0.1", SERVER, port, 25, .flags = SYN });
}

static void slots_wait(struct gate *g)
{
	int i;

	for (i = 0; i < 50 && gate_service(g, "smtp").held; i++)
		usleep(100000);
	assert_int_equal(gate_service(g, "smtp").held, 0);
}

/* Returns the ACK of a client that the host's own TCP has answered. */
static struct frame answer_of(uint16_t port)
{
	return space_answer(&(struct frame){ "10.0.0.1", SERVER, port, 25, .flags = SYN });
}

/* Answers handshakes that no longer hold anything, by segments with these flags and so much data. */
static void late_answers(struct gate *g, uint8_t flags, uint32_t back, int payload)
{
	enum sluice_reason why;
	struct frame ack[3];
	int i;

	for (i = 0; i < 2; i++) {
		assert_int_equal(syn(g, 1001 + i), SLUICE_ADMITTED);
		ack[i] = answer_of(1001 + i);
	}
	slots_wait(g);
	assert_int_equal(syn(g, 1003), SLUICE_UNPROVEN);
	ack[2] = answer_of(1003);
	for (i = 0; i < 3; i++) {
		ack[i].flags = flags;
		ack[i].seq -= back;
		ack[i].payload = payload;
	}
	for (i = 0; i < 2; i++) {
		assert_int_equal(gate_send(g, &ack[i], &why), XDP_PASS);
		assert_int_equal(why, SLUICE_ADMITTED);
		assert_int_equal(gate_service(g, "smtp").held, i + 1);
	}
	assert_int_equal(gate_send(g, &ack[0], &why), XDP_PASS); /* sent again, it takes nothing */
	assert_int_equal(why, SLUICE_ESTABLISHED);
	assert_int_equal(gate_send(g, &ack[2], &why), XDP_TX);
	assert_int_equal(why, SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(gate_service(g, "smtp").held, 2);
}

static void test_late_ack_must_find_a_free_slot(void **state)
{
	late_answers(*state, ACK, 0, 0);
}

/* The host's TCP takes it for an answer, although it has a SYN. */
static void test_late_syn_ack_with_data_must_find_one_too(void **state)
{
	late_answers(*state, SYN | ACK, 1, 1);
}

/* HAProxy's checks end like this, and so do scans: the slot is free at once, and nobody is a suspect. */
static void test_reset_by_the_client_ends_its_handshake_and_blames_nobody(void **state)
{
	static const uint8_t flags[] = { RST, RST | ACK };
	struct gate *g = *state;
	struct frame f;
	size_t i;

	for (i = 0; i < sizeof(flags); i++) {
		assert_int_equal(syn(g, 1001), SLUICE_ADMITTED);
		f = answer_of(1001);
		f.flags = flags[i];
		assert_int_equal(gate_reason(g, &f), SLUICE_ESTABLISHED);
		usleep(900000); /* two ticks, and some time for a busy machine */
		assert_int_equal(gate_service(g, "smtp").held, 0);
		space_send(&f);
	}
	assert_int_equal(syn(g, 1002), SLUICE_ADMITTED);
}

static void test_wrong_number_resets_no_handshake(void **state)
{
	struct gate *g = *state;
	struct frame f = { "10.0.0.1", SERVER, 1001, 25, .flags = RST, .seq = 77 };

	assert_int_equal(syn(g, 1001), SLUICE_ADMITTED);
	assert_int_equal(gate_reason(g, &f), SLUICE_ESTABLISHED);
	usleep(900000);
	assert_int_equal(gate_service(g, "smtp").held, 1);
}

/* Makes a real connection from `port`, whose SYN the gate has seen. Returns its client's end. */
static int connection_make(struct gate *g, uint16_t port)
{
	assert_int_equal(gate_reason(g, &(struct frame){ "127.0.0.1", "127.0.0.1", port, 25, .flags = SYN }),
			 SLUICE_ADMITTED);
	return space_connection(port, 25);
}

/* Whether it is forged, repeated or late: it belongs to the connection, and takes nothing, even if a limit is full. */
/* Such a SYN may become a connection at once, and its handshake would give the slot back meanwhile. */
static void test_fast_open_on_a_handshake_that_its_client_took_back_does_not_pass(void **state)
{
	struct frame f = { "10.0.0.1", SERVER, 1001, 25, .flags = SYN, .seq = 7 }, rst = f;
	struct gate *g = *state;

	assert_int_equal(gate_reason(g, &f), SLUICE_ADMITTED);
	f.tcp_options = 3;
	f.fast_open = 10;
	assert_int_equal(gate_reason(g, &f), SLUICE_ADMITTED); /* a duplicate: its handshake has a slot for that */
	rst.flags = RST;
	rst.seq = 8;
	gate_reason(g, &rst);
	assert_int_equal(gate_reason(g, &f), SLUICE_TABLE_FULL);
	f.seq = 4711;
	assert_int_equal(gate_reason(g, &f), SLUICE_TABLE_FULL);
}

/* The handshakes of a suspect hold nothing until they are answered, but one that may open at once is charged at once. */
static void test_fast_open_of_a_suspect_never_passes_without_a_slot(void **state)
{
	struct frame f = { "10.0.0.1", SERVER, 1001, 25, .flags = SYN, .seq = 7 }, rst;
	struct gate *g = *state;
	int i;

	assert_int_equal(gate_reason(g, &f), SLUICE_ADMITTED);
	slots_wait(g);
	f.from_port = 1002;
	assert_int_equal(gate_reason(g, &f), SLUICE_UNPROVEN);
	rst = f;
	rst.flags = RST;
	rst.seq = 8;
	gate_reason(g, &rst);
	f.tcp_options = 3;
	f.fast_open = 10;
	f.seq = 4711;
	assert_int_equal(gate_reason(g, &f), SLUICE_TABLE_FULL);
	for (i = 0; i < 2; i++) {
		f.from_port = 1003 + i;
		f.fast_open = i ? 10 : 2; /* a host that requires no cookie opens a connection for the question, too */
		assert_int_equal(gate_reason(g, &f), SLUICE_ADMITTED);
		assert_int_equal(gate_service(g, "smtp").held, i + 1);
	}
}

static void test_syn_on_a_living_connection_takes_nothing_and_its_segments_pass(void **state)
{
	struct frame again = { "127.0.0.1", "127.0.0.1", 2001, 25, .flags = SYN, .seq = 4711 };
	struct frame data = { "127.0.0.1", "127.0.0.1", 2001, 25, .flags = ACK, .payload = 10 };
	struct gate *g = *state;
	int one = connection_make(g, 2001), two, i;

	for (i = 0; i < 3; i++)
		assert_int_equal(gate_reason(g, &again), i ? SLUICE_UNPROVEN : SLUICE_ESTABLISHED);
	assert_int_equal(gate_service(g, "smtp").held, 1);
	sleep(4); /* until a handshake of that SYN would have run out */
	assert_int_equal(gate_reason(g, &data), SLUICE_ESTABLISHED);
	assert_int_equal(gate_service(g, "smtp").held, 1);
	two = connection_make(g, 2002);
	assert_int_equal(gate_service(g, "smtp").held, 2);
	again.from_port = 2003;
	assert_int_equal(gate_reason(g, &again), SLUICE_SOURCE_CONNECTIONS);
	again.from_port = 2002;
	assert_int_equal(gate_reason(g, &again), SLUICE_ESTABLISHED);
	assert_int_equal(gate_service(g, "smtp").held, 2);
	close(one);
	close(two);
}

/* Its SYN finds the limit full of handshakes that nobody has answered yet, and its answer is judged, too. That is one refusal, not two. */
static void test_observe_mode_counts_a_refusal_that_it_lets_in_once(void **state)
{
	struct gate *g = *state;
	struct frame ack[3];
	int i;

	gate_apply(g, POLICY "mode = observe\n");
	for (i = 0; i < 3; i++) {
		assert_int_equal(syn(g, 4001 + i), i < 2 ? SLUICE_ADMITTED : SLUICE_OBSERVE);
		ack[i] = answer_of(4001 + i);
	}
	for (i = 0; i < 3; i++)
		assert_int_equal(gate_reason(g, &ack[i]), SLUICE_ESTABLISHED);
	assert_int_equal(gate_stat(g, "smtp", SLUICE_SOURCE_CONNECTIONS).observed, 1);
	assert_int_equal(gate_service(g, "smtp").held, 3);
}

#define SERVICES SLUICE_POLICY_SERVICES

/* Many services, without cookies, so that the share of each is small. */
static void share_policy(char *policy, size_t room)
{
	int len = snprintf(policy, room, "interfaces = {lo}\nsyn-flood { cookies = false }\n");
	unsigned int i;

	for (i = 0; i < SERVICES; i++)
		len += snprintf(policy + len, room - len,
				"service s%u { ports = {%u} max-connections-per-source = 2 }\n", i, 5000 + i);
}

/* Sends SYNs from 10.1.0.0 on until s0 has its share, within the 3 s that they last, even on a slow machine. Returns how many. */
static unsigned int share_fill(struct gate *g)
{
	unsigned int share = SLUICE_MAX_HANDSHAKES / SERVICES, i;
	uint8_t frame[FRAME_ROOM];
	size_t none = 0, len;
	char from[32];

	for (i = 0; i < share; i++) {
		snprintf(from, sizeof(from), "10.1.%u.%u", i / 256, i % 256);
		len = frame_build(&(struct frame){ from, SERVER, 1001, 5000, .flags = SYN }, frame);
		assert_int_equal(engine_probe(g->engine, frame, len, NULL, &none, 1, NULL), XDP_PASS);
	}
	return share;
}

/* No table that a spoofer can fill fails open, and nobody can fill the share of another service. */
static void test_share_of_a_service_in_the_table_is_full_and_the_others_have_theirs(void **state)
{
	char policy[SERVICES * 80];
	unsigned int share;
	struct gate g;

	(void)state;
	share_policy(policy, sizeof(policy));
	gate_open(&g, policy);
	share = share_fill(&g);
	assert_int_equal(gate_service(&g, "s0").held, share);
	assert_int_equal(gate_reason(&g, &(struct frame){ "10.2.0.1", SERVER, 1001, 5000, .flags = SYN }),
			 SLUICE_TABLE_FULL);
	assert_int_equal(gate_reason(&g, &(struct frame){ "10.2.0.1", SERVER, 1001, 5001, .flags = SYN }),
			 SLUICE_ADMITTED);
	gate_close(&g);
}

/* Only a SYN that needs room is refused: one that has an entry already passes, and a full limit is named first. */
static void test_a_full_share_refuses_neither_repeated_syns_nor_those_of_connections(void **state)
{
	struct frame owned = { "127.0.0.1", "127.0.0.1", 2001, 5000, .flags = SYN, .seq = 4711 };
	struct frame first = { "10.1.0.0", SERVER, 1001, 5000, .flags = SYN };
	struct frame second = { "127.0.0.1", "127.0.0.1", 2002, 5000, .flags = SYN };
	char policy[SERVICES * 80];
	struct gate g;
	int one, two;

	(void)state;
	share_policy(policy, sizeof(policy));
	gate_open(&g, policy);
	assert_int_equal(gate_reason(&g, &(struct frame){ "127.0.0.1", "127.0.0.1", 2001, 5000, .flags = SYN }),
			 SLUICE_ADMITTED);
	one = space_connection(2001, 5000);
	share_fill(&g);
	assert_int_equal(gate_reason(&g, &(struct frame){ "10.2.0.1", SERVER, 1001, 5000, .flags = SYN }),
			 SLUICE_TABLE_FULL);
	assert_int_equal(gate_reason(&g, &first), SLUICE_ADMITTED);
	assert_int_equal(gate_reason(&g, &owned), SLUICE_ESTABLISHED);
	assert_int_equal(gate_reason(&g, &second), SLUICE_TABLE_FULL);
	two = space_connection(2002, 5000); /* past the gate, but it counts, so the source is full */
	second.from_port = 2003;
	assert_int_equal(gate_reason(&g, &second), SLUICE_SOURCE_CONNECTIONS);
	close(one);
	close(two);
	gate_close(&g);
}

#define ROUNDS 5 /* each fills a share of the table, so together they fill nearly all of it */

/* Only the table remembers a container's handshakes, but they do not keep those of other services out. */
static void test_expired_handshakes_with_containers_keep_no_other_service_out(void **state)
{
	unsigned int share = SLUICE_MAX_HANDSHAKES / 2, round, i;
	uint8_t frame[FRAME_ROOM];
	struct gate g;
	char from[32];
	size_t none = 0, len;

	(void)state;
	gate_open(&g,
		  "interfaces = {lo}\nsyn-flood { cookies = false }\nservice inner { ports = {5100} }\n"
		  "service outer { ports = {5101} }\n"
		  "container box { netns = \"/run/netns/nobody*\" addresses = {172.22.1.253} ports = {\"5100\"} }\n");
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < share; i++) {
			snprintf(from, sizeof(from), "10.%u.%u.%u", round, i / 256, i % 256);
			len = frame_build(&(struct frame){ from, SERVER, 1001, 5100, .flags = SYN }, frame);
			engine_probe(g.engine, frame, len, NULL, &none, 1, NULL);
		}
		for (i = 0; i < 100 && gate_service(&g, "inner").held; i++)
			usleep(100000);
	}
	for (i = 0; i < 200; i++) {
		snprintf(from, sizeof(from), "10.200.0.%u", i);
		assert_int_equal(gate_reason(&g, &(struct frame){ from, SERVER, 1001, 5101, .flags = SYN }),
				 SLUICE_ADMITTED);
	}
	gate_close(&g);
}

#define HANDSHAKE_TEST(f) cmocka_unit_test_setup_teardown(f, open_policy, gate_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDSHAKE_TEST(test_late_ack_must_find_a_free_slot),
		HANDSHAKE_TEST(test_late_syn_ack_with_data_must_find_one_too),
		HANDSHAKE_TEST(test_reset_by_the_client_ends_its_handshake_and_blames_nobody),
		HANDSHAKE_TEST(test_wrong_number_resets_no_handshake),
		HANDSHAKE_TEST(test_observe_mode_counts_a_refusal_that_it_lets_in_once),
		HANDSHAKE_TEST(test_fast_open_on_a_handshake_that_its_client_took_back_does_not_pass),
		HANDSHAKE_TEST(test_fast_open_of_a_suspect_never_passes_without_a_slot),
		HANDSHAKE_TEST(test_syn_on_a_living_connection_takes_nothing_and_its_segments_pass),
		cmocka_unit_test(test_share_of_a_service_in_the_table_is_full_and_the_others_have_theirs),
		cmocka_unit_test(test_a_full_share_refuses_neither_repeated_syns_nor_those_of_connections),
		cmocka_unit_test(test_expired_handshakes_with_containers_keep_no_other_service_out),
	};

	return cmocka_run_group_tests_name("handshake", tests, world_make, NULL);
}
