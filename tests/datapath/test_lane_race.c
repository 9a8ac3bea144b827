/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_lane_race [ROUNDS]: the set of refusals against the ends of connections. One processor sends SYNs of a source without a pause, so that
 * its refusal is noted as soon as it is true; another opens the one connection that the source may have, and closes it at any moment from then
 * on. While it stands no SYN passes; once close() has returned none is refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <cmocka.h>

#include "gate.h"
#include "internal.h"
#include "space.h"

#define HERE "127.0.0.1"
#define DEAF "127.0.0.2" /* ours, and nobody listens there: a SYN that passes takes nothing */
#define POLICY                                        \
	"interfaces = {lo}\nsources { max = 1000 }\n" \
	"service smtp { ports = {25} max-connections-per-source = 1 }\n"
#define WIDEST_NS 40000 /* a connection lives no longer */
#define STANDS_NS 10000 /* a note, at most */

static long rounds = 20000;
static int gate_fd, listener;
static bool over;
static uint8_t frame[FRAME_ROOM];
static size_t frame_len;
static __u32 line; /* of the source, in the set */

static int verdict_of(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = frame_len);

	assert_int_equal(bpf_prog_test_run_opts(gate_fd, &opts), 0);
	return opts.retval;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Wherever the source's word stands, it is gone. */
static void words_drop(struct gate *g)
{
	static const struct sluice_refusals none;

	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_refusals], &line, &none, BPF_ANY), 0);
}

/* Has the refusal noted anew every few microseconds, so that the note comes at any moment of a connection's life. */
static void *hammer(void *arg)
{
	struct gate *g = arg;
	unsigned int seed = 2;
	uint64_t until;

	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		verdict_of();
		until = now_ns() + rand_r(&seed) % STANDS_NS;
		while (now_ns() < until)
			;
		words_drop(g);
	}
	return NULL;
}

static int client_open(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(25) };
	const struct linger at_once = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, HERE, &at.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

struct seen {
	long early, late,
		closed_late; /* passed while the connection stood; refused after its end; of those: also a second later */
	uint64_t worst_ns;
};

static void late_note(struct seen *s)
{
	uint64_t from = now_ns(), gone = 0;

	s->late++;
	while (verdict_of() == XDP_DROP && gone < 1000000000)
		gone = now_ns() - from;
	s->closed_late += gone >= 1000000000;
	s->worst_ns = gone > s->worst_ns ? gone : s->worst_ns;
}

static void round_run(struct seen *s, unsigned int *seed)
{
	int client = client_open(), server = accept(listener, NULL, NULL);
	uint64_t until = now_ns() + rand_r(seed) % WIDEST_NS;

	if (!(rand_r(seed) % 4))
		s->early += verdict_of() != XDP_DROP;
	while (now_ns() < until)
		;
	close(client); /* a reset: it ends the other side, too */
	if (verdict_of() == XDP_DROP)
		late_note(s);
	close(server);
}

/* Where the refusal of the source is noted. */
static void line_find(struct gate *g)
{
	struct sluice_refusals now;
	int client = client_open(), server = accept(listener, NULL, NULL);
	bool found = false;
	__u32 i, n;

	assert_int_equal(verdict_of(), XDP_DROP);
	for (i = 0; i < 1U << SLUICE_LANE_BITS_LEAST; i++) {
		assert_int_equal(bpf_map_lookup_elem(g->engine->map[MAP_refusals], &i, &now), 0);
		for (n = 0; n < SLUICE_REFUSALS_WAYS; n++) {
			line = now.word[n] ? i : line;
			found |= now.word[n] != 0;
		}
	}
	assert_true(found);
	close(client);
	close(server);
}

static void test_no_SYN_passes_before_a_slot_is_free_and_none_is_refused_after(void **state)
{
	const struct frame f = { HERE, DEAF, 2000, 25, .flags = SYN };
	struct gate *g = *state;
	unsigned int seed = 1;
	struct seen s = {};
	pthread_t thread;
	char path[128];
	long i;

	snprintf(path, sizeof(path), PINS_ROOT "/%s/" PIN_PROBE, g->instance);
	gate_fd = bpf_obj_get(path);
	frame_len = frame_build(&f, frame);
	line_find(g);
	assert_int_equal(pthread_create(&thread, NULL, hammer, g), 0);
	for (i = 0; i < rounds; i++)
		round_run(&s, &seed);
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	close(gate_fd);
	print_message("%ld rounds: %ld passed too early, %ld refused too late, %ld for good; worst %llu us\n", rounds,
		      s.early, s.late, s.closed_late, (unsigned long long)s.worst_ns / 1000);
	assert_int_equal(s.early, 0);
	assert_int_equal(s.late, 0);
}

static int open_gate(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(25) };
	struct gate *g = calloc(1, sizeof(*g));

	assert_int_equal(netns_enter_one(NULL, 0), 0);
	space_leave_closed(25);
	inet_pton(AF_INET, HERE, &at.sin_addr);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 64), 0);
	gate_open(g, POLICY);
	*state = g;
	return 0;
}

static int close_gate(void **state)
{
	gate_close(*state);
	free(*state);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_SYN_passes_before_a_slot_is_free_and_none_is_refused_after,
						open_gate, close_gate),
	};

	if (argc > 1)
		rounds = strtol(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
