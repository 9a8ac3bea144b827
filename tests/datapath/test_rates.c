/* SPDX-License-Identifier: BSD-2-Clause */
/* Rates, and how they and counters are freed: nobody is refused for what others do. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <cmocka.h>

#include "gate.h"
#include "held_of.h"
#include "internal.h"
#include "known.h"
#include "reason.h"
#include "space.h"

#define SERVER "203.0.113.5"
#define FIRM_US 700000 /* as in test_cookie.c */
#define SECOND 1000000000ULL

static enum sluice_reason syn(struct gate *g, const char *from, unsigned int port)
{
	enum sluice_reason why = SLUICE_REASONS;

	gate_send(g, &(struct frame){ from, SERVER, port, 25, .flags = SYN, .tcp_options = 1 }, &why);
	return why;
}

static void test_rules_of_different_intervals_on_one_source_do_not_touch_each_other(void **state)
{
	unsigned int i;
	struct gate g;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nsources { ipv4-prefix = 24 }\nsyn-flood { cookies = false }\n"
		      "service smtp { ports = {25} max-rate-per-source = 4/1s }\n"
		      "source-set inside { prefixes = {10.0.0.9} max-rate-per-source = 100/1h }\n");
	for (i = 0; i < 8; i++) { /* never more than three in a second, and nothing runs out */
		assert_int_equal(syn(&g, "10.0.0.1", 1001 + i), SLUICE_ADMITTED);
		assert_int_equal(syn(&g, "10.0.0.9", 1001 + i), SLUICE_ADMITTED);
		usleep(350000);
	}
	gate_close(&g);
}

/* When connections were let in, by the interval in which they counted: what the rates of one aggregate should remember. */
struct seen {
	uint64_t at[2000];
	size_t count;
};

static unsigned int within(const struct seen *s, uint64_t now, uint64_t span)
{
	size_t i;
	unsigned int n = 0;

	for (i = 0; i < s->count; i++)
		n += s->at[i] + span > now;
	return n;
}

/* There are two aggregates, and in each a set with another interval and another number. */
static void test_a_rate_refuses_only_what_a_reference_window_refuses(void **state)
{
	static const struct {
		const char *from;
		unsigned int aggregate, rate;
		uint64_t interval;
	} who[] = {
		{ "10.1.0.1", 0, 7, SECOND }, { "10.1.0.2", 0, 7, SECOND },	  { "10.1.0.9", 0, 5, SECOND * 2 },
		{ "10.1.1.1", 1, 7, SECOND }, { "10.1.1.130", 1, 5, SECOND * 2 }, { "10.1.1.140", 1, 5, SECOND * 2 }
	};
	static struct seen seen[2][2];
	uint64_t begin, before, after;
	unsigned int port = 1000, refused = 0, admitted = 0;
	enum sluice_reason why;
	struct seen *s;
	struct gate g;
	size_t i;

	(void)state;
	srand(11);
	gate_open(&g, "interfaces = {lo}\nsources { ipv4-prefix = 24 }\nsyn-flood { cookies = false }\n"
		      "service smtp { ports = {25} max-rate-per-source = 7/1s }\n"
		      "source-set inside { prefixes = {10.1.0.9, 10.1.1.128/25} max-rate-per-source = 5/2s }\n");
	begin = clock_ns(); /* not earlier, since loading takes seconds on a busy machine */
	while (clock_ns() - begin < 2800000000) { /* nothing runs out meanwhile */
		i = rand() % (sizeof(who) / sizeof(*who));
		s = &seen[who[i].aggregate][who[i].interval != SECOND];
		before = clock_ns();
		why = syn(&g, who[i].from, port++);
		after = clock_ns();
		if (why == SLUICE_ADMITTED) {
			assert_true(within(s, after, who[i].interval) < who[i].rate);
			s->at[s->count++] = before;
			admitted++;
		} else { /* UNPROVEN means that the rate is full of handshakes that nobody has answered, and this is one, too */
			assert_true(why == SLUICE_SOURCE_RATE || why == SLUICE_UNPROVEN);
			assert_true(within(s, before, who[i].interval * 106 / 100 + 5000000) >= who[i].rate);
			refused++;
		}
		usleep(rand() % 30000);
	}
	print_message("    %u admitted, %u refused\n", admitted, refused);
	assert_true(admitted > 5 && refused);
	gate_close(&g);
}

/* Sends a SYN that the gate answers by a cookie, or that the host answers, and answers that. Returns the last reason. */
static enum sluice_reason answer(struct gate *g, const char *from, unsigned int port)
{
	struct frame f = { from, SERVER, port, 25, .flags = ACK, .seq = 1 };
	enum sluice_reason why = syn(g, from, port);
	const uint8_t *tcp = g->answer + 14 + 20;

