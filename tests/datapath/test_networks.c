/* SPDX-License-Identifier: BSD-2-Clause */
/* Sources have levels: the network above a source has limits of its own, a set says what a source is, and a translator hides nobody. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <cmocka.h>

#include "addr.h"
#include "gate.h"
#include "internal.h"
#include "reason.h"
#include "space.h"

#define LO "interfaces = {lo}\nsyn-flood { cookies = false }\n"

static enum sluice_reason syn(struct gate *g, const char *from, unsigned int port)
{
	enum sluice_reason why = SLUICE_REASONS;

	gate_send(g, &(struct frame){ from, strchr(from, ':') ? "::1" : "127.0.0.1", port, 25, .flags = SYN }, &why);
	return why;
}

static void explain(const struct gate *g, const char *from, struct sluice_explanation *out)
{
	struct sluice_tuple t = { .source_port = htons(999), .local_port = htons(25) };

	assert_int_equal(addr_parse(from, &t.source), 0);
	assert_int_equal(addr_parse(strchr(from, ':') ? "::1" : "127.0.0.1", &t.local), 0);
	assert_int_equal(engine_explain(g->engine, &t, out), 0);
}

/* Sends a SYN from the n-th /64 of a /48. */
static enum sluice_reason syn_of(struct gate *g, unsigned int n)
{
	char from[64];

	snprintf(from, sizeof(from), "2001:db8:7:%x::1", n);
	return syn(g, from, 1001);
}

static void test_a_sender_that_walks_its_48_is_stopped_at_the_cap_of_the_network(void **state)
{
	struct sluice_explanation said;
	unsigned int i;
	struct gate g;

	(void)state;
	gate_open(&g,
		  LO "service smtp { ports = {25} max-connections-per-source = 2 max-connections-per-network = 6 }\n");
	for (i = 0; i < 6; i++)
		assert_int_equal(syn_of(&g, i), SLUICE_ADMITTED);
	for (; i < 40; i++)
		assert_int_equal(syn_of(&g, i), SLUICE_NETWORK_CONNECTIONS);
	assert_int_equal(syn(&g, "2001:db8:8::1", 1001), SLUICE_ADMITTED); /* in another network */
	assert_int_equal(syn(&g, "2001:db8:8::1", 1002), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "2001:db8:8::1", 1003), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(gate_sources(&g), 7); /* refused sources left nothing behind */
	explain(&g, "2001:db8:7:99::1", &said);
	assert_int_equal(said.reason, SLUICE_NETWORK_CONNECTIONS);
	assert_int_equal(said.counts[3].held, 6);
	assert_int_equal(said.counts[3].limit.connections, 6);
	assert_int_equal(said.counts[0].held, 0);
	sleep(4);
	assert_int_equal(syn_of(&g, 99), SLUICE_ADMITTED); /* all reservations ran out */
	explain(&g, "2001:db8:7:98::1", &said);
	assert_int_equal(said.counts[3].held, 1);
	gate_close(&g);
}

static void test_network_has_a_rate_of_its_own(void **state)
{
	char from[32];
	struct gate g;
	int i;

	(void)state;
	gate_open(&g, LO "sources { ipv4-network = 20 }\n"
			 "service smtp { ports = {25} max-rate-per-source = 2/1h max-rate-per-network = 4/2h }\n");
	for (i = 0; i < 4; i++) {
		snprintf(from, sizeof(from), "10.3.%d.1", i);
		assert_int_equal(syn(&g, from, 1001), SLUICE_ADMITTED);
	}
	assert_int_equal(syn(&g, "10.3.15.1", 1001), SLUICE_NETWORK_RATE);
	assert_int_equal(syn(&g, "10.3.16.1", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.3.16.1", 1002), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.3.16.1", 1003), SLUICE_SOURCE_RATE);
	gate_close(&g);
}

