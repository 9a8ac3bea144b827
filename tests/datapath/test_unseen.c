/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets that the gate cannot look up from where packets come in, as in a VRF. The loopback device stands for the VRF: a listener is bound
 * to it, and so are its connections. Packets come in by another device, from which the kernel finds neither.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <cmocka.h>

#include "gate.h"
#include "internal.h"
#include "reason.h"
#include "space.h"

#define SERVER "203.0.113.5"
#define HERE "fd00:1::1"
#define SMTP "interfaces = {lo}\nservice smtp { ports = {25, 26} max-connections-per-source = 2 }\n"
#define PRESSED "syn-flood { pressure-syn-rate = 1/1s calm-below = 100 calm-after = 60s }\n"
#define STRAYS 4096 /* enough for a processor that judges one in 128 of them */

/* Port 25 has a listener that is bound to nothing, and 26 one that is bound to the loopback device. */
static int world_make(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(26) };
	int fd;

	(void)state;
	space_leave_closed(26);
	if (space_listen(25) || space_route(SERVER) ||
	    system("ip link add d0 type veth peer name d1 && ip link set d1 up && ip link set d0 up && ip address add " HERE
		   "/128 dev lo"))
		return -1;
	syncookies_set('2');
	fd = socket(AF_INET, SOCK_STREAM, 0);
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) || bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
			       listen(fd, 64)
		       ? -1
		       : 0;
}

/* What the daemon says of an interface in a VRF. XDP does not answer there. */
static void hide(struct gate *g, unsigned int in)
{
	static const struct sluice_answer_counts none[64];
	struct sluice_answers a = { .hidden = 1, .why = SLUICE_ANSWERS_NO_ADDRESS };

	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_answers], &in, &a, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_answer_counts], &in, none, BPF_ANY), 0);
	assert_int_equal(CONTROL_STORE(g->engine, hidden, 1), 0);
	g->in = in;
}

static int open_policy(void **state)
{
	static struct gate g;

	gate_open(&g, SMTP);
	hide(&g, if_nametoindex("d0"));
	*state = &g;
	return 0;
}

static struct frame syn_of(uint16_t from, uint16_t to)
{
	return (struct frame){ "10.0.0.1", SERVER, from, to, .flags = SYN };
}

static enum sluice_reason syn(struct gate *g, uint16_t from, uint16_t to)
{
	struct frame f = syn_of(from, to);

	return gate_reason(g, &f);
}

/* The ACK of a client that the host's own TCP has answered, past the gate. */
static struct frame answer_of(uint16_t from, uint16_t to)
{
	const struct frame f = syn_of(from, to);

	return space_answer(&f);
}

static uint32_t held(struct gate *g)
{
	return gate_service(g, "smtp").held;
}

static void held_wait(struct gate *g, uint32_t want)
{
	int i;

	for (i = 0; i < 100 && held(g) != want; i++)
		usleep(100000);
	assert_int_equal(held(g), want);
}

/* Handshakes that hold nothing, because their source is a suspect. Their slots are given back, since no socket comes of them. */
static void test_an_answer_that_nobody_can_check_takes_the_slot_that_its_handshake_lacks(void **state)
{
	struct gate *g = *state;
	struct frame ack;
	int i;

	for (i = 0; i < 2; i++)
		assert_int_equal(syn(g, 1001 + i, 25 + i), SLUICE_ADMITTED);
	held_wait(g, 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(syn(g, 1003 + i, 25), SLUICE_UNPROVEN);
	assert_int_equal(held(g), 0);
	for (i = 0; i < 3; i++) {
		ack = syn_of(1003 + i, 25);
		ack.flags = ACK;
		assert_int_equal(gate_reason(g, &ack), i < 2 ? SLUICE_ESTABLISHED : SLUICE_SOURCE_CONNECTIONS);
		assert_int_equal(held(g), i < 2 ? i + 1 : 2);
	}
	ack = syn_of(1001, 25);
	ack.flags = ACK;
	assert_int_equal(gate_reason(g, &ack), SLUICE_SOURCE_CONNECTIONS); /* it has expired, and comes late */
	held_wait(g, 0);
	assert_int_equal(gate_reason(g, &ack), SLUICE_ESTABLISHED);
	assert_int_equal(held(g), 1);
}

/* Elsewhere a client that answers gets past handshakes that nobody has answered. Here nobody could tell which of them are answered. */
static void test_a_limit_is_full_also_of_handshakes_that_nobody_has_answered(void **state)
{
	struct gate *g = *state;
	int i;

	for (i = 0; i < 2; i++)
		assert_int_equal(syn(g, 2001 + i, 25), SLUICE_ADMITTED);
	assert_int_equal(syn(g, 2003, 25), SLUICE_SOURCE_CONNECTIONS);
	usleep(700000); /* the guard of the port is firm now */
	assert_int_equal(syn(g, 2003, 25), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(CONTROL_STORE(g->engine, hidden, 0), 0);
	assert_int_equal(syn(g, 2003, 25), SLUICE_UNPROVEN);
}

/* Its cookie comes back with each segment until the server has sent something. */
static void test_a_connection_made_by_a_cookie_takes_one_slot_however_often_that_comes_back(void **state)
{
	struct gate *g = *state;
	struct frame ack[3], again = syn_of(3001, 26);
	int i;

	gate_apply(g, SMTP PRESSED);
	for (i = 0; i < 3; i++) {
		assert_int_equal(syn(g, 3001 + i, 26), SLUICE_UNPROVEN);
		ack[i] = answer_of(3001 + i, 26);
	}
	assert_int_equal(held(g), 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(gate_reason(g, &ack[i]), SLUICE_COOKIE_VALID);
		space_send(&ack[i]); /* the host makes the connection */
		assert_int_equal(held(g), i + 1);
	}
	for (i = 0; i < 2; i++) {
		ack[i].payload = 10;
		assert_int_equal(gate_reason(g, &ack[i]), SLUICE_ESTABLISHED);
	}
	assert_int_equal(gate_reason(g, &ack[2]), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(gate_reason(g, &again), SLUICE_ESTABLISHED); /* a SYN on a living connection takes nothing */
	sleep(4); /* until a handshake of it would have run out */
	assert_int_equal(held(g), 2);
	assert_int_equal(gate_reason(g, &ack[0]), SLUICE_ESTABLISHED);
	ack[0].flags = RST;
	space_send(&ack[0]);
	ack[1].flags = RST;
	space_send(&ack[1]);
}

/* Segments of connections look like strays there, and must not be dropped as a flood of them. */
static void test_segments_of_connections_that_nobody_sees_are_no_flood(void **state)
{
	struct gate *g = *state;
	struct sluice_pressure p = {};
	struct frame ack = syn_of(4001, 25);
	uint8_t frame[FRAME_ROOM];
	__u32 service = 1;
	size_t none = 0;

	hide(g, 1); /* the loopback device, where repeated frames come in */
	assert_int_equal(bpf_map_lookup_elem(g->engine->map[MAP_pressures], &service, &p), 0);
	p.completed = 1; /* strays are looked for once a handshake was completed */
	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_pressures], &service, &p, BPF_ANY), 0);
	ack.flags = ACK;
	assert_true(engine_probe(g->engine, frame, frame_build(&ack, frame), NULL, &none, STRAYS, NULL) >= 0);
	assert_int_equal(gate_stat(g, "smtp", SLUICE_OUT_OF_STATE).packets, 0);
	assert_int_equal(gate_stat(g, "smtp", SLUICE_COOKIE_FORGED).packets, 0);
	assert_int_equal(gate_stat(g, "smtp", SLUICE_ESTABLISHED).packets, STRAYS);
}