	if (why == SLUICE_UNPROVEN) {
		f = space_answer(&(struct frame){ from, SERVER, port, 25, .flags = SYN, .tcp_options = 1 });
		return gate_reason(g, &f);
	}
	if (why != SLUICE_COOKIE_SENT)
		return why;
	f.ack_seq = ((uint32_t)tcp[4] << 24 | tcp[5] << 16 | tcp[6] << 8 | tcp[7]) + 1;
	gate_send(g, &f, &why);
	return why;
}

/* `limit` is 3/1h or 3, and three spoofed SYNs fill it. Clients that answer get past these, but not past the limit. */
static void spoofed_rate_locks_nobody_out(const char *limit, enum sluice_reason full, bool one_source)
{
	char policy[512], from[32];
	enum sluice_reason why;
	struct gate g;
	int i;

	snprintf(policy, sizeof(policy), "interfaces = {lo}\nservice smtp { ports = {25} %s }\n", limit);
	gate_open(&g, policy);
	for (i = 0; i < 3; i++) {
		snprintf(from, sizeof(from), "10.9.0.%d", one_source ? 1 : i + 1);
		assert_int_equal(syn(&g, from, 1001 + i), SLUICE_ADMITTED);
	}
	usleep(FIRM_US);
	assert_int_equal(syn(&g, "10.9.0.1", 1009), full);
	usleep(FIRM_US);
	for (i = 0; i < 3; i++) {
		snprintf(from, sizeof(from), "10.9.0.%d", one_source ? 1 : 10 + i);
		why = answer(&g, from, 2001 + i);
		assert_true(why == SLUICE_COOKIE_VALID || why == SLUICE_ADMITTED);
	}
	why = answer(&g, "10.9.0.1", 2009);
	assert_int_equal(why, full);
	gate_close(&g);
}

static void test_rate_filled_by_spoofed_syns_locks_nobody_out(void **state)
{
	(void)state;
	spoofed_rate_locks_nobody_out("max-rate = 3/1h", SLUICE_SERVICE_RATE, false);
	spoofed_rate_locks_nobody_out("max-rate-per-source = 3/1h", SLUICE_SOURCE_RATE, true);
	spoofed_rate_locks_nobody_out("max-rate-per-network = 3/1h", SLUICE_NETWORK_RATE, false);
	spoofed_rate_locks_nobody_out("max-connections-per-network = 3", SLUICE_NETWORK_CONNECTIONS, false);
	spoofed_rate_locks_nobody_out("} source-set s { prefixes = {10.9.0.0/24} max-rate = 3/1h", SLUICE_SET_RATE,
				      false);
}

