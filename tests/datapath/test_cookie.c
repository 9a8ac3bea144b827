/* SPDX-License-Identifier: BSD-2-Clause */
/* SYN cookies, against a real listener in a network namespace of this program's own. */
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <cmocka.h>

#include "gate.h"
#include "internal.h"
#include "known.h"
#include "reason.h"
#include "space.h"

#define SERVER "127.0.0.1"
#define SERVER6 "::1"
#define SMTP "interfaces = {lo}\nservice smtp { ports = {25, 26} max-connections-per-source = 2 "
#define PRESSED " }\nsyn-flood { pressure-syn-rate = 1/1s calm-below = 100 calm-after = 1s }\n"
#define FIRM_US \
	700000 /* a sweep raises the guard, and a quarter of a second later unanswered reservations block nobody */

static int namespace_enter(void **state)
{
	const uint16_t port = 25;

	(void)state;
	space_leave_closed(26);
	return netns_enter_one(&port, 1);
}

static int press(void **state)
{
	static struct gate g;

	gate_open(&g, SMTP PRESSED);
	*state = &g;
	return 0;
}

static int release(void **state)
{
	gate_close(*state);
	return 0;
}

static enum sluice_reason sent(struct gate *g, const struct frame *f, int *verdict)
{
	enum sluice_reason why = SLUICE_REASONS;
	int v = gate_send(g, f, &why);

	if (verdict)
		*verdict = v;
	return why;
}

static uint32_t word_of(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

/* Returns the length of the segment as the IP header says it; the rest of the frame is padding. */
static uint32_t segment_len(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? (word_of(ip) & 0xffff) - 20 : word_of(ip + 4) >> 16;
}

/* Sends a SYN that is answered by a cookie, and checks the answer. Returns the ACK that brings the cookie back. */
static struct frame cookie_of(struct gate *g, struct frame syn)
{
	size_t ip = 14 + syn.vlan_tags * 4, header = strchr(syn.from, ':') ? 40 : 20;
	const uint8_t *tcp = g->answer + ip + header;
	int mss = syn.tcp_options || syn.extensions, verdict; /* room for one option, as every client's SYN has it */

	syn.flags = SYN;
	syn.seq = 70000 + syn.from_port;
	assert_int_equal(sent(g, &syn, &verdict), SLUICE_COOKIE_SENT);
	assert_int_equal(verdict, XDP_TX);
	assert_int_equal(segment_len(g->answer + ip), mss ? 24 : 20);
	assert_int_equal(tcp[12] >> 4, mss ? 6 : 5);
	assert_int_equal(tcp[13], SYN | ACK);
	assert_int_equal(word_of(tcp + 8), syn.seq + 1);
	if (mss)
		assert_int_equal(word_of(tcp + 20) >> 16, 2 << 8 | 4); /* MSS */
	assert_int_equal(frame_tcp_checksum(g->answer + ip, header + segment_len(g->answer + ip)), 0);
	syn.flags = ACK;
	syn.ack_seq = word_of(tcp + 4) + 1;
	syn.seq++;
	return syn;
}

static void test_cookie_comes_back_and_reserves(void **state)
{
	static const struct frame syns[] = {
		{ "10.0.0.1", SERVER, 1001, .to_port = 25, .tcp_options = 1 },
		{ "10.0.0.1", SERVER, 1002, .to_port = 25, .vlan_tags = 1 },
		{ "10.0.0.2", SERVER, 1003, .to_port = 25, .vlan_tags = 2, .tcp_options = 10 },
		{ "2001:db8:1::1", SERVER6, 1001, .to_port = 25 },
		{ "2001:db8:1::1", SERVER6, 1002, .to_port = 25, .vlan_tags = 1, .extensions = 2, .tcp_options = 5 },
	};
	struct gate *g = *state;
	struct frame ack;
	size_t i;

	for (i = 0; i < sizeof(syns) / sizeof(*syns); i++) {
		ack = cookie_of(g, syns[i]);
		assert_int_equal(gate_service(g, "smtp").held, i);
		assert_int_equal(sent(g, &ack, NULL), SLUICE_COOKIE_VALID);
		assert_int_equal(gate_service(g, "smtp").held, i + 1);
		assert_int_equal(sent(g, &ack, NULL), SLUICE_COOKIE_VALID); /* it takes no second slot */
	}
	assert_int_equal(gate_service(g, "smtp").held, i);
	assert_int_equal(gate_stat(g, "smtp", SLUICE_COOKIE_VALID).connections, i);
}

static void test_the_guard_of_a_port_lasts_as_long_as_the_last_cookie(void **state)
{
	struct sluice_guard guard = { .cookies_until_ns = clock_ns() + SLUICE_GUARD_NS - 500000000, .since_ns = 1 };
	struct gate *g = *state;
	__u64 sent_ns;
	__u32 port = 25;

	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_guards], &port, &guard, BPF_ANY), 0);
	sent_ns = clock_ns();
	cookie_of(g, (struct frame){ "10.0.0.1", SERVER, 1001, 25 });
	assert_int_equal(bpf_map_lookup_elem(g->engine->map[MAP_guards], &port, &guard), 0);
	assert_true(guard.cookies_until_ns >= sent_ns + SLUICE_GUARD_NS);
}

