/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets that no honest TCP sends are refused; honest ones that look a little like them are not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <linux/bpf.h>

#include <cmocka.h>

#include "gate.h"
#include "reason.h"

#define POLICY "interfaces = {lo}\nservice smtp { ports = {25} on-excess = reset }\n"

#define SERVER "203.0.113.5"
#define SERVER6 "2001:db8::25"
#define V4 "10.0.0.1", SERVER, 1001
#define V6 "2001:db8:1::1", SERVER6, 1001

struct packet_case {
	const char *says;
	struct frame frame;
	enum sluice_reason why;
};

/* clang-format off */
static const struct packet_case cases[] = {
	{ "SYN and FIN", { V4, 25, .flags = SYN | FIN }, SLUICE_MALFORMED },
	{ "SYN and RST", { V4, 25, .flags = SYN | RST }, SLUICE_MALFORMED },
	{ "SYN, FIN and ACK", { V4, 25, .flags = SYN | FIN | ACK }, SLUICE_MALFORMED },
	{ "FIN and RST", { V4, 25, .flags = FIN | RST | ACK }, SLUICE_MALFORMED },
	{ "no flag at all", { V4, 25, .flags = 0 }, SLUICE_MALFORMED },
	{ "a Christmas tree", { V4, 25, .flags = FIN | PSH | URG }, SLUICE_MALFORMED },
	{ "all lights on", { V4, 25, .flags = 0x3f }, SLUICE_MALFORMED },
	{ "FIN without ACK", { V4, 25, .flags = FIN }, SLUICE_MALFORMED },
	{ "data without ACK", { V4, 25, .flags = PSH, .payload = 9 }, SLUICE_MALFORMED },
	{ "IPv6: SYN and FIN", { V6, 25, .flags = SYN | FIN }, SLUICE_MALFORMED },
	{ "IPv6: no flag at all", { V6, 25, .flags = 0, .extensions = 2 }, SLUICE_MALFORMED },
	{ "behind VLAN tags", { V4, 25, .flags = SYN | FIN, .vlan_tags = 2 }, SLUICE_MALFORMED },
	{ "an RST", { V4, 25, .flags = RST }, SLUICE_ESTABLISHED },
	{ "an RST with ACK", { V4, 25, .flags = RST | ACK }, SLUICE_ESTABLISHED },
	{ "an ACK with everything that may come with it", { V4, 25, .flags = ACK | PSH | URG | FIN }, SLUICE_ESTABLISHED },
	{ "a SYN with URG", { V4, 25, .flags = SYN | URG }, SLUICE_ADMITTED },
	{ "a header of 16 bytes", { V4, 25, .flags = SYN, .data_offset = 4 }, SLUICE_MALFORMED },
	{ "a header longer than the datagram", { V4, 25, .flags = SYN, .data_offset = 15 }, SLUICE_MALFORMED },
	{ "a header that the datagram cuts", { V4, 25, .flags = ACK, .short_by = 1 }, SLUICE_MALFORMED },
	{ "IPv6: a header that the datagram cuts", { V6, 25, .flags = ACK, .short_by = 12 }, SLUICE_MALFORMED },
	{ "a datagram without ports", { V4, 25, .flags = SYN, .short_by = 13 }, SLUICE_UNPARSED },
	{ "a SYN with data", { V4, 25, .flags = SYN, .payload = 1 }, SLUICE_ADMITTED },
	{ "a SYN with more data than one chunk of the sum", { V4, 25, .flags = SYN, .tcp_options = 5, .payload = 1201 }, SLUICE_ADMITTED },
	{ "IPv6: a SYN with data", { V6, 25, .flags = SYN, .payload = 200 }, SLUICE_ADMITTED },
	{ "a SYN with options", { V4, 25, .flags = SYN, .tcp_options = 10 }, SLUICE_ADMITTED },
	{ "a SYN padded by Ethernet", { V4, 25, .flags = SYN, .payload = 6, .short_by = 6 }, SLUICE_ADMITTED },
	{ "land", { SERVER, SERVER, 25, 25, .flags = SYN }, SLUICE_MALFORMED },
	{ "IPv6: land", { SERVER6, SERVER6, 25, 25, .flags = SYN }, SLUICE_MALFORMED },
	{ "a SYN from 0.0.0.0", { "0.0.0.0", SERVER, 1001, 25, .flags = SYN }, SLUICE_MALFORMED },
	{ "a SYN from a group of hosts", { "224.0.0.5", SERVER, 1001, 25, .flags = SYN }, SLUICE_MALFORMED },
	{ "a SYN from the last group of hosts", { "239.255.255.255", SERVER, 1001, 25, .flags = SYN }, SLUICE_MALFORMED },
	{ "a SYN from all hosts", { "255.255.255.255", SERVER, 1001, 25, .flags = SYN }, SLUICE_MALFORMED },
	{ "IPv6: a SYN from a group of hosts", { "ff02::1", SERVER6, 1001, 25, .flags = SYN }, SLUICE_MALFORMED },
	{ "IPv6: a SYN from an IPv4 address", { "::ffff:10.0.0.1", SERVER6, 1001, 25, .flags = SYN }, SLUICE_MALFORMED },
	{ "IPv6: a SYN to an IPv4 address", { "2001:db8:1::1", "::ffff:" SERVER, 1001, 25, .flags = SYN }, SLUICE_MALFORMED },
	{ "a SYN from 0.9.9.9, which Linux takes since 5.3", { "0.9.9.9", SERVER, 1001, 25, .flags = SYN }, SLUICE_ADMITTED },
	{ "a SYN from 240.0.0.1, which Linux takes", { "240.0.0.1", SERVER, 1001, 25, .flags = SYN }, SLUICE_ADMITTED },
	{ "a SYN from 1.0.0.1", { "1.0.0.1", SERVER, 1001, 25, .flags = SYN }, SLUICE_ADMITTED },
	{ "a SYN from 127.0.0.1, which net.ipv4.conf.*.route_localnet lets in", { "127.0.0.1", SERVER, 1001, 25, .flags = SYN },
	  SLUICE_ADMITTED },
	{ "the same port of another host", { "10.0.0.1", SERVER, 25, 25, .flags = SYN }, SLUICE_ADMITTED },
	{ "a tiny first fragment (RFC 1858)", { V4, 25, .flags = SYN, .first_fragment = 1, .short_by = 12 }, SLUICE_FRAGMENT },
	{ "IPv6: a tiny first fragment", { V6, 25, .flags = SYN, .first_fragment = 1, .short_by = 12 }, SLUICE_FRAGMENT },
	{ "a first fragment that cuts the options", { V4, 25, .flags = ACK, .tcp_options = 4, .first_fragment = 1, .short_by = 4 },
	  SLUICE_FRAGMENT },
	{ "a fragmented SYN", { V4, 25, .flags = SYN, .first_fragment = 1 }, SLUICE_FRAGMENT },
	{ "a first fragment with data", { V4, 25, .flags = ACK, .first_fragment = 1, .payload = 4 }, SLUICE_ESTABLISHED },
	{ "a tiny first fragment to another port", { V4, 22, .flags = SYN, .first_fragment = 1, .short_by = 12 },
	  SLUICE_NOT_PROTECTED },
	{ "SYN and FIN to another port", { V4, 22, .flags = SYN | FIN }, SLUICE_NOT_PROTECTED },
	{ "a later fragment of who knows what", { V4, 25, .flags = ACK, .fragment_offset = 1, .id = 9 }, SLUICE_LATER_FRAGMENT },
	{ "to a group of hosts", { V4, 25, .flags = SYN, .group = 1 }, SLUICE_NOT_LOCAL },
	{ "another version than its tag says", { V4, 25, .flags = SYN, .version = 6 }, SLUICE_UNPARSED },
	{ "IPv6: another version", { V6, 25, .flags = SYN, .version = 4 }, SLUICE_UNPARSED },
	{ "eight tags", { V4, 25, .flags = SYN, .vlan_tags = 8 }, SLUICE_ADMITTED },
	{ "nine tags", { V4, 25, .flags = SYN, .vlan_tags = 9 }, SLUICE_EVASION },
	{ "tags that the frame cuts", { V4, 25, .flags = SYN, .vlan_tags = 3, .cut = 44 }, SLUICE_UNPARSED },
	{ "64 extension headers", { V6, 25, .flags = SYN, .extensions = 64 }, SLUICE_ADMITTED },
	{ "65 extension headers", { V6, 25, .flags = SYN, .extensions = 65 }, SLUICE_EVASION },
	{ "65 extension headers before another port", { V6, 22, .flags = SYN, .extensions = 65 }, SLUICE_EVASION },
	{ "extension headers before UDP", { V6, 25, .extensions = 12, .protocol = 17 }, SLUICE_NOT_PROTECTED },
	{ "an extension header that the frame cuts", { V6, 25, .flags = SYN, .extensions = 2, .cut = 24 }, SLUICE_UNPARSED },
	{ "an extension header that the datagram cuts", { V6, 25, .flags = SYN, .extensions = 2, .short_by = 24 }, SLUICE_UNPARSED },
	{ "an extension header that a first fragment cuts",
	  { V6, 25, .flags = SYN, .first_fragment = 1, .chain = "Fd", .extension_len = 3, .short_by = 24 }, SLUICE_EVASION },
	{ "extension headers of which a first fragment cuts one off",
	  { V6, 25, .flags = SYN, .first_fragment = 1, .chain = "Fdd", .short_by = 28 }, SLUICE_EVASION },
	{ "an atomic fragment within a first one (RFC 6946)", { V6, 25, .flags = SYN, .first_fragment = 1, .chain = "Ff" }, SLUICE_FRAGMENT },
	{ "an atomic fragment within a first one that ends there",
	  { V6, 25, .flags = SYN, .first_fragment = 1, .chain = "Ff", .short_by = 20 }, SLUICE_EVASION },
	{ "a chain of every kind", { V6, 25, .flags = SYN, .chain = "hdrfad" }, SLUICE_ADMITTED },
	{ "a route with a stop left", { V6, 25, .flags = SYN, .chain = "R" }, SLUICE_EVASION },
	{ "a route with a stop left, in the middle", { V6, 25, .flags = ACK, .chain = "dRd" }, SLUICE_EVASION },
	{ "a route with a stop left, to another port", { V6, 22, .flags = SYN, .chain = "R" }, SLUICE_NOT_PROTECTED },
	{ "an IPv4 route with a stop left", { V4, 25, .flags = SYN, .source_route = 1 }, SLUICE_EVASION },
	{ "an IPv4 route that came to its end", { V4, 25, .flags = SYN, .source_route = 2, .ip_options = 4 }, SLUICE_ADMITTED },
	{ "a SYN of no length", { V4, 25, .flags = SYN, .unsized = 1 }, SLUICE_EVASION },
	{ "IPv6: a SYN of no length", { V6, 25, .flags = SYN, .unsized = 1, .chain = "h" }, SLUICE_EVASION },
	{ "a large segment of no length", { V6, 25, .flags = ACK, .payload = 1000, .unsized = 1, .chain = "h" }, SLUICE_ESTABLISHED },
	{ "a SYN whose IPv4 header does not add up", { V4, 25, .flags = SYN, .sums = SUM_IP_WRONG }, SLUICE_CHECKSUM },
	{ "a SYN that does not add up", { V4, 25, .flags = SYN, .tcp_options = 5, .sums = SUM_TCP_WRONG }, SLUICE_CHECKSUM },
	{ "IPv6: a SYN that does not add up", { V6, 25, .flags = SYN, .chain = "d", .sums = SUM_TCP_WRONG }, SLUICE_CHECKSUM },
	{ "a SYN whose data does not add up", { V4, 25, .flags = SYN, .payload = 700, .sums = SUM_TCP_WRONG }, SLUICE_CHECKSUM },
	{ "a SYN whose data the frame cuts", { V4, 25, .flags = SYN, .payload = 70, .cut = 9 }, SLUICE_CHECKSUM },
	{ "a SYN that nobody summed up yet", { V4, 25, .flags = SYN, .sums = SUM_TCP_PSEUDO }, SLUICE_ADMITTED },
	{ "IPv6: a SYN that nobody summed up yet", { V6, 25, .flags = SYN, .sums = SUM_TCP_PSEUDO }, SLUICE_ADMITTED },
};
/* clang-format on */