/* Sends SYNs of many sources. Unlike gate_send() it does not look at the counters. */
static void flood(struct gate *g, unsigned int count)
{
	uint8_t frame[FRAME_ROOM], out[FRAME_ROOM];
	struct frame f = { .to = SERVER, .from_port = 1001, .to_port = 25, .flags = SYN, .tcp_options = 1 };
	size_t len, room;
	char from[32];
	unsigned int i;

	for (i = 0; i < count; i++) {
		snprintf(from, sizeof(from), "11.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		f.from = from;
		len = frame_build(&f, frame);
		room = sizeof(out);
		assert_true(engine_probe(g->engine, frame, len, out, &room, 1, NULL) >= 0);
	}
}

static void test_newcomers_get_their_cookies_while_a_flood_fills_the_sketch(void **state)
{
	unsigned int i, served = 0;
	enum sluice_reason why;
	char from[32];
	struct gate g;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nservice smtp { ports = {25} max-syn-rate-per-source = 2/10m }\n");
	for (i = 0; i < 2; i++)
		syn(&g, "10.0.0.1", 1001 + i);
	assert_int_equal(syn(&g, "10.0.0.1", 1003), SLUICE_SYN_RATE); /* the sketch still has room for everybody */
	flood(&g, 60000);
	for (i = 0; i < 200; i++) {
		snprintf(from, sizeof(from), "12.0.0.%u", i);
		why = syn(&g, from, 1001);
		served += why == SLUICE_COOKIE_SENT || why == SLUICE_ADMITTED;
	}
	print_message("    %u of 200 newcomers served in a flood of 60,000 sources\n", served);
	assert_int_equal(served, 200);
	gate_close(&g);
}

#define IDLE 100000

static void idle_fill(struct gate *g)
{
	static struct sluice_source_key keys[10000];
	static struct sluice_counter values[10000];
	__u32 done, i, n;

	assert_int_equal(known_fill(g->engine->map[MAP_known], 1000), 0);
	for (done = 0; done < IDLE; done += n) {
		n = 10000;
		for (i = 0; i < n; i++) {
			keys[i] = (struct sluice_source_key){ { { 0, 0, htonl(0xffff), htonl(0x0b000000 + done + i) } },
							      1,
							      128 };
			values[i] = (struct sluice_counter){ .state = SLUICE_COUNTER_PROVEN, .of = keys[i] };
		}
		assert_int_equal(bpf_map_update_batch(g->engine->map[MAP_sources], keys, values, &n, NULL), 0);
	}
}

/* Returns the time of the reaper's longest run, which frees as many as one run ever does; the least of some rounds. */
static unsigned int longest_run(struct gate *g)
{
	struct bpf_sk_lookup lookup = { .family = AF_INET6 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &lookup, .ctx_size_in = sizeof(lookup));
	unsigned int least = ~0U, round;
	struct sluice_due row;
	__u32 i;

	for (round = 0; round < 5; round++) {
		for (i = 0; i < SLUICE_DUE; i++) {
			row = (struct sluice_due){ .table = SLUICE_DUE_SOURCE };
			row.key.of = (struct sluice_source_key){
				{ { 0, 0, htonl(0xffff), htonl(0x0b000000 + round * SLUICE_DUE + i) } }, 1, 128
			};
			assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_due], &i, &row, BPF_ANY), 0);
		}
		assert_int_equal(bpf_prog_test_run_opts(g->engine->program[PROGRAM_REAP], &opts), 0);
		i = SLUICE_DUE - 1;
		assert_int_equal(bpf_map_lookup_elem(g->engine->map[MAP_due], &i, &row), 0);
		assert_int_equal(row.freed, 1);
		least = opts.duration < least ? opts.duration : least; /* since the machine may be busy */
	}
	return least;
}

static void test_idle_sources_are_freed_in_short_runs(void **state)
{
	struct sluice_source_key key, next;
	unsigned int calls = 0, ns;
	struct gate g;
	int more;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nsources { retention = 1s }\n"
		      "service smtp { ports = {25} max-rate-per-source = 5/1s }\n");
	idle_fill(&g);
	ns = longest_run(&g);
	assert_int_equal(syn(&g, "10.0.0.1", 1001), SLUICE_ADMITTED);
	do {
		more = engine_reap(g.engine);
		calls++;
	} while (more == 1);
	assert_int_equal(more, 0);
	print_message("    %d sources freed in %u calls; a run that frees %d takes %u us\n", IDLE, calls, SLUICE_DUE,
		      ns / 1000);
	assert_true(calls > 1);
	assert_true(ns < 2000000);
	assert_int_equal(bpf_map_get_next_key(g.engine->map[MAP_sources], NULL, &key),
			 0); /* the source that holds a slot is left */
	assert_int_equal(bpf_map_get_next_key(g.engine->map[MAP_sources], &key, &next), -ENOENT);
	assert_int_equal(ntohl(key.addr.word[3]), 0x0a000001);
	gate_close(&g);
}