static void answers_set(struct gate *g, struct sluice_answers a)
{
	static const struct sluice_answer_counts none[64];
	__u32 in = 1; /* lo, by which frames of a test-run come in */

	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_answers], &in, &a, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_answer_counts], &in, none, BPF_ANY), 0);
}

static struct sluice_answers answers_get(struct gate *g)
{
	struct sluice_answers a;
	__u32 in = 1;

	assert_int_equal(bpf_map_lookup_elem(g->engine->map[MAP_answers], &in, &a), 0);
	return a;
}

static void own(struct gate *g, const char *address, unsigned int ifindex)
{
	struct sluice_prefix_key key = { .prefixlen = 128 };
	struct sluice_local is = { .ifindex = ifindex };

	assert_int_equal(addr_parse(address, &key.addr), 0);
	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_locals], &key, &is, BPF_ANY), 0);
}

static void test_a_cookie_is_sent_only_where_the_way_back_is_the_way_in(void **state)
{
	static const struct {
		unsigned int owner, row;
		struct sluice_answers row_is;
		bool answers;
	} cases[] = {
		{ .owner = 1, .row = 1, .answers = true },
		{ .owner = 1, .row = 0 }, /* nothing is known of this interface */
		{ .owner = 2, .row = 1 }, /* another interface has the address */
		{ .owner = 0, .row = 1 }, /* several interfaces have it */
		{ .owner = 2,
		  .row = 1,
		  .row_is = { .also = 2 },
		  .answers = true }, /* the bridge has it whose port this is */
		{ .owner = 1, .row = 1, .row_is = { .bare = 1 }, .answers = true }, /* a SYN has no data */
		{ .owner = 1, .row = 1, .row_is = { .why = SLUICE_ANSWERS_TAG } },
		{ .owner = 1, .row = 1, .row_is = { .why = SLUICE_ANSWERS_CHECKSUM } },
		{ .owner = 1, .row = 1, .row_is = { .loop = { { .quiet_until_ns = ~0ULL } } } },
		{ .owner = 1, .row = 1, .row_is = { .loop = { [1] = { .quiet_until_ns = ~0ULL } } }, .answers = true },
	};
	struct gate *g = *state;
	__u32 in = 1;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char from[16];
		struct frame f = { from, SERVER, 4000 + i, .to_port = 25, .flags = SYN, .tcp_options = 1 };
		int verdict;

		own(g, SERVER, cases[i].owner);
		bpf_map_delete_elem(g->engine->map[MAP_answers], &in);
		if (cases[i].row)
			answers_set(g, cases[i].row_is);
		snprintf(from, sizeof(from), "10.3.0.%zu", i + 1);
		assert_int_equal(sent(g, &f, &verdict) == SLUICE_COOKIE_SENT, cases[i].answers);
		assert_int_equal(verdict, cases[i].answers ? XDP_TX : XDP_PASS);
	}
}

