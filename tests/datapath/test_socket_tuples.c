/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filter of the 4-tuples of sockets never hides a socket from the gate: not while audits end, and not when there are so many sockets that
 * it has to grow. Every source here has the one connection that it may have, so a SYN of it is refused unless it is sent on the 4-tuple of that
 * connection.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "internal.h"
#include "lane_gate.h"

#define HERE "127.0.0.1"
#define POLICY                                          \
	"interfaces = {lo}\nsources { max = 100000 }\n" \
	"service smtp { ports = {25} max-connections-per-source = 1 }\n"
#define PORT 3000 /* the first; a port for each connection, since the filter takes all addresses of the host for one */
#define SYNS 20000
#define HOLDERS 3 /* processes, since one may not have so many files open */
#define HELD 8000 /* connections of each */
#define MANY (HOLDERS * HELD) /* each has two sockets here: more than the filter begins with has room for */
#define SAMPLE 17 /* one connection in this many is asked about */

static bool over;

static int open_gate(void **state)
{
	static const struct lane_hosts hosts = { .here = HERE };

	return lane_gate_open(state, &hosts, POLICY);
}

static int verdict_of(int gate, const struct frame *f)
{
	uint8_t frame[FRAME_ROOM];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = frame_build(f, frame));

	assert_int_equal(bpf_prog_test_run_opts(gate, &opts), 0);
	return opts.retval;
}

static void audit(struct gate *g)
{
	struct diag d = {};
	long drift;

	assert_int_equal(engine_audit(g->engine, &drift, &d), 0);
}

static void *audits_run(void *arg)
{
	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE))
		audit(arg);
	return NULL;
}

static void test_a_SYN_on_the_tuple_of_a_connection_reaches_it_while_audits_end(void **state)
{
	const struct frame own = { .from = HERE, .to = HERE, .from_port = PORT, .to_port = 25, .flags = SYN };
	struct frame other = own;
	struct gate *g = *state;
	struct pair p = pair_open(lane_listener, HERE, PORT);
	int gate, refused = 0, i;
	pthread_t audits;
	char path[PIN_PATH_LEN];

	pin_path(g->instance, PIN_PROBE, path);
	gate = bpf_obj_get(path);
	other.from_port++;
	assert_int_equal(verdict_of(gate, &other), XDP_DROP);
	assert_int_equal(pthread_create(&audits, NULL, audits_run, g), 0);
	for (i = 0; i < SYNS; i++)
		refused += verdict_of(gate, &own) != XDP_PASS;
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	pthread_join(audits, NULL);
	assert_int_equal(refused, 0);
	close(gate);
	pair_close(&p);
}

static const char *source_name(int i, char name[static 32])
{
	snprintf(name, 32, "127.1.%d.%d", i / 250, i % 250);
	return name;
}

/* Returns how many of the connections a SYN on their own 4-tuple does not reach. */
static int lost_count(struct gate *g)
{
	struct frame f = { .to = HERE, .from_port = PORT, .to_port = 25, .flags = SYN };
	char name[32];
	int lost = 0, i;

	for (i = 0; i < MANY; i += SAMPLE) {
		f.from = source_name(i, name);
		f.from_port = PORT + i;
		lost += gate_reason(g, &f) != SLUICE_ESTABLISHED;
		f.from_port = PORT + i + 1;
		assert_int_equal(gate_reason(g, &f), SLUICE_SOURCE_CONNECTIONS);
	}
	return lost;
}

/* A process that holds connections until it is told to end. */
struct holder {
	pid_t pid;
	int told; /* the test's end of a socket: the holder sends a byte when it is ready, and ends when this is closed */
};

static void hold(int told, int first)
{
	const struct rlimit files = { 2 * HELD + 100, 2 * HELD + 100 };
	char name[32];
	int i;

	if (setrlimit(RLIMIT_NOFILE, &files))
		_exit(1);
	for (i = first; i < first + HELD; i++)
		pair_open(lane_listener, source_name(i, name), PORT + i);
	if (write(told, "", 1) == 1)
		read(told, name, 1);
	_exit(0);
}

static struct holder holder_start(int first)
{
	struct holder h;
	int ends[2];
	char ready;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	h.told = ends[0];
	h.pid = fork();
	assert_true(h.pid >= 0);
	if (!h.pid) {
		close(ends[0]);
		hold(ends[1], first);
	}
	close(ends[1]);
	assert_int_equal(read(h.told, &ready, 1), 1);
	return h;
}

static void holder_end(const struct holder *h)
{
	close(h->told);
	assert_int_equal(waitpid(h->pid, NULL, 0), h->pid);
}

/* Returns how many bits number the words of the smaller set. */
static __u32 bits_least(struct gate *g)
{
	struct sluice_control now;
	__u32 read, fill;

	assert_int_equal(control_read(g->engine, &now), 0);
	read = SLUICE_SOCKETS_READ_BITS(now.sockets);
	fill = SLUICE_SOCKETS_FILL_BITS(now.sockets);
	return read < fill ? read : fill;
}

static void crowd_begin(struct holder h[HOLDERS])
{
	int i;

	for (i = 0; i < HOLDERS; i++)
		h[i] = holder_start(i * HELD);
}

static void crowd_end(const struct holder h[HOLDERS])
{
	int i;

	for (i = HOLDERS - 1; i >= 0; i--) /* each has the sockets of those before it, too */
		holder_end(&h[i]);
}

static void test_the_filter_grows_with_the_sockets_and_shrinks_again_and_finds_all_of_them(void **state)
{
	struct holder h[HOLDERS];
	struct gate *g = *state;
	int i;

	crowd_begin(h);
	assert_int_equal(lost_count(g), 0);
	/* The tracker knows the servers' ends, for which there is room. The first audit counts the clients' ends, too. */
	for (i = 0; i < 2; i++) {
		assert_int_equal(engine_audit_hurries(g->engine), i);
		audit(g);
		assert_int_equal(lost_count(g), 0);
	}
	assert_false(engine_audit_hurries(g->engine));
	audit(g);
	assert_int_equal(lost_count(g), 0);
	assert_int_equal(bits_least(g), SLUICE_SOCKETS_BITS_LEAST + 1);
	crowd_end(h);
	for (i = 0; i < 3; i++)
		audit(g);
	assert_int_equal(bits_least(g), SLUICE_SOCKETS_BITS_LEAST);
	assert_false(engine_audit_hurries(g->engine));
}

/* A busy host makes more sockets in the half minute between two audits than there are in the second before an early one. */
static void test_an_audit_that_came_early_shrinks_nothing(void **state)
{
	struct holder h[HOLDERS];
	struct gate *g = *state;

	crowd_begin(h);
	audit(g);
	crowd_end(h);
	assert_true(engine_audit_hurries(g->engine));
	audit(g);
	assert_false(engine_audit_hurries(g->engine));
	assert_int_equal(bits_least(g), SLUICE_SOCKETS_BITS_LEAST + 1);
	audit(g);
	assert_int_equal(bits_least(g), SLUICE_SOCKETS_BITS_LEAST);
}

#define SOCKETS(f) cmocka_unit_test_setup_teardown(f, open_gate, lane_gate_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SOCKETS(test_a_SYN_on_the_tuple_of_a_connection_reaches_it_while_audits_end),
		SOCKETS(test_the_filter_grows_with_the_sockets_and_shrinks_again_and_finds_all_of_them),
		SOCKETS(test_an_audit_that_came_early_shrinks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
