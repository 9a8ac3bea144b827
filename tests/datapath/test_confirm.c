/* SPDX-License-Identifier: BSD-2-Clause */
/* What the gate does by its own clock: it reverts a policy that nobody confirms, and opens after its daemon was stopped. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <cmocka.h>

#include "../policy_text.h"
#include "slot.h"
#include "gate.h"
#include "internal.h"

#define SERVER "203.0.113.5"
#define SERVER6 "2001:db8::25"
#define SOURCE "198.51.100.9"
#define SERVICES "interfaces = {lo}\nservice smtp { ports = {25} }\nservice imap { ports = {143} }\n"
#define CLOSED SERVICES "service ssh { ports = {22} }\nsource-set all { prefixes = {0.0.0.0/0, ::/0} action = deny }\n"
#define SOON_MS 400
#define CLOSE_NS 1000000 /* as close as this to a deadline SYNs follow each other without a pause */

static const struct frame syn = { SOURCE, SERVER, .to_port = 25, .flags = SYN };

static uint64_t first; /* the generation with which a test begins */

static uint64_t generation_of(struct gate *g)
{
	struct snapshot *s = NULL;
	uint64_t n;

	assert_int_equal(snapshot_take(g->engine, &s), 0);
	n = s->generation.number;
	snapshot_free(s);
	return n;
}

static int gate_opened(void **state)
{
	static struct gate g;

	gate_open(&g, SERVICES);
	*state = &g;
	return 0;
}

/* Brings the one gate into the state that a test expects, whatever the previous test left. */
static int gate_calmed(void **state)
{
	struct gate *g = *state;
	struct diag d = {};

	engine_revert(g->engine, &d);
	diag_free(&d);
	gate_apply(g, SERVICES);
	first = generation_of(g);
	return engine_stand_guard(g->engine);
}

static int gate_closed(void **state)
{
	gate_close(*state);
	return 0;
}

/* Sends a frame from a port of its own. Returns the reason for which it is counted. */
static enum sluice_reason judged(struct gate *g, struct frame f)
{
	static uint16_t port = 1024;
	enum sluice_reason why = SLUICE_UNDECIDED;

	f.from_port = port++;
	gate_send(g, &f, &why);
	return why;
}

static enum sluice_reason explained(struct gate *g)
{
	struct sluice_explanation told;
	struct sluice_tuple tuple = { .source_port = 4000, .local_port = __builtin_bswap16(25) };

	assert_int_equal(addr_parse(SOURCE, &tuple.source) | addr_parse(SERVER, &tuple.local), 0);
	assert_int_equal(engine_explain(g->engine, &tuple, &told), 0);
	return told.reason;
}

static void try_policy(struct gate *g, const char *text, unsigned int ms)
{
	struct policy *p = policy_of(text);
	struct diag d = {};

	assert_int_equal(engine_try(g->engine, p, ms, &d), 0);
	diag_free(&d);
	policy_free(p);
}