static void test_every_invalid_packet_is_refused_and_no_other(void **state)
{
	enum sluice_reason why = SLUICE_REASONS;
	const struct packet_case *c;
	struct gate g;
	int verdict;

	(void)state;
	gate_open(&g, POLICY);
	for (c = cases; c < cases + sizeof(cases) / sizeof(*cases); c++) {
		struct frame f = c->frame;

		f.from_port = f.from_port == 1001 ? 2000 + (c - cases) : f.from_port;
		verdict = gate_send(&g, &f, &why);
		if (verdict != (reason_refuses(c->why) ? XDP_DROP : XDP_PASS) || why != c->why)
			fail_msg("%s: verdict %d for %s, not for %s", c->says, verdict, reason_label(why),
				 reason_label(c->why));
	}
	gate_close(&g);
}

/* Where a refusal would be a RST, and at an allow. */
static void test_a_syn_from_a_group_of_hosts_is_never_answered_and_takes_nothing(void **state)
{
	struct frame honest = { V4, 25, .flags = SYN }, f = { "224.0.0.5", SERVER, 1001, 25, .flags = SYN };
	enum sluice_reason why;
	struct gate g;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nservice smtp { ports = {25} max-connections = 1 on-excess = reset }\n"
		      "source-set friends { prefixes = {224.0.0.5} action = allow }\n");
	assert_int_equal(gate_send(&g, &f, &why), XDP_DROP);
	assert_int_equal(why, SLUICE_MALFORMED);
	assert_int_equal(gate_service(&g, "smtp").held, 0);
	assert_int_equal(gate_reason(&g, &honest), SLUICE_ADMITTED);
	f.from = "224.0.0.6";
	assert_int_equal(gate_send(&g, &f, &why), XDP_DROP);
	assert_int_equal(why, SLUICE_MALFORMED);
	gate_close(&g);
}

