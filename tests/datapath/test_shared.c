/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters and rates that sources share because the tables are full: limits hold, and nobody can choose whom he shares with. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <cmocka.h>

#include "gate.h"
#include "held_of.h"
#include "internal.h"
#include "space.h"

#define SERVER "203.0.113.5"

static enum sluice_reason syn(struct gate *g, const char *from, unsigned int port)
{
	return gate_reason(g, &(struct frame){ from, SERVER, port, 25, .flags = SYN, .tcp_options = 1 });
}

/* The hash of 0.1.0, which had no secret, so that anybody could find a key that hashes like the victim's. */
static uint32_t hash_of_before(uint32_t address, uint32_t service)
{
	const uint32_t word[4] = { 0, 0, htonl(0xffff), htonl(address) };
	uint32_t h = service, i;

	for (i = 0; i < 4; i++) {
		h ^= word[i];
		h = (h ^ h >> 16) * 0x85ebca6b;
		h = (h ^ h >> 13) * 0xc2b2ae35;
		h ^= h >> 16;
	}
	return h & (SLUICE_SHARED - 1);
}

static void small_open(struct gate *g)
{
	gate_open(g, "interfaces = {lo}\nsources { max = 1 }\nsyn-flood { cookies = false }\n"
		     "service smtp { ports = {25} max-connections-per-source = 1 max-rate-per-source = 9/1h }\n");
	assert_int_equal(syn(g, "10.0.0.1", 1001), SLUICE_ADMITTED); /* takes the only entry */
}

static void test_nobody_outside_knows_who_shares_a_counter_with_whom(void **state)
{
	uint32_t victim = 0xc0000201, partner = 0x0a100000, service;
	char from[32];
	struct gate g;

	(void)state;
	small_open(&g);
	service = gate_service(&g, "smtp").id;
	while (hash_of_before(partner, service) != hash_of_before(victim, service))
		partner++;
	snprintf(from, sizeof(from), "%u.%u.%u.%u", partner >> 24, partner >> 16 & 255, partner >> 8 & 255,
		 partner & 255);
	print_message("    %s was the partner of 192.0.2.1, found in %u tries\n", from, partner - 0x0a100000);
	assert_int_equal(syn(&g, from, 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "192.0.2.1", 1001), SLUICE_ADMITTED);
	gate_close(&g);
}

static void test_a_source_that_shares_a_counter_may_repeat_its_syn(void **state)
{
	struct gate g;

	(void)state;
	small_open(&g);
	assert_int_equal(syn(&g, "192.0.2.7", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "192.0.2.7", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "192.0.2.7", 1002), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(gate_stat(&g, "smtp", SLUICE_ADMITTED).connections, 2);
	gate_close(&g);
}

/* Sends a SYN of a suspect, and answers the host's cookie. Returns the last reason. */
static enum sluice_reason answer(struct gate *g, const char *from, unsigned int port)
{
	struct frame f = { from, SERVER, port, 25, .flags = SYN, .tcp_options = 1 };
	enum sluice_reason why = gate_reason(g, &f);

	if (why != SLUICE_UNPROVEN)
		return why;
	f = space_answer(&f);
	return gate_reason(g, &f);
}

static void gets_in(struct gate *g, const char *from, unsigned int port)
{
	enum sluice_reason why = answer(g, from, port);

	assert_true(why == SLUICE_COOKIE_VALID || why == SLUICE_ADMITTED);
}

static void test_shared_counters_and_rates_hold_their_limits(void **state)
{
	struct gate g;
	int i;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nsources { max = 1 }\nsyn-flood { cookies = false }\n"
		      "service smtp { ports = {25} max-rate-per-source = 4/1h max-connections-per-network = 6 }\n");
	assert_int_equal(syn(&g, "10.0.0.1", 1001), SLUICE_ADMITTED);
	for (i = 0; i < 4; i++)
		assert_int_equal(syn(&g, "192.0.2.7", 1001 + i), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "192.0.2.7", 1009), SLUICE_SOURCE_RATE);
	for (i = 0; i < 2; i++)
		assert_int_equal(syn(&g, "192.0.2.8", 1001 + i), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "192.0.2.8", 1009), SLUICE_NETWORK_CONNECTIONS);
	sleep(4); /* all reservations run out, and nothing stays held */
	for (i = 0; i < 4; i++)
		gets_in(&g, "192.0.2.7", 2001 + i);
	assert_int_equal(answer(&g, "192.0.2.7", 2009), SLUICE_SOURCE_RATE);
	gate_close(&g);
}