/* Makes this a source that completed a handshake before, for whose answer the loop waits. */
static void confirm(struct gate *g, const char *from)
{
	struct sluice_source_key key = {};
	struct sluice_counter c = { .state = SLUICE_COUNTER_PROVEN };

	assert_int_equal(addr_parse(from, &key.addr), 0);
	key.service = gate_service(g, "smtp").id;
	key.bits = 128;
	c.of = key;
	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_sources], &key, &c, BPF_ANY), 0);
	assert_int_equal(known_fill(g->engine->map[MAP_known], 1), 0);
}

static void test_cookies_are_no_longer_sent_if_they_never_come_back(void **state)
{
	struct frame f = { "10.4.0.1", SERVER, 5000, .to_port = 25, .flags = SYN, .tcp_options = 1 };
	struct frame stranger = { "10.4.0.2", SERVER, 5000, .to_port = 25, .flags = SYN, .tcp_options = 1 };
	struct gate *g = *state;
	int i, verdict;

	answers_set(g, (struct sluice_answers){});
	for (i = 0; i < 3 * SLUICE_ANSWERS_UNRETURNED; i++, stranger.from_port++)
		assert_int_equal(sent(g, &stranger, &verdict), SLUICE_COOKIE_SENT);
	assert_int_equal(answers_get(g).loop[0].waiting, 0); /* sources that may be spoofed prove nothing */
	confirm(g, f.from);
	for (i = 0; i < 2 * SLUICE_ANSWERS_UNRETURNED; i++, f.from_port++)
		assert_int_equal(sent(g, &f, &verdict), SLUICE_COOKIE_SENT); /* answers may still be on their way */
	usleep(SLUICE_ANSWERS_SPAN_NS / 1000 + 100000);
	assert_int_equal(sent(g, &f, &verdict), SLUICE_COOKIE_SENT);
	f.from_port++;
	assert_int_not_equal(sent(g, &f, &verdict), SLUICE_COOKIE_SENT);
	assert_int_equal(verdict, XDP_PASS);
	assert_int_not_equal(answers_get(g).loop[0].quiet_until_ns, 0);
}

static void test_a_cookie_that_comes_back_makes_up_for_all_before_it(void **state)
{
	struct frame f = { "10.5.0.1", SERVER, 6000, .to_port = 25, .tcp_options = 1 }, ack;
	struct gate *g = *state;
	int i;

	answers_set(g, (struct sluice_answers){});
	confirm(g, f.from);
	for (i = 0; i < SLUICE_ANSWERS_UNRETURNED - 1; i++, f.from_port++)
		ack = cookie_of(g, f);
	assert_int_equal(answers_get(g).loop[0].waiting, SLUICE_ANSWERS_UNRETURNED - 1);
	assert_int_equal(sent(g, &ack, NULL), SLUICE_COOKIE_VALID);
	assert_int_equal(answers_get(g).loop[0].waiting, 0);
}

#define STRAYS 2048 /* enough for a processor that judges one in 128 of them */