/* RFC 3128: a later fragment overwrites the flags of an innocent first one. */
static void test_fragment_that_overlaps_the_header_is_refused(void **state)
{
	static const struct frame firsts[] = { { V4, 25, .flags = ACK, .first_fragment = 1, .payload = 4, .id = 7 },
					       { V6, 25, .flags = ACK, .first_fragment = 1, .payload = 4, .id = 7 } };
	struct frame later;
	struct gate g;
	int i;

	(void)state;
	gate_open(&g, POLICY);
	for (i = 0; i < 2; i++) {
		later = (struct frame){ firsts[i].from, firsts[i].to, .fragment_offset = 1, .payload = 8, .id = 7 };
		assert_int_equal(gate_reason(&g, &later), SLUICE_LATER_FRAGMENT);
		assert_int_equal(gate_reason(&g, &firsts[i]), SLUICE_ESTABLISHED);
		assert_int_equal(gate_reason(&g, &later), SLUICE_FRAGMENT);
		later.fragment_offset = 2;
		assert_int_equal(gate_reason(&g, &later), SLUICE_FRAGMENT);
		later.fragment_offset = 3; /* begins where the first one ends */
		assert_int_equal(gate_reason(&g, &later), SLUICE_LATER_FRAGMENT);
		later.fragment_offset = 1;
		later.id = 8; /* belongs to another datagram */
		assert_int_equal(gate_reason(&g, &later), SLUICE_LATER_FRAGMENT);
	}
	gate_close(&g);
}