#define PEER \
	"fe80::7:1" /* link-local: its sockets are bound to the device whose stack takes its packets, and that is not d0 */

/* Nothing is hidden on this host: no interface is in a VRF. */
static int open_bridged(void **state)
{
	static struct gate g;

	gate_open(&g, SMTP);
	g.in = if_nametoindex("d0");
	*state = &g;
	return 0;
}

static void test_an_answer_of_a_link_local_peer_takes_the_slot_that_its_handshake_lacks(void **state)
{
	struct frame f = { PEER, HERE, 5001, 25, .flags = SYN };
	struct gate *g = *state;
	int i;

	for (i = 0; i < 2; i++, f.from_port++)
		assert_int_equal(gate_reason(g, &f), SLUICE_ADMITTED);
	held_wait(g, 0);
	for (i = 0; i < 3; i++, f.from_port++)
		assert_int_equal(gate_reason(g, &f), SLUICE_UNPROVEN);
	f.flags = ACK;
	for (i = 0; i < 3; i++) {
		f.from_port = 5003 + i;
		assert_int_equal(gate_reason(g, &f), i < 2 ? SLUICE_ESTABLISHED : SLUICE_SOURCE_CONNECTIONS);
		assert_int_equal(held(g), i < 2 ? i + 1 : 2);
	}
}

static void test_segments_of_link_local_peers_that_belong_to_unseen_sockets_are_no_flood(void **state)
{
	struct frame ack = { PEER, HERE, 6001, 25, .flags = ACK };
	struct gate *g = *state;
	struct sluice_pressure p = {};
	uint8_t frame[FRAME_ROOM];
	__u32 service = 1;
	size_t none = 0;

	assert_int_equal(bpf_map_lookup_elem(g->engine->map[MAP_pressures], &service, &p), 0);
	p.completed = 1;
	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_pressures], &service, &p, BPF_ANY), 0);
	assert_true(engine_probe(g->engine, frame, frame_build(&ack, frame), NULL, &none, STRAYS, NULL) >= 0);
	assert_int_equal(gate_stat(g, "smtp", SLUICE_OUT_OF_STATE).packets, 0);
	assert_int_equal(gate_stat(g, "smtp", SLUICE_COOKIE_FORGED).packets, 0);
	assert_int_equal(gate_stat(g, "smtp", SLUICE_ESTABLISHED).packets, STRAYS);
}

#define BRIDGED_TEST(f) cmocka_unit_test_setup_teardown(f, open_bridged, gate_teardown)
#define UNSEEN_TEST(f) cmocka_unit_test_setup_teardown(f, open_policy, gate_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNSEEN_TEST(test_an_answer_that_nobody_can_check_takes_the_slot_that_its_handshake_lacks),
		UNSEEN_TEST(test_a_limit_is_full_also_of_handshakes_that_nobody_has_answered),
		UNSEEN_TEST(test_a_connection_made_by_a_cookie_takes_one_slot_however_often_that_comes_back),
		UNSEEN_TEST(test_segments_of_connections_that_nobody_sees_are_no_flood),
		BRIDGED_TEST(test_an_answer_of_a_link_local_peer_takes_the_slot_that_its_handshake_lacks),
		BRIDGED_TEST(test_segments_of_link_local_peers_that_belong_to_unseen_sockets_are_no_flood),
	};

	return cmocka_run_group_tests_name("unseen", tests, world_make, NULL);
}