static void test_a_set_has_prefix_lengths_and_network_limits_of_its_own(void **state)
{
	struct gate g;
	int i;

	(void)state;
	gate_open(&g,
		  LO "service smtp { ports = {25} max-connections-per-source = 1 max-connections-per-network = 2 }\n"
		     "source-set campus { prefixes = {10.4.0.0/16, 2001:db8:4::/48} ipv4-prefix = 24 ipv6-prefix = 56 "
		     "ipv4-network = 16 ipv6-network = 48 max-connections-per-network = 3 }\n"
		     "source-set free { prefixes = {10.5.0.0/16} max-connections-per-network = 0 }\n");
	assert_int_equal(syn(&g, "10.4.0.1", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.4.0.2", 1001), SLUICE_SOURCE_CONNECTIONS); /* the /24 is one source */
	assert_int_equal(syn(&g, "10.4.1.1", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.4.2.1", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.4.3.1", 1001), SLUICE_NETWORK_CONNECTIONS);
	assert_int_equal(syn(&g, "2001:db8:4:1::1", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "2001:db8:4:2::1", 1001), SLUICE_SOURCE_CONNECTIONS); /* in the same /56 */
	for (i = 0; i < 6; i++) {
		char from[32];

		snprintf(from, sizeof(from), "10.5.0.%d", i + 1);
		assert_int_equal(syn(&g, from, 1001), SLUICE_ADMITTED);
	}
	assert_int_equal(syn(&g, "10.6.0.1", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.6.0.2", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "10.6.0.3", 1001), SLUICE_NETWORK_CONNECTIONS);
	gate_close(&g);
}

/* The same cut address as a source of a set, and as a source of everybody else, has two counters. */
static void test_prefixes_of_two_lengths_never_meet_in_one_counter(void **state)
{
	struct gate g;

	(void)state;
	gate_open(&g, LO "service smtp { ports = {25} max-connections-per-source = 1 }\n"
			 "source-set wide { prefixes = {2001:db8:0:1::/64} ipv6-prefix = 56 }\n");
	assert_int_equal(syn(&g, "2001:db8:0:1::1", 1001), SLUICE_ADMITTED); /* counts as 2001:db8::/56 */
	assert_int_equal(syn(&g, "2001:db8::1", 1001), SLUICE_ADMITTED); /* counts as 2001:db8::/64 */
	assert_int_equal(syn(&g, "2001:db8:0:1::2", 1001), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(syn(&g, "2001:db8::2", 1001), SLUICE_SOURCE_CONNECTIONS);
	gate_close(&g);
}

/* RFC 6052, 2.4, has these examples of 192.0.2.33. */
static const char *const inside[] = { "2001:db8:c000:221::",	      "2001:db8:1c0:2:21::",
				      "2001:db8:122:c000:2:2100::",   "2001:db8:122:3c0:0:221::",
				      "2001:db8:122:344:c0:2:2100::", "2001:db8:122:344::192.0.2.33",
				      "64:ff9b::192.0.2.33" };

static void one_prefix(size_t i, const char *prefix)
{
	struct sluice_explanation said;
	char policy[512], text[ADDR_TEXT_LEN];
	struct sluice_addr a, who;
	bool translated;
	struct gate g;

	snprintf(policy, sizeof(policy),
		 LO "sources { translated-prefixes = {\"%s\"} }\nservice smtp { ports = {25} }\n", prefix);
	gate_open(&g, policy);
	explain(&g, inside[i], &said);
	assert_string_equal(addr_format(&said.source.addr, text), "192.0.2.33");
	assert_int_equal(addr_parse(inside[i], &a), 0);
	who = engine_who(g.engine, &a, &translated);
	assert_true(translated);
	assert_string_equal(addr_format(&who, text), "192.0.2.33");
	gate_close(&g);
}

static void test_each_length_of_a_translators_prefix_shows_the_address_inside(void **state)
{
	static const char *const prefixes[] = { "2001:db8::/32",	 "2001:db8:100::/40",
						"2001:db8:122::/48",	 "2001:db8:122:300::/56",
						"2001:db8:122:344::/64", "2001:db8:122:344::/96",
						"64:ff9b::/96" };
	size_t i;

	(void)state;
	for (i = 0; i < 7; i++)
		one_prefix(i, prefixes[i]);
}

static void test_a_translated_address_counts_and_is_judged_as_the_one_inside(void **state)
{
	struct prefix ban, one;
	const char *why;
	struct gate g;

	(void)state;
	gate_open(&g,
		  LO "sources { translated-prefixes = {64:ff9b::/96, 2001:db8:9::/96} }\n"
		     "service smtp { ports = {25} max-connections-per-source = 2 max-connections-per-network = 3 }\n"
		     "source-set foes { prefixes = {198.51.100.0/24} action = deny }\n");
	assert_int_equal(syn(&g, "192.0.2.1", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "64:ff9b::192.0.2.1", 1001), SLUICE_ADMITTED);
	assert_int_equal(syn(&g, "2001:db8:9::192.0.2.1", 1001), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(syn(&g, "64:ff9b::192.0.2.2", 1001), SLUICE_ADMITTED); /* another source in the same network */
	assert_int_equal(syn(&g, "64:ff9b::192.0.2.3", 1001), SLUICE_NETWORK_CONNECTIONS);
	assert_int_equal(syn(&g, "64:ff9b::198.51.100.7", 1001), SLUICE_DENIED);
	assert_int_equal(syn(&g, "64:ff9a::198.51.100.7", 1001), SLUICE_ADMITTED); /* not within the prefix */
	assert_int_equal(prefix_parse("203.0.113.0/24", &ban, &why), 0);
	assert_int_equal(live_set(g.engine, LIVE_BAN, &ban, 0, 0, ""), 0);
	assert_int_equal(syn(&g, "64:ff9b::203.0.113.9", 1001), SLUICE_BANNED);
	assert_int_equal(prefix_parse("203.0.113.9", &one, &why), 0);
	assert_int_equal(live_set(g.engine, LIVE_ALLOW, &one, 0, 0, ""), 0);
	assert_int_equal(syn(&g, "64:ff9b::203.0.113.9", 1001), SLUICE_ALLOWED);
	gate_close(&g);
}

static int prepare(void **state)
{
	const uint16_t port = 25;

	(void)state;
	return netns_enter_one(&port, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_sender_that_walks_its_48_is_stopped_at_the_cap_of_the_network),
		cmocka_unit_test(test_network_has_a_rate_of_its_own),
		cmocka_unit_test(test_a_set_has_prefix_lengths_and_network_limits_of_its_own),
		cmocka_unit_test(test_prefixes_of_two_lengths_never_meet_in_one_counter),
		cmocka_unit_test(test_each_length_of_a_translators_prefix_shows_the_address_inside),
		cmocka_unit_test(test_a_translated_address_counts_and_is_judged_as_the_one_inside),
	};

	return cmocka_run_group_tests_name("networks", tests, prepare, NULL);
}
