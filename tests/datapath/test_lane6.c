/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The express lane and sources of IPv6, which are prefixes: what it repeats for one address of a prefix, it repeats for all of them. So there is
 * a test for each thing that may tell them apart. As in test_lane.c, a connection fills its source, and a SYN is refused and noted as one word;
 * a SYN that the order lets pass finds no listener, and takes nothing.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "../policy_text.h"
#include "bans.h"
#include "internal.h"
#include "lane_gate.h"

#define HERE "fd00:1::1"
#define DEAF "fd00:1::2" /* one of ours where nobody listens */
#define SOURCE "fd00:2:0:7::1"
#define NEIGHBOUR "fd00:2:0:7:ffff::9" /* in the same /64 */
#define FARTHER "fd00:2:0:ff07::1" /* in the same /48 */
#define STRANGER "fd00:3::1"
#define SERVICE \
	"interfaces = {lo}\nservice smtp { ports = {25} max-connections-per-source = 1 }\nservice imap { ports = {143} }\n"
#define LIMITED SERVICE "sources { max = 1000 }\n"

static const struct lane_hosts hosts = {
	.here = HERE, .deaf = DEAF, .source = SOURCE, .prepare = "ip -6 route add local fd00::/16 dev lo"
};

static int open_gate(void **state)
{
	return lane_gate_open(state, &hosts, LIMITED);
}

static enum sluice_reason syn_from(struct gate *g, const char *from)
{
	return lane_syn(g, &hosts, from);
}

/* Shows that under this policy a full source is refused, but nothing is noted. */
static void nothing_is_noted_under(struct gate *g, const char *policy)
{
	struct word w;
	struct pair p;

	gate_apply(g, policy);
	assert_int_equal(lane_fill(g, &hosts, &p, &w), 0);
	pair_close(&p);
	assert_int_equal(syn_from(g, SOURCE), SLUICE_NO_LISTENER);
}