static void test_observe_mode_counts_invalid_packets_and_passes_them(void **state)
{
	struct frame f = { V4, 25, .flags = SYN | FIN };
	struct gate g;

	(void)state;
	gate_open(&g, "mode = observe\n" POLICY);
	assert_int_equal(gate_reason(&g, &f), SLUICE_OBSERVE);
	assert_int_equal(gate_stat(&g, "smtp", SLUICE_MALFORMED).observed, 1);
	assert_int_equal(gate_service(&g, "smtp").held, 0);
	gate_close(&g);
}

static void test_observe_mode_passes_evasion(void **state)
{
	struct frame f = { V6, 25, .flags = SYN, .extensions = 65 };
	struct gate g;

	(void)state;
	gate_open(&g, "mode = observe\n" POLICY);
	assert_int_equal(gate_reason(&g, &f), SLUICE_OBSERVE);
	gate_close(&g);
}

/* A denied source sends up to 7,600 bytes of headers before TCP, which then is outside the first buffer of the frame. */
static void test_header_behind_any_chain_is_found(void **state)
{
	static const char kinds[] = "hdraf";
	char chain[33] = "";
	struct frame f;
	struct gate g;
	size_t n, k, len;

	(void)state;
	gate_open(&g, POLICY "source-set foes { prefixes = {2001:db8:bad::/48} action = deny }\n");
	for (n = 0; n <= 32; n++) {
		for (k = 0; k < sizeof(kinds) - 1; k++) {
			for (len = 0; len < (kinds[k] == 'a' ? 128 : 256) && n * (len + 1) < 950; len += 17) {
				memset(chain, kinds[k], n);
				chain[n] = 0;
				f = (struct frame){
					"2001:db8:bad::1",   SERVER6, 1001, 25, .flags = SYN, .chain = chain,
					.extension_len = len
				};
				if (gate_reason(&g, &f) != SLUICE_DENIED)
					fail_msg("%zu times '%c', %zu units each: not denied", n, kinds[k], len);
			}
		}
	}
	gate_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_observe_mode_passes_evasion),
		cmocka_unit_test(test_header_behind_any_chain_is_found),
		cmocka_unit_test(test_every_invalid_packet_is_refused_and_no_other),
		cmocka_unit_test(test_a_syn_from_a_group_of_hosts_is_never_answered_and_takes_nothing),
		cmocka_unit_test(test_fragment_that_overlaps_the_header_is_refused),
		cmocka_unit_test(test_observe_mode_counts_invalid_packets_and_passes_them),
	};

	return cmocka_run_group_tests_name("invalid", tests, NULL, NULL);
}
