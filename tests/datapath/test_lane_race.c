/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_lane_race [ROUNDS] lets the set of refusals race with the ends of connections, and prints how close they came. One processor sends SYNs
 * of full sources without a pause, so that their refusals are noted as soon as they are true. Another one opens the one connection that a source
 * may have, and closes it at any moment from then on. While it is open, no SYN of the source may pass; once close() has returned, none may be
 * refused. This is done for both families, with one source, and with several that share a line, are full at the same time, and whose words come
 * and go side by side.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <cmocka.h>

#include "gate.h"
#include "internal.h"
#include "pair.h"
#include "space.h"
#include "words.h"

#define POLICY                                         \
	"interfaces = {lo}\nsources { max = 20000 }\n" \
	"service smtp { ports = {25} max-connections-per-source = 1 }\n"
#define WIDEST_NS 40000 /* the longest life of a connection */
#define STANDS_NS 10000 /* the longest life of a note */
#define SHARING 3 /* sources in one line */
#define LINES (1U << SLUICE_LANE_BITS_LEAST)
#define CANDIDATES 16384 /* more than it takes to find so many in one line; all of them have counters of their own */

/* SYNs go to `deaf`, an address of ours where nobody listens, so that one that passes takes nothing. */
struct family {
	const char *here, *deaf, *source; /* the last one has two numbers to fill in */
};

static const struct family families[] = { { "127.0.0.1", "127.0.0.2", "127.1.%u.%u" },
					  { "fd00:1::1", "fd00:1::2", "fd00:2:%x:%x::1" } };

struct source {
	char name[48];
	uint8_t frame[FRAME_ROOM]; /* its SYN */
	size_t frame_len;
	struct pair pair;
	bool open;
	uint64_t
		refused_ns; /* when the last SYN that was refused had begun; written by one processor, read by the other */
	uint64_t opened_ns;
	unsigned int life; /* odd from before it is opened until its close() has returned */
};

static long rounds = 5000;
static int gate_fd, listener;
static bool over;
static long overdue; /* refused SYNs that began after the end */
static uint64_t *before; /* for each end, how many ns before it the last refused SYN had begun */
static long ends;
static struct source source[SHARING];
static unsigned int sources;
static struct word word; /* the word of one of them; they share its line */

static int verdict_of(const struct source *s)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = s->frame, .data_size_in = s->frame_len);

	assert_int_equal(bpf_prog_test_run_opts(gate_fd, &opts), 0);
	return opts.retval;
}

/* Sends a SYN, and counts it if it began when the connection was over, but is refused. */
static void hammer_blow(struct source *s)
{
	const unsigned int life = __atomic_load_n(&s->life, __ATOMIC_ACQUIRE);
	const uint64_t began = clock_ns();

	if (verdict_of(s) != XDP_DROP)
		return;
	__atomic_store_n(&s->refused_ns, began, __ATOMIC_RELEASE);
	if (!(life % 2) && __atomic_load_n(&s->life, __ATOMIC_ACQUIRE) == life)
		__atomic_add_fetch(&overdue, 1, __ATOMIC_RELAXED);
}

/* Has the refusals noted again every few microseconds, so that a note may come at any moment of a connection's life. */
static void *hammer(void *arg)
{
	struct gate *g = arg;
	unsigned int seed = 2, i;
	uint64_t until;

	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		for (i = 0; i < sources; i++)
			hammer_blow(&source[i]);
		until = clock_ns() + rand_r(&seed) % STANDS_NS;
		while (clock_ns() < until)
			;
		words_drop(g, &word);
	}
	return NULL;
}

struct seen {
	long early, late,
		closed_late; /* passed while the connection stood; refused after its end; of those: also a second later */
	uint64_t worst_ns;
};

static void late_note(struct seen *s, const struct source *of)
{
	uint64_t from = clock_ns(), gone = 0;

	s->late++;
	while (verdict_of(of) == XDP_DROP && gone < 1000000000)
		gone = clock_ns() - from;
	s->closed_late += gone >= 1000000000;
	s->worst_ns = gone > s->worst_ns ? gone : s->worst_ns;
}

/* Notes the end of a connection, whose close() has just returned. */
static void end_note(struct source *of, uint64_t now)
{
	const uint64_t refused = __atomic_load_n(&of->refused_ns, __ATOMIC_ACQUIRE);

	__atomic_add_fetch(&of->life, 1, __ATOMIC_RELEASE);
	if (refused > of->opened_ns && refused < now)
		before[ends++] = now - refused;
}

static void source_close(struct seen *s, struct source *of)
{
	const int server = of->pair.server;

	close(of->pair.client); /* sends a RST, which ends the other side, too */
	end_note(of, clock_ns());
	of->open = false;
	if (verdict_of(of) == XDP_DROP)
		late_note(s, of);
	close(server);
}

