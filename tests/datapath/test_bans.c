/* SPDX-License-Identifier: BSD-2-Clause */
/* The gate sees all bans that one order changes at one instant, however many they are, even if the daemon dies during the order. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <cmocka.h>

#include "addr.h"
#include "bans.h"
#include "bans_change.h"
#include "gate.h"
#include "internal.h"

#define SERVER "192.0.2.10"
#define FIRST "10.0.0.1"
#define LAST "200.0.0.1"
#define MANY 20000
#define ROUNDS 6
#define CUTS 16
#define LONGEST_US 8000000 /* a list that takes longer than this fails the test */

static struct ban list[MANY];
static struct prefix prefixes[MANY];

static void prefix_of(const char *text, struct prefix *out)
{
	const char *why;

	assert_int_equal(prefix_parse(text, out, &why), 0);
}

/* Makes the list, sorted by address, as bans are written: FIRST is the first of all, LAST the last. */
static void list_make(void)
{
	char text[32];
	size_t i;

	for (i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "100.%zu.%zu.1", i / 256, i % 256);
		prefix_of(i ? i == MANY - 1 ? LAST : text : FIRST, &prefixes[i]);
		list[i] = (struct ban){ .prefix = prefixes[i], .owner = "test" };
	}
}

static int open_gate(void **state)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return -1;
	gate_open(g, "interfaces = {lo}\nservice smtp { ports = {25} }\n");
	list_make();
	*state = g;
	return 0;
}

static int close_gate(void **state)
{
	gate_close(*state);
	free(*state);
	return 0;
}

/* Whether the source is banned: otherwise an ACK that belongs to no connection passes, and takes nothing. */
static int banned(struct gate *g, const char *from)
{
	const struct frame f = { .from = from, .to = SERVER, .from_port = 1001, .to_port = 25, .flags = ACK };
	uint8_t frame[FRAME_ROOM], out[FRAME_ROOM];
	size_t len = frame_build(&f, frame), out_len = sizeof(out);
	int verdict = engine_probe(g->engine, frame, len, out, &out_len, 1, NULL);

	assert_true(verdict == XDP_PASS || verdict == XDP_DROP);
	return verdict == XDP_DROP;
}

static void orders_run(struct gate *g)
{
	size_t taken;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (bans_put(g->engine, list, MANY, NULL) || bans_take(g->engine, prefixes, MANY, "test", &taken) ||
		    taken != MANY)
			_exit(1);
	}
	_exit(0);
}

static void test_a_list_comes_into_force_at_one_instant_and_ends_at_one(void **state)
{
	unsigned int pairs = 0, row = 0, apart = 0, changes = 0;
	struct gate *g = *state;
	int first, last, was = 0, status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child)
		orders_run(g);
	while (!waitpid(child, &status, WNOHANG)) {
		first = pairs % 2 ? banned(g, FIRST) : 0;
		last = banned(g, LAST);
		first = pairs % 2 ? first : banned(g, FIRST);
		row = first == last ? 0 : row + 1; /* one pair may have a change between its halves */
		apart += first != last;
		assert_true(row < 3);
		changes += first == last && first != was;
		was = first == last ? first : was;
		pairs++;
	}
	assert_int_equal(status, 0);
	print_message("%u pairs of packets, %u changes seen, %u pairs with one between them\n", pairs, changes, apart);
	assert_true(changes >= 2);
}

/* Kills a process after so long that puts the list into force. Returns whether all of it is in force then; otherwise nothing is. */
static bool cut_short(struct gate *g, long wait_us)
{
	const struct timespec wait = { wait_us / 1000000, wait_us % 1000000 * 1000 };
	const struct bans_wanted all = { .bare = true };
	struct bans left = {};
	pid_t child = fork();
	size_t taken;

	assert_true(child >= 0);
	if (!child)
		_exit(bans_put(g->engine, list, MANY, NULL) != 0);
	nanosleep(&wait, NULL);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(bans_recover(g->engine), 0);
	assert_int_equal(bans_read(g->engine, &all, &left), 0);
	assert_true(left.count == 0 || left.count == MANY);
	assert_int_equal(banned(g, FIRST), left.count != 0);
	assert_int_equal(banned(g, LAST), left.count != 0);
	free(left.item);
	assert_int_equal(bans_take(g->engine, prefixes, MANY, NULL, &taken), 0);
	assert_int_equal(taken, left.count);
	assert_int_equal(banned(g, LAST), 0);
	return left.count != 0;
}

/* How long it takes depends on the machine, so the wait grows until all is in force, and then all moments up to that one are tried. */
static void test_a_list_that_was_cut_short_is_in_force_as_a_whole_or_not_at_all(void **state)
{
	unsigned int kind[2] = {}, i;
	long wait_us;

	for (wait_us = 0; !kind[1] && wait_us < LONGEST_US; wait_us += wait_us / 2 + 1000)
		kind[cut_short(*state, wait_us)]++;
	for (i = 0; i < CUTS; i++)
		kind[cut_short(*state, wait_us * i / CUTS)]++;
	print_message("cut short: %u times nothing was left, %u times all; waited for %ld ms at most\n", kind[0],
		      kind[1], wait_us / 1000);
	assert_true(kind[0] && kind[1]);
}