/* In calm times the host answers them, since a client whose connection is lost must hear of that. */
static void test_segments_without_a_connection_are_dropped_only_in_a_flood(void **state)
{
	static const uint8_t flags[] = { ACK, ACK | PSH, FIN | ACK, RST, RST | ACK, SYN | ACK };
	struct gate *g = *state;
	struct frame f = cookie_of(g, (struct frame){ "10.0.0.1", SERVER, 1001, .to_port = 25 });
	uint8_t frame[FRAME_ROOM];
	size_t i, none = 0;
	int verdict;

	f.ack_seq ^= 1 << 9;
	for (i = 0; i < sizeof(flags); i++) {
		f.flags = flags[i];
		assert_int_equal(sent(g, &f, &verdict), SLUICE_OUT_OF_STATE);
		assert_int_equal(verdict, XDP_PASS);
	}
	f.flags = ACK;
	assert_true(engine_probe(g->engine, frame, frame_build(&f, frame), NULL, &none, STRAYS, NULL) >= 0);
	for (i = 0; i < sizeof(flags); i++) {
		f.flags = flags[i];
		assert_int_equal(sent(g, &f, &verdict), SLUICE_COOKIE_FORGED);
		assert_int_equal(verdict, XDP_DROP);
	}
	f.from_port++; /* the cookie belongs to another client */
	f.ack_seq ^= 1 << 9;
	f.flags = ACK;
	assert_int_equal(sent(g, &f, NULL), SLUICE_COOKIE_FORGED);
	assert_int_equal(gate_service(g, "smtp").held, 0);
}