/* Opens or closes the connection of one source. A single source's is open only for a moment, one of several until its next turn. */
static void round_run(struct seen *s, unsigned int *seed)
{
	struct source *of = &source[rand_r(seed) % sources];
	uint64_t until = clock_ns() + rand_r(seed) % WIDEST_NS;

	if (of->open) {
		source_close(s, of);
		return;
	}
	__atomic_add_fetch(&of->life, 1, __ATOMIC_SEQ_CST);
	of->opened_ns = clock_ns();
	of->pair = pair_open(listener, of->name, 0);
	of->open = true;
	if (!(rand_r(seed) % 4))
		s->early += verdict_of(of) != XDP_DROP;
	while (clock_ns() < until)
		;
	if (sources == 1)
		source_close(s, of);
	else
		s->early += verdict_of(of) != XDP_DROP;
}

static void source_make(const struct family *f, unsigned int number, struct source *out)
{
	const struct frame syn = { out->name, f->deaf, 2000, 25, .flags = SYN };

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(out->name, sizeof(out->name), f->source, number / 250, number % 250 + 1);
#pragma GCC diagnostic pop
	out->open = false;
	out->life = 0;
	out->refused_ns = 0;
	out->frame_len = frame_build(&syn, out->frame);
}

/* Returns the word in which its refusal is noted. */
static struct word word_of(struct gate *g, const struct source *s)
{
	struct pair p = pair_open(listener, s->name, 0);
	struct word found;

	assert_int_equal(verdict_of(s), XDP_DROP);
	assert_int_equal(words_find(g, &found), 1);
	pair_close(&p);
	return found;
}

/* Takes candidates until `wanted` of them share a line. */
static void sources_find(struct gate *g, const struct family *f, unsigned int wanted)
{
	static unsigned int has[LINES], who[LINES][SHARING];
	unsigned int i, n;
	struct source s;

	memset(has, 0, sizeof(has));
	for (i = 0; i < CANDIDATES; i++) {
		source_make(f, i, &s);
		word = word_of(g, &s);
		who[word.line][has[word.line]++] = i;
		if (has[word.line] == wanted)
			break;
	}
	assert_true(i < CANDIDATES);
	for (n = 0; n < wanted; n++)
		source_make(f, who[word.line][n], &source[n]);
	sources = wanted;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void distribution_print(void)
{
	static const unsigned int percent[] = { 0, 1, 10, 50, 90, 99 };
	size_t i;

	qsort(before, (size_t)ends, sizeof(*before), by_size);
	print_message("%ld ends; the last SYN refused had begun before them, us:", ends);
	for (i = 0; ends && i < sizeof(percent) / sizeof(*percent); i++)
		print_message(" %u%% %.1f", percent[i], (double)before[ends * percent[i] / 100] / 1000);
	print_message("\n");
}

static void race(struct gate *g, const struct family *f, unsigned int wanted)
{
	unsigned int seed = 1, n;
	struct seen s = {};
	pthread_t thread;
	long i;

	listener = pair_listen(f->here, 25);
	sources_find(g, f, wanted);
	over = false;
	ends = overdue = 0;
	before = calloc((size_t)rounds + SHARING, sizeof(*before));
	assert_int_equal(pthread_create(&thread, NULL, hammer, g), 0);
	for (i = 0; i < rounds; i++)
		round_run(&s, &seed);
	for (n = 0; n < sources; n++)
		if (source[n].open)
			source_close(&s, &source[n]);
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	close(listener);
	print_message("%ld rounds: %ld passed too early, %ld refused too late, %ld for good; worst %llu us\n", rounds,
		      s.early, s.late + overdue, s.closed_late, (unsigned long long)s.worst_ns / 1000);
	distribution_print();
	free(before);
	assert_int_equal(s.early, 0);
	assert_int_equal(s.late + overdue, 0);
}

static void test_no_SYN_passes_before_a_slot_is_free_and_none_is_refused_after(void **state)
{
	race(*state, &families[0], 1);
}

static void test_the_same_holds_for_IPv6(void **state)
{
	race(*state, &families[1], 1);
}

static void test_the_same_holds_for_sources_that_share_a_line(void **state)
{
	race(*state, &families[0], SHARING);
}

static void test_the_same_holds_for_prefixes_of_IPv6_that_share_a_line(void **state)
{
	race(*state, &families[1], SHARING);
}

static int open_gate(void **state)
{
	static bool routed;
	struct gate *g = calloc(1, sizeof(*g));
	char path[PIN_PATH_LEN];

	assert_int_equal(netns_enter_one(NULL, 0), 0);
	space_leave_closed(25);
	if (!routed)
		assert_int_equal(system("ip -6 route add local fd00::/16 dev lo"), 0);
	routed = true;
	gate_open(g, POLICY);
	pin_path(g->instance, PIN_PROBE, path);
	gate_fd = bpf_obj_get(path);
	*state = g;
	return 0;
}

static int close_gate(void **state)
{
	close(gate_fd);
	gate_close(*state);
	free(*state);
	return 0;
}

#define RACE(f) cmocka_unit_test_setup_teardown(f, open_gate, close_gate)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		RACE(test_no_SYN_passes_before_a_slot_is_free_and_none_is_refused_after),
		RACE(test_the_same_holds_for_IPv6),
		RACE(test_the_same_holds_for_sources_that_share_a_line),
		RACE(test_the_same_holds_for_prefixes_of_IPv6_that_share_a_line),
	};

	if (argc > 1)
		rounds = strtol(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