static void wait_ms(unsigned int ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

/* Shows that ARP, neighbour discovery, ICMP, and ports that no service names pass. */
static void assert_the_rest_passes(struct gate *g)
{
	static const struct frame free[] = {
		{ SOURCE, SERVER, .to_port = 25, .ethertype = 0x0806 },
		{ SOURCE, SERVER, .to_port = 25, .protocol = 1 },
		{ "2001:db8:bad::1", SERVER6, .to_port = 25, .protocol = 58 },
		{ SOURCE, SERVER, .to_port = 25, .protocol = 17 },
		{ SOURCE, SERVER, .to_port = 2525, .flags = SYN },
		{ "2001:db8:bad::1", SERVER6, .to_port = 2525, .flags = SYN },
	};
	size_t i;

	for (i = 0; i < sizeof(free) / sizeof(*free); i++)
		assert_int_equal(judged(g, free[i]), SLUICE_NOT_PROTECTED);
}

static void test_policy_that_nobody_confirms_is_reverted_by_itself(void **state)
{
	struct gate *g = *state;
	unsigned int left = 0;

	try_policy(g, CLOSED, SOON_MS);
	assert_int_equal(judged(g, syn), SLUICE_DENIED);
	assert_int_equal(explained(g), SLUICE_DENIED);
	assert_int_equal(engine_trial(g->engine, &left), TRIAL_AWAITED);
	assert_in_range(left, 1, SOON_MS);
	assert_int_equal(generation_of(g), first + 1);
	wait_ms(SOON_MS + 1);
	assert_int_equal(judged(g, syn), SLUICE_ADMITTED);
	assert_int_equal(explained(g), SLUICE_ADMITTED);
	assert_int_equal(engine_trial(g->engine, &left), TRIAL_OVER);
	assert_int_equal(generation_of(g), first);
}

/* Returns when the gate goes back, from the row where the gate reads it. */
static uint64_t deadline_of(struct gate *g)
{
	struct sluice_control control;

	assert_int_equal(control_read(g->engine, &control), 0);
	return control.force & SLUICE_FORCE_UNTIL;
}

/* Sends SYNs until `ms` after the deadline. The new policy must judge those that end before it, the old one those that begin at it or later. */
static void probe_across(struct gate *g, uint64_t deadline, unsigned int ms, uint64_t *before, uint64_t *after)
{
	enum sluice_reason why;
	uint64_t begun, ended;

	*before = *after = 0;
	do {
		begun = clock_ns();
		why = judged(g, syn);
		ended = clock_ns();
		if (ended < deadline) {
			assert_int_equal(why, SLUICE_DENIED);
			*before = ended;
		} else if (begun >= deadline) {
			assert_int_equal(why, SLUICE_ADMITTED);
			*after = *after ? *after : begun;
		}
		if (ended + CLOSE_NS < deadline || begun > deadline + CLOSE_NS)
			usleep(500);
	} while (begun < deadline + ms * 1000000ULL);
}

/* The deadline is exact by the gate's own clock, whatever the machine does meanwhile. The test tries again only if no SYN ended in time. */
static void test_old_policy_is_back_at_the_very_deadline(void **state)
{
	uint64_t before, after, deadline;
	struct gate *g = *state;
	struct diag d = {};

	do {
		try_policy(g, CLOSED, 50);
		deadline = deadline_of(g);
		probe_across(g, deadline, 100, &before, &after);
		assert_int_equal(engine_revert(g->engine, &d), 0);
	} while (!before);
	print_message("denied until %.1f us before the deadline, admitted from %.1f us after it\n",
		      (deadline - before) / 1e3, (after - deadline) / 1e3);
	diag_free(&d);
}

static void test_policy_that_is_confirmed_stays(void **state)
{
	struct gate *g = *state;
	struct diag d = {};

	try_policy(g, CLOSED, SOON_MS);
	assert_int_equal(engine_confirm(g->engine, &d), 0);
	wait_ms(SOON_MS + 1);
	assert_int_equal(judged(g, syn), SLUICE_DENIED);
	assert_int_equal(engine_confirm(g->engine, &d), -ENOENT);
	diag_free(&d);
	gate_apply(g, SERVICES);
	assert_int_equal(judged(g, syn), SLUICE_ADMITTED);
	assert_int_equal(generation_of(g), first + 2);
}

static void test_confirmation_that_comes_too_late_changes_nothing(void **state)
{
	struct gate *g = *state;
	struct diag d = {};

	try_policy(g, CLOSED, 1);
	wait_ms(2);
	assert_int_equal(engine_confirm(g->engine, &d), -ETIME);
	assert_int_equal(judged(g, syn), SLUICE_ADMITTED);
	diag_free(&d);
}

static void test_nothing_else_is_put_in_force_while_a_policy_awaits_confirmation(void **state)
{
	struct policy *p = policy_of(SERVICES);
	struct gate *g = *state;
	struct diag d = {};

	try_policy(g, CLOSED, 60000);
	assert_int_equal(engine_commit(g->engine, p, &d), -EBUSY);
	assert_int_equal(engine_try(g->engine, p, 60000, &d), -EBUSY);
	assert_int_equal(judged(g, syn), SLUICE_DENIED);
	diag_free(&d);
	policy_free(p);
}

static void test_revert_can_come_early_and_tidies_up(void **state)
{
	struct gate *g = *state;
	struct diag d = {};

	try_policy(g, CLOSED, 60000);
	assert_int_equal(engine_revert(g->engine, &d), 0);
	assert_int_equal(judged(g, syn), SLUICE_ADMITTED);
	assert_int_equal(engine_trial(g->engine, NULL), TRIAL_NONE);
	assert_int_equal(engine_revert(g->engine, &d), -ENOENT);
	diag_free(&d);
	gate_apply(g, CLOSED);
	assert_int_equal(judged(g, syn), SLUICE_DENIED);
	assert_int_equal(generation_of(g), first + 2);
}

static void test_network_itself_and_other_ports_pass_before_during_and_after(void **state)
{
	struct gate *g = *state;
	struct diag d = {};

	assert_the_rest_passes(g);
	try_policy(g, CLOSED, 60000);
	assert_the_rest_passes(g);
	assert_int_equal(engine_revert(g->engine, &d), 0);
	assert_the_rest_passes(g);
	assert_int_equal(engine_stand_open_in(g->engine, 0), 0);
	assert_the_rest_passes(g);
	diag_free(&d);
}

static void test_gate_opens_when_the_grace_of_a_stop_is_over(void **state)
{
	struct gate *g = *state;

	gate_apply(g, CLOSED);
	assert_int_equal(engine_stand_open_in(g->engine, 1), 0);
	assert_int_equal(judged(g, syn), SLUICE_DENIED);
	wait_ms(1001);
	assert_int_equal(judged(g, syn), SLUICE_STOPPED);
	assert_int_equal(explained(g), SLUICE_STOPPED);
	assert_int_equal(engine_stand_guard(g->engine), 0);
	assert_int_equal(judged(g, syn), SLUICE_DENIED);
}

#define ROUNDS 20000

/* Writes two words in turn, each of which has equal halves. */
static void *words_store(void *arg)
{
	const struct engine *e = arg;
	uint64_t i;

	for (i = 0; i < ROUNDS; i++) {
		if (CONTROL_STORE(e, open_ns, i & 1 ? ~0ULL : 0))
			return arg;
	}
	return NULL;
}

/* The gate may read a word at any time. If a writer updated the whole row, it would undo what another one has written meanwhile. */
static void test_word_of_the_control_row_is_written_whole_and_alone(void **state)
{
	struct sluice_control before, now;
	struct gate *g = *state;
	pthread_t thread;
	void *failed;
	uint64_t i;

	assert_int_equal(control_read(g->engine, &before), 0);
	assert_int_equal(pthread_create(&thread, NULL, words_store, g->engine), 0);
	for (i = 1; i <= ROUNDS; i++) {
		assert_int_equal(CONTROL_STORE(g->engine, event_gap_ns, i), 0);
		assert_int_equal(control_read(g->engine, &now), 0);
		assert_true(now.event_gap_ns == i && (!now.open_ns || now.open_ns == ~0ULL));
	}
	pthread_join(thread, &failed);
	assert_null(failed);
	assert_int_equal(CONTROL_STORE(g->engine, open_ns, 0), 0);
	assert_int_equal(CONTROL_STORE(g->engine, event_gap_ns, before.event_gap_ns), 0);
	assert_int_equal(control_read(g->engine, &now), 0);
	assert_memory_equal(&now, &before, sizeof(now));
}

#define test(name) cmocka_unit_test_setup(name, gate_calmed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_policy_that_nobody_confirms_is_reverted_by_itself),
		test(test_old_policy_is_back_at_the_very_deadline),
		test(test_policy_that_is_confirmed_stays),
		test(test_confirmation_that_comes_too_late_changes_nothing),
		test(test_nothing_else_is_put_in_force_while_a_policy_awaits_confirmation),
		test(test_revert_can_come_early_and_tidies_up),
		test(test_network_itself_and_other_ports_pass_before_during_and_after),
		test(test_gate_opens_when_the_grace_of_a_stop_is_over),
		test(test_word_of_the_control_row_is_written_whole_and_alone),
	};

	return cmocka_run_group_tests_name("confirm", tests, gate_opened, gate_closed);
}