static void test_limits_hold_when_the_cookies_come_back(void **state)
{
	struct gate *g = *state;
	struct frame acks[3];
	int i, verdict;

	for (i = 0; i < 3; i++)
		acks[i] = cookie_of(g, (struct frame){ "10.0.0.1", SERVER, 1001 + i, .to_port = 25 });
	assert_int_equal(sent(g, &acks[0], NULL), SLUICE_COOKIE_VALID);
	assert_int_equal(sent(g, &acks[1], NULL), SLUICE_COOKIE_VALID);
	assert_int_equal(sent(g, &acks[2], &verdict), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(verdict, XDP_TX); /* a RST, since this client believes that it has a connection */
	assert_int_equal(g->answer[14 + 20 + 13], RST);
	assert_int_equal(word_of(g->answer + 14 + 20 + 4), acks[2].ack_seq);
	assert_int_equal(frame_tcp_checksum(g->answer + 14, 40), 0);
	assert_int_equal(sent(g, &(struct frame){ "10.0.0.1", SERVER, 1009, 25, .flags = SYN }, NULL),
			 SLUICE_SOURCE_CONNECTIONS);
}

/* Sends a frame and reads no counters, which an emulated machine is slow at. Returns the verdict. */
static int judged(struct gate *g, const struct frame *f)
{
	uint8_t frame[FRAME_ROOM];
	size_t len = frame_build(f, frame), none = 0;

	return engine_probe(g->engine, frame, len, NULL, &none, 1, NULL);
}

/* The SYN is forged, however often. A cookie would be an answer for a socket that exists. */
static void test_repeated_syn_on_a_living_connection_reaches_it(void **state)
{
	struct frame again = { "127.0.0.1", "127.0.0.1", 2001, 25, .flags = SYN, .seq = 4711, .payload = 10 };
	int one = space_connection(2001, 25), verdict[2], i;
	enum sluice_reason why;
	uint32_t held;

	for (i = 0; i < 3; i++)
		why = sent(*state, &(struct frame){ "10.0.0.9", SERVER, 3000 + i, 25, .flags = SYN }, NULL);
	assert_int_equal(why, SLUICE_COOKIE_SENT);
	held = gate_service(*state, "smtp").held;
	/*
	 * Data may make a connection at once, so the first is charged, for 3 s. The second finds its source full, and gives nothing back. Those
	 * without data take nothing.
	 */
	for (i = 0; i < 2; i++)
		verdict[i] = judged(*state, &again);
	assert_int_equal(gate_service(*state, "smtp").held, held + 1);
	assert_int_equal(verdict[0], XDP_PASS);
	assert_int_equal(verdict[1], XDP_DROP);
	again.payload = 0;
	for (i = 0; i < 3; i++)
		assert_int_equal(judged(*state, &again), XDP_PASS);
	assert_true(gate_service(*state, "smtp").held <= held + 1);
	close(one);
}

static void test_port_without_a_listener_is_left_to_the_host(void **state)
{
	struct gate *g = *state;

	assert_int_equal(sent(g, &(struct frame){ "10.0.0.1", SERVER, 1001, 26, .flags = SYN }, NULL),
			 SLUICE_NO_LISTENER);
	assert_int_equal(gate_service(g, "smtp").held, 0);
	assert_int_equal(sent(g, &(struct frame){ "10.0.0.1", SERVER, 1002, 26, .flags = ACK }, NULL),
			 SLUICE_ESTABLISHED);
}

static void test_without_the_sysctl_the_host_answers_and_limits_hold(void **state)
{
	struct gate *g = *state;
	int i;

	syncookies_set('1');
	for (i = 0; i < 2; i++)
		assert_int_equal(sent(g, &(struct frame){ "10.0.0.1", SERVER, 1001 + i, 25, .flags = SYN }, NULL),
				 SLUICE_ADMITTED);
	assert_int_equal(sent(g, &(struct frame){ "10.0.0.1", SERVER, 1003, 25, .flags = SYN }, NULL),
			 SLUICE_SOURCE_CONNECTIONS);
	syncookies_set('2');
}

/* Two spoofed SYNs hold the victim's two slots. A client that answers a cookie still gets in, and the limit holds. */
static void test_spoofed_reservations_lock_nobody_out(void **state)
{
	struct gate *g = *state;
	struct frame ack;
	int i;

	syncookies_set('1');
	for (i = 0; i < 2; i++)
		assert_int_equal(sent(g, &(struct frame){ "10.0.0.1", SERVER, 1001 + i, 25, .flags = SYN }, NULL),
				 SLUICE_ADMITTED);
	assert_int_equal(sent(g, &(struct frame){ "10.0.0.1", SERVER, 1003, 25, .flags = SYN }, NULL),
			 SLUICE_SOURCE_CONNECTIONS);
	syncookies_set('2');
	usleep(FIRM_US);
	for (i = 0; i < 2; i++) {
		ack = cookie_of(g, (struct frame){ "10.0.0.1", SERVER, 1004 + i, .to_port = 25 });
		assert_int_equal(sent(g, &ack, NULL), SLUICE_COOKIE_VALID);
	}
	assert_int_equal(sent(g, &(struct frame){ "10.0.0.1", SERVER, 1006, 25, .flags = SYN }, NULL),
			 SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(gate_service(g, "smtp").held, 4);
}

static void test_syn_rate_of_an_unproven_source_is_limited(void **state)
{
	struct gate g;
	int i;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nservice smtp { ports = {25} max-syn-rate-per-source = 5/1m }\n"
		      "syn-flood { pressure-syn-rate = 1/1s }\n");
	for (i = 0; i < 5; i++)
		cookie_of(&g, (struct frame){ "10.0.0.1", SERVER, 1001 + i, .to_port = 25 });
	assert_int_equal(sent(&g, &(struct frame){ "10.0.0.1", SERVER, 1009, 25, .flags = SYN }, NULL),
			 SLUICE_SYN_RATE);
	cookie_of(&g, (struct frame){ "10.0.0.2", SERVER, 1001, .to_port = 25 });
	gate_close(&g);
}

static void test_service_is_calm_again_after_the_flood(void **state)
{
	struct gate *g = *state;
	int i;

	cookie_of(g, (struct frame){ "10.0.0.1", SERVER, 1001, .to_port = 25 });
	assert_true(gate_service(g, "smtp").pressure);
	for (i = 0; i < 50 && gate_service(g, "smtp").pressure; i++)
		usleep(100000);
	assert_in_range(i, 10, 40);
}

/* Sends SYNs from `*next` on, each from another source, on each processor in turn. */
static void flood_by_turns(struct gate *g, unsigned int *next, unsigned int count)
{
	const long processors = sysconf(_SC_NPROCESSORS_ONLN);
	char from[32];
	cpu_set_t one;

	for (; count--; ++*next) {
		CPU_ZERO(&one);
		CPU_SET(*next % processors, &one);
		sched_setaffinity(0, sizeof(one), &one); /* if that is not allowed, one processor sends them all */
		snprintf(from, sizeof(from), "10.4.%u.%u", *next / 250, *next % 250 + 1);
		sent(g, &(struct frame){ from, SERVER, 1001, 25, .flags = SYN }, NULL);
	}
}

static void test_pressure_begins_when_all_processors_together_have_seen_its_rate(void **state)
{
	const unsigned int rate = 1024, batch = rate / 256;
	cpu_set_t all;
	struct gate g;
	unsigned int next = 0;

	(void)state;
	sched_getaffinity(0, sizeof(all), &all);
	gate_open(
		&g, SMTP
		" }\nsyn-flood { pressure-syn-rate = 1024/1h pressure-half-open = 60000 pressure-expired = 60000/1s }\n");
	flood_by_turns(&g, &next, rate - 1);
	assert_false(gate_service(&g, "smtp").pressure);
	flood_by_turns(&g, &next, 1 + (batch - 1) * sysconf(_SC_NPROCESSORS_ONLN));
	assert_true(gate_service(&g, "smtp").pressure);
	sched_setaffinity(0, sizeof(all), &all);
	gate_close(&g);
}

static void test_cookies_can_be_switched_off(void **state)
{
	struct gate g;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nservice smtp { ports = {25} }\n"
		      "syn-flood { cookies = false pressure-syn-rate = 1/1s }\n");
	assert_int_equal(sent(&g, &(struct frame){ "10.0.0.1", SERVER, 1001, 25, .flags = SYN }, NULL),
			 SLUICE_ADMITTED);
	gate_apply(&g, "interfaces = {lo}\nmode = observe\nservice smtp { ports = {25} }\n"
		       "syn-flood { pressure-syn-rate = 1/1s }\n");
	assert_int_equal(sent(&g, &(struct frame){ "10.0.0.1", SERVER, 1002, 25, .flags = SYN }, NULL),
			 SLUICE_ADMITTED);
	gate_close(&g);
}

