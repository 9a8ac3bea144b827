/* SPDX-License-Identifier: BSD-2-Clause */
/* The filter of known keys (bpf/charge/known.bpf.h): it counts each counter and each rate that a table has, and no other. */
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

#include <cmocka.h>

#include "gate.h"
#include "internal.h"
#include "known.h"
#include "reason.h"
#include "space.h"

#define SERVER "203.0.113.5"
#define SERVER6 "2001:db8:5::5"
#define POLICY(max)                                                                      \
	"interfaces = {lo}\nsyn-flood { cookies = false }\n"                             \
	"sources { max = " max " retention = 1s ipv4-network = 24 ipv6-network = 48 }\n" \
	"service smtp { ports = {25} max-connections-per-source = 2 max-rate-per-source = 90/1s max-connections-per-network = 9000 }\n"

static enum sluice_reason syn(struct gate *g, const char *from, unsigned int port)
{
	enum sluice_reason why = SLUICE_REASONS;
	struct frame f = { from, SERVER, port, 25, .flags = SYN, .tcp_options = 1 };

	if (from[0] == '2')
		f.to = SERVER6;
	gate_send(g, &f, &why);
	return why;
}

static uint64_t elements(int fd, size_t key_size)
{
	uint8_t key[64], next[64];
	uint64_t n = 0;
	int err = bpf_map_get_next_key(fd, NULL, next);

	assert_true(key_size <= sizeof(key));
	for (; !err; n++) {
		memcpy(key, next, key_size);
		err = bpf_map_get_next_key(fd, key, next);
	}
	return n;
}

static uint64_t elements_of_all(struct gate *g)
{
	return elements(g->engine->map[MAP_sources], sizeof(struct sluice_source_key)) +
	       elements(g->engine->map[MAP_networks], sizeof(struct sluice_source_key)) +
	       elements(g->engine->map[MAP_rates], sizeof(struct sluice_rate_key)) +
	       elements(g->engine->map[MAP_shared_rates], sizeof(struct sluice_rate_key));
}

/* Two SYNs of each of so many sources of each family. Some find no room where the tables are small. */
static void sources_send(struct gate *g, unsigned int count)
{
	char from[32];
	unsigned int i;

	for (i = 0; i < count; i++) {
		snprintf(from, sizeof(from), "10.0.%u.%u", i / 200, i % 200);
		syn(g, from, 1001);
		syn(g, from, 1002);
		snprintf(from, sizeof(from), "2001:db8:%x:%x::1", i / 200 + 16, i);
		syn(g, from, 1001);
		syn(g, from, 1002);
	}
}

/* Until the handshakes have run out, which takes three seconds, and all that is idle is forgotten. */
static void forgotten_wait(struct gate *g)
{
	int tries;

	for (tries = 0; tries < 100 && elements_of_all(g); tries++) {
		usleep(200000);
		while (engine_reap(g->engine) == 1)
			;
	}
	assert_int_equal(elements_of_all(g), 0);
}

/* The sweeper may delete something between the two looks. */
static bool counts_are_right(struct gate *g)
{
	int tries;

	for (tries = 0; tries < 20; tries++) {
		if (known_sum(g->engine->map[MAP_known]) == elements_of_all(g))
			return true;
	}
	return false;
}

static void all_are_counted(const char *policy, unsigned int count, uint64_t least)
{
	struct gate g;

	gate_open(&g, policy);
	sources_send(&g, count);
	assert_true(elements_of_all(&g) >= least);
	assert_true(counts_are_right(&g));
	forgotten_wait(&g);
	assert_int_equal(known_sum(g.engine->map[MAP_known]), 0);
	gate_close(&g);
}

static void test_each_counter_and_rate_is_counted_until_it_is_deleted(void **state)
{
	(void)state;
	all_are_counted(POLICY("1000"), 30, 30);
}

static void test_what_finds_no_room_is_not_counted(void **state)
{
	(void)state;
	all_are_counted(POLICY("20"), 40, 20);
}

/* The filter is only a help: whatever it says of somebody who has a counter, his limit holds. */
static void test_limit_holds_although_the_filter_lost_a_source(void **state)
{
	struct gate g;

	(void)state;
	gate_open(&g, POLICY("1000"));
	assert_int_equal(syn(&g, "10.0.0.1", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.0.0.1", 1002), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.0.0.1", 1003), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(known_fill(g.engine->map[MAP_known], 0), 0);
	assert_int_equal(syn(&g, "10.0.0.1", 1003), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(gate_service(&g, "smtp").held, 2);
	gate_close(&g);
}

static int prepare(void **state)
{
	const uint16_t port = 25;

	(void)state;
	return netns_enter_one(&port, 1) || space_route(SERVER) ? -1
								: system("ip address add " SERVER6 "/128 dev lo nodad");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_counter_and_rate_is_counted_until_it_is_deleted),
		cmocka_unit_test(test_what_finds_no_room_is_not_counted),
		cmocka_unit_test(test_limit_holds_although_the_filter_lost_a_source),
	};

	return cmocka_run_group_tests_name("known", tests, prepare, NULL);
}
