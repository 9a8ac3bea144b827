/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cookies that are on their way when the policy changes, segments other than a plain ACK that bring one back, and SYNs that count, or do not, for
 * pressure; with a real listener in a network namespace of this program's own.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <cmocka.h>

#include "gate.h"
#include "internal.h"
#include "reason.h"
#include "space.h"

#define SERVER "127.0.0.1"
#define LIMIT 3
#define EACH "{ ports = {25} max-connections-per-source = 3 }\n"
#define POLICY                                  \
	"interfaces = {lo}\nservice smtp " EACH \
	"syn-flood { pressure-syn-rate = 1/1s calm-below = 100 calm-after = 60s }\n"
#define CALM "syn-flood { pressure-syn-rate = 50/1h pressure-half-open = 60000 }\n"
#define OUT 12

static int namespace_enter(void **state)
{
	const uint16_t port = 25;

	(void)state;
	return netns_enter_one(&port, 1);
}

/* Sends OUT clients of one source a cookie each, and fills in the segments that bring these back. */
static void cookies_send(struct gate *g, struct frame back[static OUT])
{
	const uint8_t *number = g->answer + 14 + 20 + 4;
	struct frame f;
	int i;

	for (i = 0; i < OUT; i++) {
		f = (struct frame){ "10.0.0.1", SERVER, 1001 + i, 25, .flags = SYN, .seq = 70000 + i };
		assert_int_equal(gate_reason(g, &f), SLUICE_COOKIE_SENT);
		f.flags = ACK;
		f.seq++;
		f.ack_seq = ((uint32_t)number[0] << 24 | number[1] << 16 | number[2] << 8 | number[3]) + 1;
		back[i] = f;
	}
}

static int let_in(struct gate *g, struct frame back[static OUT], uint8_t flags, int payload)
{
	int i, in = 0;

	for (i = 0; i < OUT; i++) {
		back[i].flags = flags;
		back[i].payload = payload;
		in += gate_reason(g, &back[i]) == SLUICE_COOKIE_VALID;
	}
	return in;
}

static void test_cookies_that_are_out_are_judged_by_the_policy_they_come_back_to(void **state)
{
	static const char *const next[] = {
		"interfaces = {lo}\nservice smtp " EACH "syn-flood { cookies = false }\n",
		"interfaces = {lo}\nservice mail " EACH,
		"interfaces = {lo}\nservice mail " EACH "syn-flood { cookies = false }\n",
	};
	struct frame back[OUT];
	struct gate g;
	size_t i;
	int in;

	(void)state;
	for (i = 0; i < sizeof(next) / sizeof(*next); i++) {
		gate_open(&g, POLICY);
		cookies_send(&g, back);
		gate_apply(&g, next[i]);
		in = let_in(&g, back, ACK, 0);
		print_message("    %d of %d cookies let in at limit %d after a reload (0.1.0: 59)\n", in, OUT, LIMIT);
		assert_int_equal(in, LIMIT);
		gate_close(&g);
	}
}

static void test_only_segments_that_bring_the_host_its_cookie_back_are_let_in(void **state)
{
	static const struct {
		uint8_t flags;
		int payload, let_in;
	} answers[] = { { ACK, 0, LIMIT },
			{ SYN | ACK, 1, 0 }, /* a listener takes no cookie from a segment with SYN */
			{ SYN | ACK, 0, 0 },
			{ FIN | ACK, 0, LIMIT },
			{ PSH | ACK, 9, LIMIT } };
	struct frame back[OUT];
	struct gate g;
	size_t i;
	int in;

	(void)state;
	for (i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		gate_open(&g, POLICY);
		cookies_send(&g, back);
		in = let_in(&g, back, answers[i].flags, answers[i].payload);
		print_message("    flags %#x with %d bytes: %d of %d let in at limit %d\n", answers[i].flags,
			      answers[i].payload, in, OUT, LIMIT);
		assert_int_equal(in, answers[i].let_in);
		gate_close(&g);
	}
}

static void test_a_syn_sent_again_and_again_is_counted_each_time(void **state)
{
	const struct frame syn = { "10.0.0.1", SERVER, 1001, 25, .flags = SYN };
	struct gate g;
	int i;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nservice smtp " EACH CALM);
	for (i = 0; i < 49; i++)
		gate_reason(&g, &syn);
	assert_false(gate_service(&g, "smtp").pressure);
	gate_reason(&g, &syn);
	assert_true(gate_service(&g, "smtp").pressure);
	assert_int_equal(gate_service(&g, "smtp").reserved, 1);
	gate_close(&g);
}

static void test_SYNs_that_the_host_drops_take_nothing_and_cause_no_pressure(void **state)
{
	static const int sums[] = { SUM_IP_WRONG, SUM_TCP_WRONG };
	struct gate g;
	int i;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nservice smtp " EACH CALM);
	for (i = 0; i < 400; i++) {
		struct frame syn = { "10.0.0.1", SERVER, 1001 + i, 25, .flags = SYN, .sums = sums[i % 2] };

		assert_int_equal(gate_reason(&g, &syn), SLUICE_CHECKSUM);
	}
	assert_false(gate_service(&g, "smtp").pressure);
	assert_int_equal(gate_service(&g, "smtp").reserved, 0);
	gate_close(&g);
}

/* Returns a listener at port 26 that goes when it is closed. */
static int listener_make(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(26) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

/* A client that got a SYN-ACK there would lose its session, where a RST sends it to the next server at once. */
static void test_no_cookie_is_sent_for_a_listener_that_is_gone(void **state)
{
	struct frame f = { "10.6.0.1", SERVER, 7001, 26, .flags = SYN };
	struct gate g;
	int fd;

	(void)state;
	space_leave_closed(26);
	gate_open(&g, "interfaces = {lo}\nservice smtp { ports = {26} }\n"
		      "syn-flood { pressure-syn-rate = 1/1s calm-below = 100 calm-after = 60s }\n");
	fd = listener_make();
	assert_int_equal(gate_reason(&g, &f), SLUICE_COOKIE_SENT);
	close(fd);
	usleep(1100000); /* what is known of the listener is a second old */
	f.from = "10.6.0.2";
	assert_int_equal(gate_reason(&g, &f), SLUICE_NO_LISTENER);
	f.from = "10.6.0.3";
	assert_int_equal(gate_reason(&g, &f), SLUICE_NO_LISTENER);
	gate_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cookies_that_are_out_are_judged_by_the_policy_they_come_back_to),
		cmocka_unit_test(test_only_segments_that_bring_the_host_its_cookie_back_are_let_in),
		cmocka_unit_test(test_a_syn_sent_again_and_again_is_counted_each_time),
		cmocka_unit_test(test_SYNs_that_the_host_drops_take_nothing_and_cause_no_pressure),
		cmocka_unit_test(test_no_cookie_is_sent_for_a_listener_that_is_gone),
	};

	return cmocka_run_group_tests_name("promised", tests, namespace_enter, NULL);
}
