/* SPDX-License-Identifier: BSD-2-Clause */
/* Nanoseconds per packet by BPF_PROG_TEST_RUN, all in one run: the gate next to programs that only pass or drop. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <cmocka.h>

#include "gate.h"

#define ROUNDS 7
#define REPEAT 500000
#define SINGLES 5000
#define SERVER "203.0.113.5"
#define LOCAL "127.0.0.1"

enum { PASS_BARE, DROP_BARE, UNPROTECTED, ESTABLISHED, REFUSED, RETRANSMITTED, PASS_ONCE, ADMITTED, CASES };

static const char *const names[CASES] = {
	"bare pass",   "bare drop",	     "other port",	  "established",
	"refused SYN", "admitted SYN again", "bare pass, singly", "admitted SYN, singly",
};
/* A SYN is admitted for the first time only once: these two are run one by one, each with its cost of starting the clock. */
static const int base_of[CASES] = { [ADMITTED] = PASS_ONCE, [PASS_ONCE] = PASS_ONCE };

static int bare_program(int verdict)
{
	const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = verdict },
					  { .code = BPF_JMP | BPF_EXIT } };

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "bare", "GPL", insns, 2, NULL);
}

static unsigned int bare_ns(int fd, const uint8_t *frame, size_t len, unsigned int repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len, .repeat = repeat);

	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
	return opts.duration;
}

static unsigned int gate_ns(struct gate *g, struct frame f)
{
	uint8_t frame[FRAME_ROOM];
	size_t len = frame_build(&f, frame), none = 0;
	unsigned int ns = 0;

	assert_true(engine_probe(g->engine, frame, len, NULL, &none, REPEAT, &ns) >= 0);
	return ns;
}

/* Mean over SINGLES packets of different sources. */
static unsigned int singly_ns(struct gate *g, int bare, int round)
{
	struct frame f = { NULL, SERVER, 1001, 143, .flags = SYN };
	uint64_t sum = 0;
	uint8_t frame[FRAME_ROOM];
	unsigned int ns = 0;
	char from[32];
	size_t len, none;
	int i;

	for (i = 0; i < SINGLES; i++) {
		snprintf(from, sizeof(from), "10.%d.%d.%d", round + 1, i / 250, i % 250);
		f.from = from;
		len = frame_build(&f, frame);
		none = 0;
		if (bare >= 0)
			ns = bare_ns(bare, frame, len, 1);
		else
			assert_int_equal(engine_probe(g->engine, frame, len, NULL, &none, 1, &ns), XDP_PASS);
		sum += ns;
	}
	return sum / SINGLES;
}

/* One real connection from port 1001, admitted by the gate, in a namespace of its own; it lives as long as this program. */
static void connection_make(struct gate *g)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(25) };
	struct frame f = { LOCAL, LOCAL, 1001, 25, .flags = SYN };
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	enum sluice_reason why;

	inet_pton(AF_INET, LOCAL, &at.sin_addr);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)) | listen(listener, 1), 0);
	gate_send(g, &f, &why);
	assert_int_equal(why, SLUICE_ADMITTED);
	at.sin_port = htons(1001);
	assert_int_equal(bind(client, (struct sockaddr *)&at, sizeof(at)), 0);
	at.sin_port = htons(25);
	assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof(at)), 0);
}

static void namespace_enter(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	close(fd);
}

static int by_number(const void *a, const void *b)
{
	return *(const unsigned int *)a < *(const unsigned int *)b ? -1 : 1;
}

static void round_run(struct gate *g, const int bare[2], unsigned int (*ns)[ROUNDS], int i)
{
	struct frame f = { "10.0.0.1", SERVER, 1001, 143, .flags = SYN };
	uint8_t frame[FRAME_ROOM];
	size_t len = frame_build(&f, frame);
	enum sluice_reason why;

	gate_send(g, &f, &why);
	ns[PASS_BARE][i] = bare_ns(bare[0], frame, len, REPEAT);
	ns[DROP_BARE][i] = bare_ns(bare[1], frame, len, REPEAT);
	ns[RETRANSMITTED][i] = gate_ns(g, f);
	f = (struct frame){ LOCAL, LOCAL, 1002, 25, .flags = SYN };
	ns[REFUSED][i] = gate_ns(g, f);
	f.from_port = 1001;
	f.flags = ACK;
	ns[ESTABLISHED][i] = gate_ns(g, f);
	f.to_port = 22;
	ns[UNPROTECTED][i] = gate_ns(g, f);
	ns[PASS_ONCE][i] = singly_ns(g, bare[0], i);
	ns[ADMITTED][i] = singly_ns(g, -1, i);
}

static void bench(void **state)
{
	const int bare[2] = { bare_program(XDP_PASS), bare_program(XDP_DROP) };
	unsigned int ns[CASES][ROUNDS];
	struct gate g;
	int i;

	(void)state;
	namespace_enter();
	gate_open(&g, "interfaces = {lo}\nservice smtp { ports = {25} max-connections-per-source = 1 }\n"
		      "service imap { ports = {143} max-connections-per-source = 90000 max-rate-per-source = 9/1m }\n");
	connection_make(&g);
	for (i = 0; i < ROUNDS; i++)
		round_run(&g, bare, ns, i);
	gate_close(&g);
	printf("%-28s %8s %8s %8s %14s\n", "ns per packet", "least", "median", "most", "over bare pass");
	for (i = 0; i < CASES; i++)
		qsort(ns[i], ROUNDS, sizeof(ns[i][0]), by_number);
	for (i = 0; i < CASES; i++)
		printf("%-28s %8u %8u %8u %14d\n", names[i], ns[i][0], ns[i][ROUNDS / 2], ns[i][ROUNDS - 1],
		       (int)ns[i][ROUNDS / 2] - (int)ns[base_of[i]][ROUNDS / 2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bench) };

	return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
