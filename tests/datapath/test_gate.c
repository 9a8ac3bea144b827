/* SPDX-License-Identifier: BSD-2-Clause */
/* Sends packets through the real gate, and checks what it lets through, what it refuses, and why. */
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
#include "internal.h"
#include "reason.h"

#define POLICY                                                                                   \
	"interfaces = {lo}\n"                                                                    \
	"service smtp { ports = {25} max-connections = 5 max-connections-per-source = 2 }\n"     \
	"service mx2 { ports = {25} addresses = {203.0.113.7} max-rate-per-source = 2/1s }\n"    \
	"service imap { ports = {143} max-rate = 3/1h on-excess = reset }\n"                     \
	"service pop { ports = {110} }\n"                                                        \
	"source-set friends { prefixes = {192.0.2.0/24} action = allow }\n"                      \
	"source-set foes { prefixes = {198.51.100.0/24, 2001:db8:bad::/48} action = deny }\n"    \
	"source-set crowd { prefixes = {100.64.0.0/24} services = {pop} max-connections = 2 }\n" \
	"source-set quick { prefixes = {100.64.1.0/24} services = {pop} max-rate = 2/1h }\n"

#define SERVER "203.0.113.5"
#define SERVER6 "2001:db8::25"

struct packet_case {
	const char *says;
	struct frame frame;
	int verdict;
	enum sluice_reason why;
};