static void test_the_first_event_of_a_source_needs_no_rate_and_counts_in_it(void **state)
{
	struct sluice_rate_key key, next;
	struct gate g;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nsyn-flood { cookies = false }\n"
		      "service smtp { ports = {25} max-rate-per-source = 2/1h }\n");
	assert_int_equal(syn(&g, "10.0.0.1", 1001), SLUICE_ADMITTED);
	assert_int_equal(bpf_map_get_next_key(g.engine->map[MAP_rates], NULL, &key), -ENOENT);
	assert_int_equal(syn(&g, "10.0.0.1", 1002), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.0.0.1", 1003), SLUICE_SOURCE_RATE);
	assert_int_equal(bpf_map_get_next_key(g.engine->map[MAP_rates], NULL, &key), 0);
	assert_int_equal(key.seconds, 3600);
	assert_int_equal(bpf_map_get_next_key(g.engine->map[MAP_rates], &key, &next), -ENOENT);
	gate_apply(&g,
		   "interfaces = {lo}\nsyn-flood { cookies = false }\n"
		   "service smtp { ports = {25} max-rate-per-source = 1/2h }\n"); /* another interval, another rate */
	assert_int_equal(syn(&g, "10.0.0.1", 1004), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.0.0.1", 1005), SLUICE_SOURCE_RATE);
	gate_close(&g);
}

/* Returns whether the reaper leaves this source, which is idle. */
static bool source_stays(struct gate *g, const struct sluice_source_key *key)
{
	struct sluice_counter c;

	while (engine_reap(g->engine) == 1)
		;
	return !bpf_map_lookup_elem(g->engine->map[MAP_sources], key, &c);
}

static void test_an_idle_source_is_kept_for_the_retention_time_and_no_longer(void **state)
{
	struct sluice_source_key key = { { { 0, 0, htonl(0xffff), htonl(0x0a000001) } }, 1, 128 };
	struct sluice_counter c = { .state = SLUICE_COUNTER_PROVEN, .of = key };
	struct gate g;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nsources { retention = 1h }\nservice smtp { ports = {25} }\n");
	c.seen_ns = clock_ns() - 2 * SECOND;
	assert_int_equal(bpf_map_update_elem(g.engine->map[MAP_sources], &key, &c, BPF_ANY), 0);
	assert_true(source_stays(&g, &key));
	gate_apply(&g, "interfaces = {lo}\nsources { retention = 1s }\nservice smtp { ports = {25} }\n");
	assert_false(source_stays(&g, &key));
	gate_close(&g);
}

static void test_a_source_is_kept_until_its_first_event_is_over(void **state)
{
	struct sluice_source_key key = { { { 0, 0, htonl(0xffff), htonl(0x0a000001) } }, 1, 128 };
	struct sluice_counter c = { .state = SLUICE_COUNTER_PROVEN, .of = key, .first_seconds = 1 };
	unsigned int freed = 0;
	struct sluice_addr who;
	struct gate g;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nsources { retention = 1s }\n"
		      "service smtp { ports = {25} max-rate-per-source = 1/1s }\n");
	assert_int_equal(known_fill(g.engine->map[MAP_known], 1000), 0);
	c.first_ns = clock_ns() + SECOND;
	assert_int_equal(bpf_map_update_elem(g.engine->map[MAP_sources], &key, &c, BPF_ANY), 0);
	assert_true(source_stays(&g, &key));
	assert_int_equal(syn(&g, "10.0.0.1", 1001), SLUICE_SOURCE_RATE);
	usleep(2200000);
	assert_false(source_stays(&g, &key));
	c.first_ns = clock_ns();
	assert_int_equal(bpf_map_update_elem(g.engine->map[MAP_sources], &key, &c, BPF_ANY), 0);
	who = key.addr;
	assert_int_equal(held_of_erase(g.engine, &who, &freed), 0); /* somebody wants it forgotten */
	assert_int_equal(freed, 1);
	assert_false(source_stays(&g, &key));
	gate_close(&g);
}

static void test_rates_go_when_their_interval_is_over(void **state)
{
	struct sluice_rate_key key;
	struct gate g;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nservice smtp { ports = {25} max-rate-per-source = 5/1s }\n");
	assert_int_equal(syn(&g, "10.0.0.1", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.0.0.1", 1002), SLUICE_ADMITTED);
	assert_int_equal(bpf_map_get_next_key(g.engine->map[MAP_rates], NULL, &key), 0);
	assert_int_equal(key.seconds, 1);
	while (engine_reap(g.engine) == 1)
		;
	assert_int_equal(bpf_map_get_next_key(g.engine->map[MAP_rates], NULL, &key), 0);
	usleep(1200000);
	while (engine_reap(g.engine) == 1)
		;
	assert_int_equal(bpf_map_get_next_key(g.engine->map[MAP_rates], NULL, &key), -ENOENT);
	gate_close(&g);
}

static int prepare(void **state)
{
	const uint16_t port = 25;

	(void)state;
	return netns_enter_one(&port, 1) ? -1 : space_route(SERVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_of_different_intervals_on_one_source_do_not_touch_each_other),
		cmocka_unit_test(test_a_rate_refuses_only_what_a_reference_window_refuses),
		cmocka_unit_test(test_rate_filled_by_spoofed_syns_locks_nobody_out),
		cmocka_unit_test(test_newcomers_get_their_cookies_while_a_flood_fills_the_sketch),
		cmocka_unit_test(test_idle_sources_are_freed_in_short_runs),
		cmocka_unit_test(test_the_first_event_of_a_source_needs_no_rate_and_counts_in_it),
		cmocka_unit_test(test_an_idle_source_is_kept_for_the_retention_time_and_no_longer),
		cmocka_unit_test(test_a_source_is_kept_until_its_first_event_is_over),
		cmocka_unit_test(test_rates_go_when_their_interval_is_over),
	};

	return cmocka_run_group_tests_name("rates", tests, prepare, NULL);
}