/* One source has the only counter, and another the only rate of its own: whoever comes now shares. */
static void rates_fill(struct gate *g)
{
	gate_open(g, "interfaces = {lo}\nsources { max = 1 }\nsyn-flood { cookies = false }\n"
		     "service smtp { ports = {25} max-rate-per-source = 2/1h }\n");
	assert_int_equal(syn(g, "10.0.0.1", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(g, "10.0.0.2", 1001), SLUICE_ADMITTED);
}

static void test_a_first_event_counts_in_the_rate_that_its_source_comes_to_share(void **state)
{
	struct gate g;

	(void)state;
	rates_fill(&g);
	assert_int_equal(syn(&g, "10.0.0.1", 1002), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.0.0.1", 1003), SLUICE_SOURCE_RATE);
	gate_close(&g);
}

static void test_a_source_whose_events_are_in_a_shared_rate_stays_there_when_the_table_has_room_again(void **state)
{
	struct sluice_addr other = { { 0, 0, htonl(0xffff), htonl(0x0a000002) } };
	unsigned int freed = 0;
	struct gate g;

	(void)state;
	rates_fill(&g);
	assert_int_equal(syn(&g, "192.0.2.7", 1001), SLUICE_ADMITTED);
	assert_int_equal(held_of_erase(g.engine, &other, &freed), 0);
	assert_int_equal(freed, 1);
	assert_int_equal(syn(&g, "192.0.2.7", 1002), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "192.0.2.7", 1003), SLUICE_SOURCE_RATE);
	gate_close(&g);
}

/* The client takes its SYN back, and its counter goes with the next tick. */
static void resets(struct gate *g, const char *from, unsigned int port)
{
	const struct frame f = { from, SERVER, port, 25, .flags = SYN };
	struct frame reset = space_answer(&f);
	int tries;

	reset.flags = RST;
	gate_reason(g, &reset);
	for (tries = 0; gate_sources(g) && tries < 20; tries++)
		usleep(100000);
}

static void test_so_does_one_that_gets_a_counter_of_its_own(void **state)
{
	struct gate g;

	(void)state;
	rates_fill(&g);
	syn(&g, "192.0.2.7", 1001);
	sleep(4); /* they all run out, and are suspects, but not this one: */
	assert_int_equal(syn(&g, "10.0.0.9", 1001), SLUICE_ADMITTED);
	gets_in(&g, "10.0.0.2", 2001);
	gets_in(&g, "192.0.2.7", 2001);
	resets(&g, "10.0.0.9", 1001); /* it had the only counter */
	assert_int_equal(gate_sources(&g), 0);
	gets_in(&g, "192.0.2.7", 2002);
	assert_int_equal(gate_sources(&g), 1);
	assert_int_equal(answer(&g, "192.0.2.7", 2003), SLUICE_SOURCE_RATE);
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
		cmocka_unit_test(test_nobody_outside_knows_who_shares_a_counter_with_whom),
		cmocka_unit_test(test_a_source_that_shares_a_counter_may_repeat_its_syn),
		cmocka_unit_test(test_shared_counters_and_rates_hold_their_limits),
		cmocka_unit_test(test_a_first_event_counts_in_the_rate_that_its_source_comes_to_share),
		cmocka_unit_test(
			test_a_source_whose_events_are_in_a_shared_rate_stays_there_when_the_table_has_room_again),
		cmocka_unit_test(test_so_does_one_that_gets_a_counter_of_its_own),
	};

	return cmocka_run_group_tests_name("shared", tests, prepare, NULL);
}