/* Each is judged on its own, by a fresh engine. */
static const struct packet_case cases[] = {
	{ "a SYN to a protected port is admitted",
	  { "10.0.0.1", SERVER, .to_port = 25, .flags = SYN },
	  XDP_PASS,
	  SLUICE_ADMITTED },
	{ "an IPv6 SYN is admitted",
	  { "2001:db8:1::1", SERVER6, .to_port = 25, .flags = SYN },
	  XDP_PASS,
	  SLUICE_ADMITTED },
	{ "a SYN to another port is not judged",
	  { "10.0.0.1", SERVER, .to_port = 22, .flags = SYN },
	  XDP_PASS,
	  SLUICE_NOT_PROTECTED },
	{ "a denied source may reach a port that no service names",
	  { "198.51.100.9", SERVER, .to_port = 22, .flags = SYN },
	  XDP_PASS,
	  SLUICE_NOT_PROTECTED },
	{ "UDP to a protected port passes",
	  { "198.51.100.9", SERVER, .to_port = 25, .protocol = 17 },
	  XDP_PASS,
	  SLUICE_NOT_PROTECTED },
	{ "ICMPv6 passes",
	  { "2001:db8:bad::1", SERVER6, .to_port = 25, .protocol = 58 },
	  XDP_PASS,
	  SLUICE_NOT_PROTECTED },
	{ "ARP passes",
	  { "198.51.100.9", SERVER, .to_port = 25, .ethertype = 0x0806 },
	  XDP_PASS,
	  SLUICE_NOT_PROTECTED },
	{ "an established packet passes",
	  { "10.0.0.1", SERVER, .to_port = 25, .flags = ACK },
	  XDP_PASS,
	  SLUICE_ESTABLISHED },
	{ "a FIN passes", { "10.0.0.1", SERVER, .to_port = 25, .flags = FIN | ACK }, XDP_PASS, SLUICE_ESTABLISHED },
	{ "a RST passes", { "10.0.0.1", SERVER, .to_port = 25, .flags = RST }, XDP_PASS, SLUICE_ESTABLISHED },
	{ "an allowed source is let in",
	  { "192.0.2.77", SERVER, .to_port = 25, .flags = SYN },
	  XDP_PASS,
	  SLUICE_ALLOWED },
	{ "a denied source is refused",
	  { "198.51.100.9", SERVER, .to_port = 25, .flags = SYN },
	  XDP_DROP,
	  SLUICE_DENIED },
	{ "a denied IPv6 source is refused",
	  { "2001:db8:bad::9", SERVER6, .to_port = 25, .flags = SYN },
	  XDP_DROP,
	  SLUICE_DENIED },
	{ "a denied source is refused in mid-connection, too",
	  { "198.51.100.9", SERVER, .to_port = 25, .flags = ACK },
	  XDP_DROP,
	  SLUICE_DENIED },
	{ "a denied source is refused behind a VLAN tag",
	  { "198.51.100.9", SERVER, .to_port = 25, .flags = SYN, .vlan_tags = 1 },
	  XDP_DROP,
	  SLUICE_DENIED },
	{ "a denied source is refused behind two VLAN tags",
	  { "198.51.100.9", SERVER, .to_port = 25, .flags = SYN, .vlan_tags = 2 },
	  XDP_DROP,
	  SLUICE_DENIED },
	{ "a denied IPv6 source is refused behind two VLAN tags",
	  { "2001:db8:bad::9", SERVER6, .to_port = 25, .flags = SYN, .vlan_tags = 2 },
	  XDP_DROP,
	  SLUICE_DENIED },
	{ "a denied source is refused behind IP options",
	  { "198.51.100.9", SERVER, .to_port = 25, .flags = SYN, .ip_options = 10 },
	  XDP_DROP,
	  SLUICE_DENIED },
	{ "a denied source is refused with TCP options",
	  { "198.51.100.9", SERVER, .to_port = 25, .flags = SYN, .tcp_options = 10 },
	  XDP_DROP,
	  SLUICE_DENIED },
	{ "a denied source is refused behind an extension header",
	  { "2001:db8:bad::9", SERVER6, .to_port = 25, .flags = SYN, .extensions = 1 },
	  XDP_DROP,
	  SLUICE_DENIED },
	{ "a denied source is refused behind four extension headers",
	  { "2001:db8:bad::9", SERVER6, .to_port = 25, .flags = SYN, .extensions = 4 },
	  XDP_DROP,
	  SLUICE_DENIED },
	{ "a first fragment is judged",
	  { "198.51.100.9", SERVER, .to_port = 25, .flags = ACK, .first_fragment = 1 },
	  XDP_DROP,
	  SLUICE_DENIED },
	{ "an IPv6 first fragment is judged",
	  { "2001:db8:bad::9", SERVER6, .to_port = 25, .flags = ACK, .first_fragment = 1 },
	  XDP_DROP,
	  SLUICE_DENIED },
	{ "a later fragment shows no port and passes",
	  { "198.51.100.9", SERVER, .to_port = 25, .fragment_offset = 8 },
	  XDP_PASS,
	  SLUICE_LATER_FRAGMENT },
	{ "an IPv6 later fragment shows no port and passes",
	  { "2001:db8:bad::9", SERVER6, .to_port = 25, .fragment_offset = 8 },
	  XDP_PASS,
	  SLUICE_LATER_FRAGMENT },
	{ "a denied source is refused behind more extension headers than anybody sends",
	  { "2001:db8:bad::9", SERVER6, .to_port = 25, .flags = SYN, .extensions = 9 },
	  XDP_DROP,
	  SLUICE_DENIED },
	{ "a TCP header cut short passes",
	  { "198.51.100.9", SERVER, .to_port = 25, .flags = SYN, .cut = 4 },
	  XDP_PASS,
	  SLUICE_UNPARSED },
	{ "an IP header cut short passes",
	  { "198.51.100.9", SERVER, .to_port = 25, .flags = SYN, .cut = 24 },
	  XDP_PASS,
	  SLUICE_UNPARSED },
	{ "the mapped address is the IPv4 address",
	  { "::ffff:198.51.100.9", SERVER6, .to_port = 25, .flags = SYN },
	  XDP_DROP,
	  SLUICE_DENIED },
};

static void test_every_kind_of_packet_gets_its_verdict(void **state)
{
	enum sluice_reason why = SLUICE_REASONS;
	const struct packet_case *c;
	struct gate g;
	int verdict;

	(void)state;
	for (c = cases; c < cases + sizeof(cases) / sizeof(*cases); c++) {
		gate_open(&g, POLICY);
		verdict = gate_send(&g, &c->frame, &why);
		if (verdict != c->verdict || why != c->why)
			fail_msg("%s: verdict %d for %s, not %d for %s", c->says, verdict, reason_label(why),
				 c->verdict, reason_label(c->why));
		gate_close(&g);
	}
}