/* Leaves the tables as a daemon does that dies while it lifts a ban: before the lift counts (`counts` is 0), or before it is tidied up. */
static void lift_cut_short(struct gate *g, const struct prefix *p, int counts)
{
	const struct sluice_prefix_key key = ban_key(p);
	struct sluice_control control;
	struct sluice_ban ban;

	assert_int_equal(control_read(g->engine, &control), 0);
	assert_int_equal(ban_exact(g->engine, &key, &ban), 0);
	ban.until = control.bans + 1;
	assert_int_equal(CONTROL_STORE(g->engine, bans_begun, ban.until), 0);
	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_live_bans], &key, &ban, BPF_ANY), 0);
	if (counts)
		assert_int_equal(CONTROL_STORE(g->engine, bans, ban.until), 0);
}

static void test_a_lift_that_was_cut_short_holds_if_it_counted_and_otherwise_does_not(void **state)
{
	const struct bans_wanted all = { .bare = true };
	struct ban one = { .owner = "one" };
	struct gate *g = *state;
	struct bans left = {};

	prefix_of(FIRST, &one.prefix);
	assert_int_equal(bans_put(g->engine, &one, 1, NULL), 0);
	lift_cut_short(g, &one.prefix, 0);
	assert_int_equal(banned(g, FIRST), 1);
	assert_int_equal(bans_recover(g->engine), 0);
	assert_int_equal(banned(g, FIRST), 1);
	lift_cut_short(g, &one.prefix, 1);
	assert_int_equal(banned(g, FIRST), 0);
	assert_int_equal(bans_recover(g->engine), 0);
	assert_int_equal(banned(g, FIRST), 0);
	assert_int_equal(bans_read(g->engine, &all, &left), 0);
	assert_int_equal(left.count, 0);
	free(left.item);
}

static void test_an_owner_whose_ban_is_replaced_has_one_of_the_two_if_that_is_cut_short(void **state)
{
	struct ban one = { .owner = "one" };
	struct sluice_control before;
	struct gate *g = *state;

	prefix_of(FIRST, &one.prefix);
	assert_int_equal(bans_put(g->engine, &one, 1, NULL), 0);
	assert_int_equal(control_read(g->engine, &before), 0);
	one.expires_in = 100;
	assert_int_equal(bans_put(g->engine, &one, 1, NULL), 0);
	assert_int_equal(CONTROL_STORE(g->engine, bans, before.bans),
			 0); /* as if the daemon had died before that counted */
	assert_int_equal(CONTROL_STORE(g->engine, bans_begun, before.bans + 1), 0);
	assert_int_equal(banned(g, FIRST), 1);
	assert_int_equal(bans_recover(g->engine), 0);
	assert_int_equal(banned(g, FIRST), 1);
}

static void test_a_ban_that_only_observes_hides_neither_a_wider_one_nor_another_owners(void **state)
{
	struct gate *g = *state;
	struct ban one = { .owner = "one", .observe = true }, wide = { .owner = "wide", .expires_in = 1 };
	struct bans_wanted want = { .about = &one.prefix };
	struct bans left = {};
	size_t taken;

	prefix_of("10.0.0.1", &one.prefix);
	prefix_of("10.0.0.0/16", &wide.prefix);
	assert_int_equal(bans_put(g->engine, &one, 1, NULL), 0);
	assert_int_equal(banned(g, FIRST), 0);
	assert_int_equal(gate_stat(g, "smtp", SLUICE_BANNED).observed, 1);
	assert_int_equal(bans_put(g->engine, &wide, 1, NULL), 0);
	assert_int_equal(banned(g, FIRST), 1);
	strcpy(wide.owner, "two");
	wide.prefix = one.prefix;
	assert_int_equal(bans_put(g->engine, &wide, 1, NULL), 0);
	assert_int_equal(banned(g, FIRST), 1);
	usleep(1100000); /* both bans that refuse are over, but nobody has looked yet */
	assert_int_equal(banned(g, FIRST), 0);
	assert_int_equal(bans_read(g->engine, &want, &left), 0);
	assert_int_equal(left.count, 1);
	assert_int_equal(left.item[0].packets, 3);
	free(left.item);
	assert_int_equal(bans_take(g->engine, &one.prefix, 1, "one", &taken), 0);
	assert_int_equal(taken, 1);
}

static void test_an_ipv6_ban_of_everything_leaves_ipv4_alone(void **state)
{
	struct ban all = { .owner = "all" };
	struct gate *g = *state;

	assert_int_equal(bans_put(g->engine, &all, 1, NULL), 0);
	assert_int_equal(banned(g, FIRST), 0);
	prefix_of("0.0.0.0/0", &all.prefix);
	assert_int_equal(bans_put(g->engine, &all, 1, NULL), 0);
	assert_int_equal(banned(g, FIRST), 1);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, open_gate, close_gate)
	const struct CMUnitTest tests[] = {
		CASE(test_a_list_comes_into_force_at_one_instant_and_ends_at_one),
		CASE(test_a_list_that_was_cut_short_is_in_force_as_a_whole_or_not_at_all),
		CASE(test_a_lift_that_was_cut_short_holds_if_it_counted_and_otherwise_does_not),
		CASE(test_an_owner_whose_ban_is_replaced_has_one_of_the_two_if_that_is_cut_short),
		CASE(test_a_ban_that_only_observes_hides_neither_a_wider_one_nor_another_owners),
		CASE(test_an_ipv6_ban_of_everything_leaves_ipv4_alone),
	};

	return cmocka_run_group_tests_name("bans", tests, NULL, NULL);
}