#define PRESSED_TEST(f) cmocka_unit_test_setup_teardown(f, press, release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PRESSED_TEST(test_cookie_comes_back_and_reserves),
		PRESSED_TEST(test_the_guard_of_a_port_lasts_as_long_as_the_last_cookie),
		PRESSED_TEST(test_segments_without_a_connection_are_dropped_only_in_a_flood),
		PRESSED_TEST(test_a_cookie_is_sent_only_where_the_way_back_is_the_way_in),
		PRESSED_TEST(test_cookies_are_no_longer_sent_if_they_never_come_back),
		PRESSED_TEST(test_a_cookie_that_comes_back_makes_up_for_all_before_it),
		PRESSED_TEST(test_limits_hold_when_the_cookies_come_back),
		PRESSED_TEST(test_port_without_a_listener_is_left_to_the_host),
		PRESSED_TEST(test_without_the_sysctl_the_host_answers_and_limits_hold),
		PRESSED_TEST(test_spoofed_reservations_lock_nobody_out),
		cmocka_unit_test(test_syn_rate_of_an_unproven_source_is_limited),
		PRESSED_TEST(test_service_is_calm_again_after_the_flood),
		cmocka_unit_test(test_pressure_begins_when_all_processors_together_have_seen_its_rate),
		cmocka_unit_test(test_cookies_can_be_switched_off),
		PRESSED_TEST(
			test_repeated_syn_on_a_living_connection_reaches_it), /* the last, since nobody accepts its connection */
	};

	return cmocka_run_group_tests_name("cookie", tests, namespace_enter, NULL);
}