/* Sends a SYN from this port. Returns the reason. */
static enum sluice_reason syn(struct gate *g, const char *from, const char *to, uint16_t from_port, uint16_t to_port)
{
	struct frame f = { from, to, from_port, to_port, .flags = SYN };
	enum sluice_reason why = SLUICE_REASONS;

	gate_send(g, &f, &why);
	return why;
}

static int open_policy(void **state)
{
	static struct gate g;

	gate_open(&g, POLICY);
	*state = &g;
	return 0;
}

static int open_small_table(void **state)
{
	static struct gate g;

	gate_open(&g, "interfaces = {lo}\nsources { max = 2 }\n"
		      "service smtp { ports = {25} max-connections-per-source = 2 max-rate-per-source = 2/1h }\n");
	*state = &g;
	return 0;
}

static void test_third_connection_of_a_source_is_refused(void **state)
{
	assert_int_equal(syn(*state, "10.0.0.1", SERVER, 1001, 25), SLUICE_ADMITTED);
	assert_int_equal(syn(*state, "10.0.0.1", SERVER, 1002, 25), SLUICE_ADMITTED);
	assert_int_equal(syn(*state, "10.0.0.1", SERVER, 1003, 25), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(syn(*state, "10.0.0.2", SERVER, 1001, 25), SLUICE_ADMITTED);
	assert_int_equal(gate_service(*state, "smtp").reserved, 3);
}

static void test_retransmitted_syn_reserves_once(void **state)
{
	int i;

	for (i = 0; i < 5; i++)
		assert_int_equal(syn(*state, "10.0.0.1", SERVER, 1001, 25), SLUICE_ADMITTED);
	assert_int_equal(gate_service(*state, "smtp").held, 1);
	assert_int_equal(gate_stat(*state, "smtp", SLUICE_ADMITTED).packets, 5);
	assert_int_equal(gate_stat(*state, "smtp", SLUICE_ADMITTED).connections, 1);
	syn(*state, "10.0.0.1", SERVER, 1002, 25);
	assert_int_equal(syn(*state, "10.0.0.1", SERVER, 1003, 25), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(syn(*state, "10.0.0.1", SERVER, 1002, 25), SLUICE_ADMITTED);
}

static void test_service_limit_counts_all_sources(void **state)
{
	char from[32];
	int i;

	for (i = 1; i <= 5; i++) {
		snprintf(from, sizeof(from), "10.0.1.%d", i);
		assert_int_equal(syn(*state, from, SERVER, 1001, 25), SLUICE_ADMITTED);
	}
	assert_int_equal(syn(*state, "10.0.1.6", SERVER, 1001, 25), SLUICE_SERVICE_CONNECTIONS);
	assert_int_equal(gate_sources(*state), 5);
}

static void test_addresses_of_one_ipv6_network_are_one_source(void **state)
{
	assert_int_equal(syn(*state, "2001:db8:1::1", SERVER6, 1001, 25), SLUICE_ADMITTED);
	assert_int_equal(syn(*state, "2001:db8:1::2", SERVER6, 1001, 25), SLUICE_ADMITTED);
	assert_int_equal(syn(*state, "2001:db8:1::3", SERVER6, 1001, 25), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(syn(*state, "2001:db8:1:1::1", SERVER6, 1001, 25), SLUICE_ADMITTED);
}

static void test_service_at_an_address_of_its_own_has_limits_of_its_own(void **state)
{
	assert_int_equal(syn(*state, "10.0.0.1", "203.0.113.7", 1001, 25), SLUICE_ADMITTED);
	assert_int_equal(syn(*state, "10.0.0.1", "203.0.113.7", 1002, 25), SLUICE_ADMITTED);
	assert_int_equal(syn(*state, "10.0.0.1", "203.0.113.7", 1003, 25), SLUICE_SOURCE_RATE);
	assert_int_equal(syn(*state, "10.0.0.1", SERVER, 1003, 25), SLUICE_ADMITTED);
}

/* If the machine is too busy for the fourth to come within a second of the second, another source tries. */
static void test_rate_of_a_source_slides(void **state)
{
	enum sluice_reason fourth;
	char from[32];
	int i = 1;
	__u64 second;

	do {
		snprintf(from, sizeof(from), "10.0.0.%d", i++);
		syn(*state, from, "203.0.113.7", 1001, 25);
		usleep(600000);
		second = clock_ns();
		syn(*state, from, "203.0.113.7", 1002, 25);
		usleep(500000); /* the first is forgotten, the second is not */
		assert_int_equal(syn(*state, from, "203.0.113.7", 1003, 25), SLUICE_ADMITTED);
		fourth = syn(*state, from, "203.0.113.7", 1004, 25);
	} while (clock_ns() - second >= 1000000000 && i < 20);
	assert_int_equal(fourth, SLUICE_SOURCE_RATE);
}

static void test_rate_of_a_service_is_refused_by_reset(void **state)
{
	struct frame f = {
		"10.0.9.9", SERVER, 1001, 143, .flags = SYN, .seq = 7000, .tcp_options = 3, .ip_options = 2
	};
	struct gate *g = *state;
	enum sluice_reason why;
	uint32_t ack;
	int i;

	for (i = 1; i <= 3; i++) {
		f.from_port++;
		assert_int_equal(gate_send(g, &f, &why), XDP_PASS);
	}
	f.from_port++;
	assert_int_equal(gate_send(g, &f, &why), XDP_TX);
	assert_int_equal(why, SLUICE_SERVICE_RATE);
	assert_int_equal(g->answer[14 + 2] << 8 | g->answer[14 + 3], 20 + 20); /* the rest of the frame is padding */
	assert_int_equal(g->answer[14 + 20 + 13], RST | ACK);
	memcpy(&ack, g->answer + 14 + 20 + 8, 4);
	assert_int_equal(__builtin_bswap32(ack), 7000 + 1);
	assert_int_equal(frame_tcp_checksum(g->answer + 14, 40), 0);
}

static void test_reset_over_ipv6_carries_a_right_checksum(void **state)
{
	struct frame f = {
		"2001:db8:9::9", SERVER6, 1001, 143, .flags = SYN, .seq = 1, .vlan_tags = 1, .extensions = 1
	};
	struct gate *g = *state;
	enum sluice_reason why;
	int i;

	for (i = 1; i <= 4; i++) {
		f.from_port++;
		gate_send(g, &f, &why);
	}
	assert_int_equal(why, SLUICE_SERVICE_RATE);
	assert_int_equal(g->answer[18 + 4] << 8 | g->answer[18 + 5], 20);
	assert_int_equal(frame_tcp_checksum(g->answer + 18, 60), 0);
}

static void test_set_has_a_limit_for_all_its_sources_together(void **state)
{
	assert_int_equal(syn(*state, "100.64.0.1", SERVER, 1001, 110), SLUICE_ADMITTED);
	assert_int_equal(syn(*state, "100.64.0.2", SERVER, 1001, 110), SLUICE_ADMITTED);
	assert_int_equal(syn(*state, "100.64.0.3", SERVER, 1001, 110), SLUICE_SET_CONNECTIONS);
	assert_int_equal(syn(*state, "100.64.2.3", SERVER, 1001, 110), SLUICE_ADMITTED);
}

static void test_set_has_a_rate_for_all_its_sources_together(void **state)
{
	assert_int_equal(syn(*state, "100.64.1.1", SERVER, 1001, 110), SLUICE_ADMITTED);
	assert_int_equal(syn(*state, "100.64.1.2", SERVER, 1001, 110), SLUICE_ADMITTED);
	assert_int_equal(syn(*state, "100.64.1.3", SERVER, 1001, 110), SLUICE_SET_RATE);
}

static void test_ban_and_allow_are_above_the_policy(void **state)
{
	struct gate *g = *state;
	struct prefix wide, one;
	const char *text;

	assert_int_equal(prefix_parse("10.0.0.0/8", &wide, &text), 0);
	assert_int_equal(prefix_parse("10.0.0.1", &one, &text), 0);
	assert_int_equal(live_set(g->engine, LIVE_BAN, &wide, 0, 0, ""), 0);
	assert_int_equal(syn(g, "10.0.0.1", SERVER, 1001, 25), SLUICE_BANNED);
	assert_int_equal(syn(g, "10.0.0.1", SERVER, 1001, 22), SLUICE_NOT_PROTECTED);
	assert_int_equal(live_set(g->engine, LIVE_ALLOW, &one, 0, 0, ""), 0);
	assert_int_equal(syn(g, "10.0.0.1", SERVER, 1001, 25), SLUICE_ALLOWED);
	assert_int_equal(syn(g, "10.0.0.2", SERVER, 1001, 25), SLUICE_BANNED);
	assert_int_equal(live_clear(g->engine, LIVE_ALLOW, &one), 0);
	assert_int_equal(live_clear(g->engine, LIVE_BAN, &wide), 0);
	assert_int_equal(syn(g, "10.0.0.2", SERVER, 1001, 25), SLUICE_ADMITTED);
}

static void test_expired_ban_does_not_hide_a_wider_one(void **state)
{
	struct gate *g = *state;
	struct prefix wide, one;
	const char *text;

	assert_int_equal(prefix_parse("10.0.0.0/8", &wide, &text), 0);
	assert_int_equal(prefix_parse("10.0.0.1", &one, &text), 0);
	assert_int_equal(live_set(g->engine, LIVE_BAN, &wide, 0, 0, ""), 0);
	assert_int_equal(live_set(g->engine, LIVE_BAN, &one, 1, 0, ""), 0);
	usleep(1100000);
	assert_int_equal(syn(g, "10.0.0.1", SERVER, 1001, 25), SLUICE_BANNED);
	assert_int_equal(live_clear(g->engine, LIVE_BAN, &wide), 0);
	assert_int_equal(syn(g, "10.0.0.1", SERVER, 1001, 25), SLUICE_ADMITTED);
}

static void test_observe_refuses_nothing_and_counts_what_it_would(void **state)
{
	struct gate *g = *state;
	int i;

	gate_apply(g, "mode = observe\n" POLICY);
	for (i = 0; i < 4; i++)
		assert_false(reason_refuses(syn(g, "10.0.0.1", SERVER, 1001 + i, 25)));
	assert_int_equal(syn(g, "198.51.100.9", SERVER, 1001, 25), SLUICE_OBSERVE);
	assert_int_equal(gate_stat(g, "smtp", SLUICE_SOURCE_CONNECTIONS).observed, 2);
	assert_int_equal(gate_stat(g, "smtp", SLUICE_DENIED).observed, 1);
	assert_int_equal(gate_stat(g, "smtp", SLUICE_SOURCE_CONNECTIONS).packets, 0);
	assert_int_equal(gate_service(g, "smtp").held, 5);
}

static void test_reservation_expires_and_leaves_nothing_behind(void **state)
{
	struct gate *g = *state;
	int i;

	syn(g, "10.0.0.1", SERVER, 1001, 25);
	syn(g, "10.0.0.1", SERVER, 1002, 25);
	assert_int_equal(syn(g, "10.0.0.1", SERVER, 1003, 25), SLUICE_SOURCE_CONNECTIONS);
	for (i = 0; i < 50 && gate_service(g, "smtp").held; i++)
		usleep(100000);
	assert_int_equal(gate_service(g, "smtp").held, 0);
	assert_int_equal(gate_service(g, "smtp").reserved, 0);
	assert_int_equal(gate_sources(g), 0);
	assert_int_equal(syn(g, "10.0.0.2", SERVER, 1003, 25), SLUICE_ADMITTED);
	/* A source that left handshakes unanswered takes a slot when it answers one. */
	assert_int_equal(syn(g, "10.0.0.1", SERVER, 1003, 25), SLUICE_UNPROVEN);
	assert_int_equal(gate_service(g, "smtp").held, 1);
}

static void test_reservation_that_comes_to_nothing_does_not_count_for_the_rate(void **state)
{
	struct gate *g = *state;
	int i;

	for (i = 0; i < 3; i++)
		assert_int_equal(syn(g, "10.0.9.9", SERVER, 1001 + i, 143), SLUICE_ADMITTED);
	assert_int_equal(syn(g, "10.0.9.9", SERVER, 1004, 143), SLUICE_SERVICE_RATE);
	for (i = 0; i < 50 && gate_service(g, "imap").held; i++)
		usleep(100000);
	assert_int_equal(syn(g, "10.0.9.8", SERVER, 1005, 143), SLUICE_ADMITTED);
}

#define CROWD 60 /* so few that even a busy machine sends them within the 3 s that a reservation lasts */

/* A table that replaced its entries would let every source in again and again. */
static void test_full_source_table_forgets_nobody_and_limits_the_others_too(void **state)
{
	struct gate *g = *state;
	char from[32];
	int i, refused = 0;

	for (i = 0; i < CROWD; i++) {
		snprintf(from, sizeof(from), "10.1.0.%d", i);
		assert_int_equal(syn(g, from, SERVER, 1001, 25), SLUICE_ADMITTED);
	}
	for (i = 0; i < CROWD; i++) {
		snprintf(from, sizeof(from), "10.1.0.%d", i);
		assert_int_equal(syn(g, from, SERVER, 1001, 25), SLUICE_ADMITTED); /* sent again, it takes nothing */
		refused += syn(g, from, SERVER, 1002, 25) != SLUICE_ADMITTED;
		assert_true(reason_refuses(syn(g, from, SERVER, 1003, 25)));
	}
	assert_in_range(refused, 0, CROWD / 10); /* of the sources that share a counter with another one */
	assert_int_equal(gate_sources(g), 2);
	for (i = 0; i < 50 && gate_service(g, "smtp").held; i++)
		usleep(100000);
	assert_int_equal(gate_service(g, "smtp").held, 0);
	assert_int_equal(syn(g, "10.2.0.9", SERVER, 1009, 25), SLUICE_ADMITTED);
}

#define GATE_TEST(f) cmocka_unit_test_setup_teardown(f, open_policy, gate_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind_of_packet_gets_its_verdict),
		GATE_TEST(test_third_connection_of_a_source_is_refused),
		GATE_TEST(test_retransmitted_syn_reserves_once),
		GATE_TEST(test_service_limit_counts_all_sources),
		GATE_TEST(test_addresses_of_one_ipv6_network_are_one_source),
		GATE_TEST(test_service_at_an_address_of_its_own_has_limits_of_its_own),
		GATE_TEST(test_rate_of_a_source_slides),
		GATE_TEST(test_rate_of_a_service_is_refused_by_reset),
		GATE_TEST(test_reset_over_ipv6_carries_a_right_checksum),
		GATE_TEST(test_set_has_a_limit_for_all_its_sources_together),
		GATE_TEST(test_set_has_a_rate_for_all_its_sources_together),
		GATE_TEST(test_ban_and_allow_are_above_the_policy),
		GATE_TEST(test_expired_ban_does_not_hide_a_wider_one),
		GATE_TEST(test_observe_refuses_nothing_and_counts_what_it_would),
		GATE_TEST(test_reservation_expires_and_leaves_nothing_behind),
		cmocka_unit_test_setup_teardown(test_full_source_table_forgets_nobody_and_limits_the_others_too,
						open_small_table, gate_teardown),
		GATE_TEST(test_reservation_that_comes_to_nothing_does_not_count_for_the_rate),
	};

	return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
