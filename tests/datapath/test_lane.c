/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The express lane repeats refusals that still hold, and no others. A connection fills its source; a SYN of the source is refused, and that is
 * noted as one word of the set. Most tests put that word back after the connection has ended. Then the lane would refuse what the order lets
 * pass, so that a test sees whether something ends the word, or passes by it. A SYN that the order lets pass finds no listener (127.0.0.2), and
 * takes nothing.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../policy_text.h"
#include "bans.h"
#include "internal.h"
#include "lane_gate.h"

#define HERE "127.0.0.1"
#define DEAF "127.0.0.2" /* one of ours where nobody listens */
#define TOP "interfaces = {lo}\nsources { max = 1000 }\n"
#define LIMITED TOP "service smtp { ports = {25} max-connections-per-source = 1 }\nservice imap { ports = {143} }\n"

static const struct lane_hosts hosts = { .here = HERE, .deaf = DEAF, .source = HERE };

static int open_gate(void **state)
{
	return lane_gate_open(state, &hosts, LIMITED);
}

static struct frame syn_to(const char *to)
{
	return (struct frame){ .from = HERE, .to = to, .from_port = 2000, .to_port = 25, .flags = SYN };
}

static enum sluice_reason deaf_syn(struct gate *g)
{
	return lane_syn(g, &hosts, HERE);
}