static void test_a_refusal_holds_for_the_whole_prefix_until_a_slot_is_given_back(void **state)
{
	struct gate *g = *state;
	struct sluice_stat stat;
	struct pair p;
	struct word w;

	assert_int_equal(lane_fill(g, &hosts, &p, &w), 1);
	assert_int_equal(syn_from(g, SOURCE), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(syn_from(g, NEIGHBOUR), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(words_find(g, &w), 1);
	stat = gate_stat(g, "smtp", SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(stat.packets, 3);
	assert_int_equal(stat.connections, 3);
	assert_int_equal(syn_from(g, FARTHER), SLUICE_NO_LISTENER);
	assert_int_equal(syn_from(g, STRANGER), SLUICE_NO_LISTENER);
	pair_close(&p);
	assert_int_equal(words_find(g, &w), 0);
	assert_int_equal(syn_from(g, NEIGHBOUR), SLUICE_NO_LISTENER);
}

static void test_the_lane_itself_refuses_all_of_a_prefix_and_nobody_else(void **state)
{
	struct gate *g = *state;

	lane_word_of_nothing(g, &hosts);
	assert_int_equal(syn_from(g, NEIGHBOUR), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(syn_from(g, FARTHER), SLUICE_NO_LISTENER);
	assert_int_equal(syn_from(g, STRANGER), SLUICE_NO_LISTENER);
}

static void test_only_a_plain_SYN_is_refused_by_what_was_noted(void **state)
{
	const struct lane_frame others[] = {
		{ { SOURCE, DEAF, 2000, 25, .flags = ACK }, SLUICE_ESTABLISHED },
		{ { SOURCE, DEAF, 2000, 25, .flags = SYN | ACK }, SLUICE_ESTABLISHED },
		{ { SOURCE, DEAF, 2000, 25, .flags = SYN | FIN }, SLUICE_MALFORMED },
		{ { SOURCE, DEAF, 2000, 25, .flags = SYN, .vlan_tags = 1 }, SLUICE_NO_LISTENER },
		{ { SOURCE, DEAF, 2000, 25, .flags = SYN, .extensions = 1 }, SLUICE_NO_LISTENER },
		{ { SOURCE, DEAF, 2000, 25, .flags = SYN, .chain = "d" }, SLUICE_NO_LISTENER },
		{ { SOURCE, DEAF, 2000, 25, .flags = SYN, .chain = "R" }, SLUICE_EVASION },
		{ { SOURCE, DEAF, 2000, 25, .flags = SYN, .first_fragment = 1 }, SLUICE_FRAGMENT },
		{ { SOURCE, DEAF, 2000, 25, .flags = SYN, .data_offset = 4 }, SLUICE_MALFORMED },
		{ { SOURCE, DEAF, 2000, 25, .flags = SYN, .data_offset = 15 }, SLUICE_MALFORMED },
		{ { SOURCE, DEAF, 2000, 25, .flags = SYN, .short_by = 4 }, SLUICE_MALFORMED },
		{ { SOURCE, DEAF, 2000, 25, .flags = SYN, .unsized = 1 }, SLUICE_EVASION },
		{ { SOURCE, DEAF, 2000, 25, .flags = SYN, .group = 1 }, SLUICE_NOT_LOCAL },
		{ { SOURCE, DEAF, 2000, 25, .flags = SYN, .protocol = 17 }, SLUICE_NOT_PROTECTED },
		{ { SOURCE, DEAF, 2000, 143, .flags = SYN }, SLUICE_NO_LISTENER },
		{ { SOURCE, DEAF, 2000, 26, .flags = SYN }, SLUICE_NOT_PROTECTED },
		{ { SOURCE, SOURCE, 25, 25, .flags = SYN }, SLUICE_MALFORMED },
		{ { "127.0.0.1", "127.0.0.2", 2000, 25, .flags = SYN }, SLUICE_NO_LISTENER },
	};

	lane_passes_by(*state, &hosts, others, sizeof(others) / sizeof(*others));
}

/* ::ffff:0:0/96 lies in ::/64, which is also the source of IPv6 loopback. */
static void test_an_IPv4_address_in_an_IPv6_header_is_no_part_of_a_prefix(void **state)
{
	const struct frame mapped = { "::ffff:10.0.0.1", DEAF, 2000, 25, .flags = SYN };
	struct gate *g = *state;
	struct pair p = pair_open(lane_listener, "::1", 3000);
	struct word w;

	assert_int_equal(syn_from(g, "::1"), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(words_find(g, &w), 1);
	pair_close(&p);
	word_put(g, &w);
	assert_int_equal(syn_from(g, "::2"), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(gate_reason(g, &mapped), SLUICE_MALFORMED);
}

static void test_a_live_allow_or_ban_of_one_address_of_a_full_prefix_holds(void **state)
{
	struct gate *g = *state;
	struct prefix one;
	const char *why;
	struct word w;

	assert_int_equal(prefix_parse(NEIGHBOUR, &one, &why), 0);
	w = lane_word_of_nothing(g, &hosts);
	assert_int_equal(live_set(g->engine, LIVE_ALLOW, &one, 0, 0, NULL), 0);
	word_put(g, &w);
	assert_int_equal(syn_from(g, NEIGHBOUR), SLUICE_ALLOWED);
	assert_int_equal(syn_from(g, SOURCE), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(live_clear(g->engine, LIVE_ALLOW, &one), 0);
	assert_int_equal(live_set(g->engine, LIVE_BAN, &one, 0, 0, NULL), 0);
	word_put(g, &w);
	assert_int_equal(syn_from(g, NEIGHBOUR), SLUICE_BANNED);
	assert_int_equal(syn_from(g, SOURCE), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(live_clear(g->engine, LIVE_BAN, &one), 0);
	assert_int_equal(syn_from(g, SOURCE), SLUICE_NO_LISTENER);
}

static void test_a_prefix_that_the_policy_tells_apart_is_not_noted(void **state)
{
	struct gate *g = *state;

	nothing_is_noted_under(g, LIMITED "source-set one { prefixes = {" NEIGHBOUR "} action = allow }\n");
	assert_int_equal(syn_from(g, NEIGHBOUR), SLUICE_ALLOWED);
	nothing_is_noted_under(g, LIMITED "source-set half { prefixes = {fd00:2:0:7:8000::/65} action = deny }\n");
	gate_apply(g, LIMITED "source-set others { prefixes = {fd00:2:0:8::/64} action = allow }\n");
	lane_word_of_nothing(g, &hosts);
	assert_int_equal(syn_from(g, NEIGHBOUR), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(syn_from(g, "fd00:2:0:8::1"), SLUICE_ALLOWED);
}

static void test_sources_of_other_sizes_are_noted_only_if_everybody_has_that_size(void **state)
{
	struct gate *g = *state;

	nothing_is_noted_under(g, SERVICE "sources { max = 1000 ipv6-prefix = 65 }\n");
	nothing_is_noted_under(g, SERVICE "sources { max = 1000 ipv6-prefix = 128 }\n");
	nothing_is_noted_under(g, LIMITED "source-set big { prefixes = {fd00:2::/32} ipv6-prefix = 56 }\n");
	nothing_is_noted_under(g, LIMITED "source-set small { prefixes = {fd00:2::/32} ipv6-prefix = 128 }\n");
	nothing_is_noted_under(g, SERVICE "sources { max = 1000 translated-prefixes = {64:ff9b::/96} }\n");
	gate_apply(g, SERVICE "sources { max = 1000 ipv6-prefix = 48 }\n");
	lane_word_of_nothing(g, &hosts);
	assert_int_equal(syn_from(g, FARTHER), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(syn_from(g, STRANGER), SLUICE_NO_LISTENER);
	gate_apply(g, SERVICE "sources { max = 1000 ipv6-prefix = 61 }\n");
	lane_word_of_nothing(g, &hosts);
	assert_int_equal(syn_from(g, "fd00:2::1"), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(syn_from(g, "fd00:2:0:8::1"), SLUICE_NO_LISTENER);
}

static void test_a_change_of_the_policy_ends_what_was_noted(void **state)
{
	struct gate *g = *state;

	lane_word_of_nothing(g, &hosts);
	gate_apply(g, LIMITED);
	assert_int_equal(syn_from(g, SOURCE), SLUICE_NO_LISTENER);
	lane_word_of_nothing(g, &hosts);
	gate_apply(g, LIMITED "source-set one { prefixes = {" NEIGHBOUR "} action = allow }\n");
	assert_int_equal(syn_from(g, NEIGHBOUR), SLUICE_ALLOWED);
	gate_apply(g, LIMITED "mode = observe\n");
	assert_int_equal(syn_from(g, SOURCE), SLUICE_NO_LISTENER);
}

static void test_an_epoch_number_that_comes_again_finds_no_old_word(void **state)
{
	lane_epochs_pass(*state, &hosts);
}

static void test_a_SYN_on_the_tuple_of_a_connection_reaches_it(void **state)
{
	const struct frame f = { SOURCE, HERE, 3000, 25, .flags = SYN };
	struct gate *g = *state;
	struct word w;
	struct pair p;

	assert_int_equal(lane_fill(g, &hosts, &p, &w), 1);
	assert_int_equal(gate_reason(g, &f), SLUICE_ESTABLISHED);
	assert_int_equal(words_find(g, &w), 1);
	pair_close(&p);
}

static void test_a_denied_source_is_denied_by_lane_and_order_alike(void **state)
{
	struct frame f = { SOURCE, DEAF, 2000, 25, .flags = SYN };
	struct gate *g = *state;
	struct sluice_stat stat;

	gate_apply(g, SERVICE "sources { max = 1000 translated-prefixes = {64:ff9b::/96} }\n"
			      "source-set foes { prefixes = {fd00:2::/32, 192.0.2.0/24} action = deny }\n");
	assert_int_equal(gate_reason(g, &f), SLUICE_DENIED);
	f.vlan_tags = 1; /* which the lane does not read */
	assert_int_equal(gate_reason(g, &f), SLUICE_DENIED);
	stat = gate_stat(g, "smtp", SLUICE_DENIED);
	assert_int_equal(stat.packets, 2);
	assert_int_equal(stat.connections, 2);
	assert_int_equal(syn_from(g, "64:ff9b::192.0.2.7"), SLUICE_DENIED);
	assert_int_equal(syn_from(g, "64:ff9b::192.0.3.7"), SLUICE_NO_LISTENER);
	assert_int_equal(syn_from(g, STRANGER), SLUICE_NO_LISTENER);
	f = (struct frame){ "64:ff9b::192.0.2.7", DEAF, 2000, 25,
			    .flags = ACK }; /* the lane passes segments of others */
	assert_int_equal(gate_reason(g, &f), SLUICE_DENIED);
	f.from = "64:ff9b::192.0.3.7";
	assert_int_equal(gate_reason(g, &f), SLUICE_ESTABLISHED);
}

#define LANE_TEST(f) cmocka_unit_test_setup_teardown(f, open_gate, lane_gate_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LANE_TEST(test_a_refusal_holds_for_the_whole_prefix_until_a_slot_is_given_back),
		LANE_TEST(test_the_lane_itself_refuses_all_of_a_prefix_and_nobody_else),
		LANE_TEST(test_only_a_plain_SYN_is_refused_by_what_was_noted),
		LANE_TEST(test_an_IPv4_address_in_an_IPv6_header_is_no_part_of_a_prefix),
		LANE_TEST(test_a_live_allow_or_ban_of_one_address_of_a_full_prefix_holds),
		LANE_TEST(test_a_prefix_that_the_policy_tells_apart_is_not_noted),
		LANE_TEST(test_sources_of_other_sizes_are_noted_only_if_everybody_has_that_size),
		LANE_TEST(test_a_change_of_the_policy_ends_what_was_noted),
		LANE_TEST(test_an_epoch_number_that_comes_again_finds_no_old_word),
		LANE_TEST(test_a_SYN_on_the_tuple_of_a_connection_reaches_it),
		LANE_TEST(test_a_denied_source_is_denied_by_lane_and_order_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