static void test_a_refusal_is_repeated_until_a_slot_is_given_back(void **state)
{
	struct gate *g = *state;
	struct pair p = pair_open(lane_listener, HERE, 3000);
	struct sluice_stat before, after;
	struct word f;

	assert_int_equal(words_find(g, &f), 0);
	assert_int_equal(deaf_syn(g), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(words_find(g, &f), 1);
	before = gate_stat(g, "smtp", SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(deaf_syn(g), SLUICE_SOURCE_CONNECTIONS);
	after = gate_stat(g, "smtp", SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(after.packets - before.packets, 1);
	assert_int_equal(after.connections - before.connections, 1);
	assert_int_equal(words_find(g, &f), 1);
	pair_close(&p);
	assert_int_equal(words_find(g, &f), 0);
	assert_int_equal(deaf_syn(g), SLUICE_NO_LISTENER);
}

static void test_nothing_is_noted_while_a_handshake_may_give_back_a_slot(void **state)
{
	struct gate *g = *state;
	const struct frame first = syn_to(HERE);
	struct frame second = first;
	struct word f;

	second.from_port = 2001;
	assert_int_equal(gate_reason(g, &first), SLUICE_ADMITTED);
	assert_int_not_equal(gate_reason(g, &second), SLUICE_ADMITTED);
	assert_int_equal(words_find(g, &f), 0);
}

static void test_only_a_plain_SYN_is_refused_by_what_was_noted(void **state)
{
	const struct lane_frame others[] = {
		{ { HERE, DEAF, 2000, 25, .flags = ACK }, SLUICE_ESTABLISHED },
		{ { HERE, DEAF, 2000, 25, .flags = RST }, SLUICE_ESTABLISHED },
		{ { HERE, DEAF, 2000, 25, .flags = SYN | ACK }, SLUICE_ESTABLISHED },
		{ { HERE, DEAF, 2000, 25, .flags = SYN | FIN }, SLUICE_MALFORMED },
		{ { HERE, DEAF, 2000, 25, .flags = SYN, .vlan_tags = 1 }, SLUICE_NO_LISTENER },
		{ { HERE, DEAF, 2000, 25, .flags = SYN, .ip_options = 1 }, SLUICE_NO_LISTENER },
		{ { HERE, DEAF, 2000, 25, .flags = SYN, .source_route = 1 }, SLUICE_EVASION },
		{ { HERE, DEAF, 2000, 25, .flags = SYN, .first_fragment = 1 }, SLUICE_FRAGMENT },
		{ { HERE, DEAF, 2000, 25, .flags = SYN, .fragment_offset = 2 }, SLUICE_LATER_FRAGMENT },
		{ { HERE, DEAF, 2000, 25, .flags = SYN, .data_offset = 4 }, SLUICE_MALFORMED },
		{ { HERE, DEAF, 2000, 25, .flags = SYN, .data_offset = 15 }, SLUICE_MALFORMED },
		{ { HERE, DEAF, 2000, 25, .flags = SYN, .short_by = 4 }, SLUICE_MALFORMED },
		{ { HERE, DEAF, 2000, 25, .flags = SYN, .unsized = 1 }, SLUICE_EVASION },
		{ { HERE, DEAF, 2000, 25, .flags = SYN, .group = 1 }, SLUICE_NOT_LOCAL },
		{ { HERE, DEAF, 2000, 25, .flags = SYN, .protocol = 17 }, SLUICE_NOT_PROTECTED },
		{ { HERE, DEAF, 2000, 143, .flags = SYN }, SLUICE_NO_LISTENER },
		{ { HERE, DEAF, 2000, 26, .flags = SYN }, SLUICE_NOT_PROTECTED },
		{ { "127.0.0.3", DEAF, 2000, 25, .flags = SYN }, SLUICE_NO_LISTENER },
		{ { HERE, HERE, 25, 25, .flags = SYN }, SLUICE_MALFORMED },
		{ { "::1", "::1", 2000, 25, .flags = SYN }, SLUICE_NO_LISTENER },
	};

	lane_passes_by(*state, &hosts, others, sizeof(others) / sizeof(*others));
}

static void test_a_change_of_the_policy_ends_what_was_noted(void **state)
{
	struct gate *g = *state;
	struct word f = lane_word_of_nothing(g, &hosts);

	gate_apply(g, LIMITED);
	assert_int_equal(deaf_syn(g), SLUICE_NO_LISTENER);
	word_put(g, &f);
	assert_int_equal(deaf_syn(g), SLUICE_SOURCE_CONNECTIONS);
	gate_apply(g, LIMITED "mode = observe\n");
	assert_int_equal(deaf_syn(g), SLUICE_NO_LISTENER);
	gate_apply(g, LIMITED "source-set us { prefixes = {127.0.0.0/8} action = allow }\n");
	assert_int_equal(deaf_syn(g), SLUICE_ALLOWED);
}

static void test_nothing_is_repeated_while_a_policy_awaits_its_confirmation_nor_after(void **state)
{
	struct gate *g = *state;
	struct word f = lane_word_of_nothing(g, &hosts);
	struct policy *p = policy_of(LIMITED);
	struct diag d = {};

	assert_int_equal(engine_try(g->engine, p, 60000, &d), 0);
	word_put(g, &f);
	assert_int_equal(deaf_syn(g), SLUICE_NO_LISTENER);
	assert_int_equal(engine_revert(g->engine, &d), 0);
	assert_int_equal(deaf_syn(g), SLUICE_NO_LISTENER);
	assert_int_equal(engine_try(g->engine, p, 60000, &d), 0);
	word_put(g, &f);
	assert_int_equal(engine_confirm(g->engine, &d), 0);
	assert_int_equal(deaf_syn(g), SLUICE_NO_LISTENER);
	assert_int_equal(engine_try(g->engine, p, 1, &d), 0);
	word_put(g, &f);
	usleep(2000); /* the previous policy is back by itself, and nobody has noted that */
	assert_int_equal(deaf_syn(g), SLUICE_NO_LISTENER);
	assert_int_equal(engine_revert(g->engine, &d), 0);
	policy_free(p);
	diag_free(&d);
}

static void test_live_bans_and_allows_end_what_was_noted(void **state)
{
	struct gate *g = *state;
	struct prefix here;
	const char *why;

	assert_int_equal(prefix_parse(HERE, &here, &why), 0);
	lane_word_of_nothing(g, &hosts);
	assert_int_equal(live_set(g->engine, LIVE_ALLOW, &here, 0, 0, NULL), 0);
	assert_int_equal(deaf_syn(g), SLUICE_ALLOWED);
	assert_int_equal(live_clear(g->engine, LIVE_ALLOW, &here), 0);
	assert_int_equal(deaf_syn(g), SLUICE_NO_LISTENER);
	lane_word_of_nothing(g, &hosts);
	assert_int_equal(live_set(g->engine, LIVE_BAN, &here, 0, 0, NULL), 0);
	assert_int_equal(deaf_syn(g), SLUICE_BANNED);
	assert_int_equal(live_clear(g->engine, LIVE_BAN, &here), 0);
	assert_int_equal(deaf_syn(g), SLUICE_NO_LISTENER);
}

static void test_a_gate_that_stands_open_repeats_nothing(void **state)
{
	struct gate *g = *state;

	lane_word_of_nothing(g, &hosts);
	assert_int_equal(engine_stand_open_in(g->engine, 3600), 0);
	assert_int_equal(deaf_syn(g), SLUICE_NO_LISTENER);
	assert_int_equal(engine_stand_open_in(g->engine, 0), 0);
	assert_int_equal(deaf_syn(g), SLUICE_STOPPED);
	assert_int_equal(engine_stand_guard(g->engine), 0);
}

static void test_an_epoch_number_that_comes_again_finds_no_old_word(void **state)
{
	lane_epochs_pass(*state, &hosts);
}

static void test_a_writer_that_dies_during_a_change_leaves_the_lane_shut(void **state)
{
	struct gate *g = *state;
	struct pair p = pair_open(lane_listener, HERE, 3000);
	struct word f;

	assert_int_equal(deaf_syn(g), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(words_find(g, &f), 1);
	assert_int_equal(lane_shut(g->engine), 0);
	assert_int_equal(deaf_syn(g), SLUICE_SOURCE_CONNECTIONS);
	pair_close(&p);
	assert_int_equal(deaf_syn(g), SLUICE_NO_LISTENER);
	lane_open(g->engine);
	assert_int_equal(words_find(g, &f), 0);
}

static void test_a_SYN_on_the_tuple_of_a_connection_reaches_it(void **state)
{
	struct gate *g = *state;
	struct pair p = pair_open(lane_listener, HERE, 3000);
	struct frame f = syn_to(HERE);
	struct word word;

	assert_int_equal(deaf_syn(g), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(words_find(g, &word), 1);
	f.from_port = 3000;
	assert_int_equal(gate_reason(g, &f), SLUICE_ESTABLISHED);
	assert_int_equal(words_find(g, &word), 1);
	pair_close(&p);
}

#define DENIED "source-set foes { prefixes = {127.0.0.0/8} action = deny }\n"
#define FOES LIMITED DENIED "source-set friends { prefixes = {127.0.0.9} action = allow priority = 1 }\n"

static void test_a_denied_source_is_denied_by_lane_and_order_alike(void **state)
{
	struct frame f = syn_to(DEAF);
	enum sluice_reason reason;
	struct gate *g = *state;
	struct sluice_stat stat;
	struct prefix here;
	const char *why;

	gate_apply(g, FOES);
	assert_int_equal(gate_reason(g, &f), SLUICE_DENIED);
	f.vlan_tags = 1; /* which the lane does not read */
	assert_int_equal(gate_reason(g, &f), SLUICE_DENIED);
	f.vlan_tags = 0;
	stat = gate_stat(g, "smtp", SLUICE_DENIED);
	assert_int_equal(stat.packets, 2);
	assert_int_equal(stat.connections, 2);
	f.from = "127.0.0.9";
	assert_int_equal(gate_reason(g, &f), SLUICE_ALLOWED);
	assert_int_equal(prefix_parse("127.0.0.0/24", &here, &why), 0);
	assert_int_equal(live_set(g->engine, LIVE_BAN, &here, 0, 0, NULL), 0);
	assert_int_equal(deaf_syn(g), SLUICE_BANNED);
	assert_int_equal(live_set(g->engine, LIVE_ALLOW, &here, 0, 0, NULL), 0);
	assert_int_equal(deaf_syn(g), SLUICE_ALLOWED);
	assert_int_equal(live_clear(g->engine, LIVE_ALLOW, &here), 0);
	assert_int_equal(live_clear(g->engine, LIVE_BAN, &here), 0);
	assert_int_equal(deaf_syn(g), SLUICE_DENIED);
	gate_apply(g, FOES "mode = observe\n");
	assert_int_equal(deaf_syn(g), SLUICE_OBSERVE);
	assert_int_equal(gate_stat(g, "smtp", SLUICE_DENIED).observed, 1);
	gate_apply(g, TOP "service smtp { ports = {25} on-excess = reset }\n" DENIED);
	assert_int_equal(gate_send(g, &(struct frame){ HERE, DEAF, 2000, 25, .flags = SYN }, &reason), XDP_TX);
	assert_int_equal(reason, SLUICE_DENIED);
}

static void test_watchers_are_told_of_refusals_that_still_hold(void **state)
{
	struct gate *g = *state;
	struct sluice_stat stat;
	struct word f;
	struct pair p;

	lane_word_of_nothing(g, &hosts);
	assert_int_equal(CONTROL_STORE(g->engine, event_gap_ns, 1), 0);
	assert_int_equal(CONTROL_STORE(g->engine, event_epoch, 7), 0);
	assert_int_equal(deaf_syn(g), SLUICE_NO_LISTENER); /* the order judged it */
	p = pair_open(lane_listener, HERE, 3000);
	stat = gate_stat(g, "smtp", SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(stat.told, 0);
	assert_int_equal(deaf_syn(g), SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(words_find(g, &f), 1);
	stat = gate_stat(g, "smtp", SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(stat.told, stat.packets);
	pair_close(&p);
}

#define LANE_TEST(f) cmocka_unit_test_setup_teardown(f, open_gate, lane_gate_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LANE_TEST(test_a_refusal_is_repeated_until_a_slot_is_given_back),
		LANE_TEST(test_nothing_is_noted_while_a_handshake_may_give_back_a_slot),
		LANE_TEST(test_only_a_plain_SYN_is_refused_by_what_was_noted),
		LANE_TEST(test_a_change_of_the_policy_ends_what_was_noted),
		LANE_TEST(test_nothing_is_repeated_while_a_policy_awaits_its_confirmation_nor_after),
		LANE_TEST(test_live_bans_and_allows_end_what_was_noted),
		LANE_TEST(test_a_gate_that_stands_open_repeats_nothing),
		LANE_TEST(test_an_epoch_number_that_comes_again_finds_no_old_word),
		LANE_TEST(test_a_writer_that_dies_during_a_change_leaves_the_lane_shut),
		LANE_TEST(test_a_SYN_on_the_tuple_of_a_connection_reaches_it),
		LANE_TEST(test_a_denied_source_is_denied_by_lane_and_order_alike),
		LANE_TEST(test_watchers_are_told_of_refusals_that_still_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
