/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_stages [REPEAT [fleet]] measures where a packet's nanoseconds go, by BPF_PROG_TEST_RUN of packets that end at one stage after the
 * other, and what the verifier made of the programs. It prints {"stages": [{"name", "after", "ns": [a figure a round], "mean_ns": [the same]}],
 * "programs": [{"name", "verified", "instructions", "bytes"}]}. `after` names the stage whose work this one includes. With `fleet` all limits
 * hold over two hosts.
 *
 * A packet that can be sent again is run in a loop, and finds all tables in the processor's caches. A SYN is new only once, so it is run by
 * itself, each with another source: `ns` is the median then, and `mean_ns` the mean. The two differ by the interrupts that come in between,
 * which are few and long; the longest are those in which the kernel fetches memory for further elements of a table.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <cmocka.h>

#include "gate.h"
#include "internal.h"
#include "space.h"

#define ROUNDS 7
#define SINGLES 3000 /* all rounds of them fit into the share of handshakes that one of three services has */
#define SERVER "203.0.113.5"
#define LOCAL "127.0.0.1"
#define POLICY(fleet)                                                                                       \
	"interfaces = {lo}\nservice smtp { ports = {25} max-connections-per-source = 1 deny-countries = "   \
	"{AQ} " fleet "}\n"                                                                                 \
	"service imap { ports = {143} max-connections-per-source = 90000 max-rate-per-source = 9/1m " fleet \
	"}\nservice pop { ports = {110} max-syn-rate-per-source = 1/1h " fleet "}\n"                        \
	"source-set foes { prefixes = {192.0.2.0/24} action = deny }\n"
#define SHARED_BY_TWO "fleet { servers = {192.0.2.9:6379} secret-file = /etc/hostname }\n"
#define CALM "syn-flood { pressure-half-open = 60000 pressure-syn-rate = 9000000/1s pressure-expired = 9000000/1s }\n"
#define PRESSED "syn-flood { pressure-syn-rate = 1/1s }\n"
/* Under PLAIN the gate does not ask the trie at all; with LOCATED it asks only for the country of a connection that is let in. */
#define PLAIN \
	"interfaces = {lo}\nservice imap { ports = {143} max-connections-per-source = 90000 max-rate-per-source = 9/1m }\n" CALM
#define LOCATED "geoip { database = {\"/usr/share/tor/geoip\", \"/usr/share/tor/geoip6\"} }\n"

/* Many services, so that the share of each is small. */
#define CROWDED_PORT 5000
#define CROWD (SLUICE_MAX_HANDSHAKES / SLUICE_POLICY_SERVICES)

/* All but REPEATED and CROWDED run singly, which adds the cost of starting the clock. Each has a policy of its own. */
enum how { REPEATED, SINGLY, COOKIE, IN_PLAIN, IN_LOCATED, CROWDED };

struct stage {
	const char *name, *after; /* NULL for a bare program */
	struct frame frame;
	enum how how;
	int bare; /* the verdict of a program that does nothing else; 0 stands for the gate */
	unsigned int ns[ROUNDS];
	unsigned int mean_ns[ROUNDS]; /* of packets that run singly; otherwise 0 */
};

static struct stage stages[] = {
	{ "bare XDP_PASS", NULL, { SERVER, LOCAL, 1002, 25, .flags = SYN }, .bare = XDP_PASS },
	{ "bare XDP_DROP", NULL, { SERVER, LOCAL, 1002, 25, .flags = SYN }, .bare = XDP_DROP },
	{ "no TCP: Ethernet, IP; counted", "bare XDP_PASS", { SERVER, LOCAL, 1002, 25, .protocol = 17 } },
	{ "port of no service: TCP, port table",
	  "no TCP: Ethernet, IP; counted",
	  { SERVER, LOCAL, 1002, 22, .flags = SYN } },
	{ "impossible flags: service, checks",
	  "port of no service: TCP, port table",
	  { SERVER, LOCAL, 1002, 25, .flags = SYN | FIN } },
	{ "denied: trie, class, rule; live bans, allows",
	  "impossible flags: service, checks",
	  { "192.0.2.1", LOCAL, 1002, 25, .flags = SYN } },
	{ "established: trie, class, rule; live; guard, sampling",
	  "impossible flags: service, checks",
	  { LOCAL, LOCAL, 1001, 25, .flags = ACK } },
	{ "refused by its limit: counter of the source",
	  "denied: trie, class, rule; live bans, allows",
	  { LOCAL, LOCAL, 1002, 25, .flags = SYN } },
	{ "refused by its SYN rate: clock, sketch",
	  "refused by its limit: counter of the source",
	  { SERVER, LOCAL, 1002, 110, .flags = SYN } },
	{ "SYN again: its handshake",
	  "refused by its limit: counter of the source",
	  { SERVER, LOCAL, 1001, 143, .flags = SYN } },
	{ "bare XDP_PASS, singly", NULL, { SERVER, LOCAL, 1001, 143, .flags = SYN }, .how = SINGLY, .bare = XDP_PASS },
	{ "admitted: socket lookup, three counters, handshake",
	  "bare XDP_PASS, singly",
	  { SERVER, LOCAL, 1001, 143, .flags = SYN },
	  .how = SINGLY },
	{ "bare XDP_PASS, singly again",
	  NULL,
	  { SERVER, LOCAL, 1001, 143, .flags = SYN },
	  .how = COOKIE,
	  .bare = XDP_PASS },
	{ "SYN cookie: made, answered",
	  "bare XDP_PASS, singly again",
	  { SERVER, LOCAL, 1001, 25, .flags = SYN },
	  .how = COOKIE },
	{ "admitted, no set and no database",
	  "bare XDP_PASS, singly",
	  { SERVER, LOCAL, 1001, 143, .flags = SYN },
	  .how = IN_PLAIN },
	{ "the same with a database: trie, for its count",
	  "admitted, no set and no database",
	  { SERVER, LOCAL, 1001, 143, .flags = SYN },
	  .how = IN_LOCATED },
	{ "refused: its service has its share of handshakes",
	  "bare XDP_PASS",
	  { SERVER, LOCAL, 1001, CROWDED_PORT, .flags = SYN },
	  .how = CROWDED },
};

#define STAGES (sizeof(stages) / sizeof(stages[0]))

static unsigned int repeat = 500000;
static bool fleet;

static int bare_program(int verdict)
{
	const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = verdict },
					  { .code = BPF_JMP | BPF_EXIT } };

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "bare", "GPL", insns, 2, NULL);
}

static unsigned int frame_ns(struct gate *g, int bare, const struct frame *f, unsigned int times)
{
	uint8_t frame[FRAME_ROOM];
	size_t len = frame_build(f, frame), none = 0;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len, .repeat = times);
	unsigned int ns = 0;

	if (bare < 0) {
		assert_true(engine_probe(g->engine, frame, len, NULL, &none, times, &ns) >= 0);
		return ns;
	}
	assert_int_equal(bpf_prog_test_run_opts(bare, &opts), 0);
	return opts.duration;
}

static int ns_compare(const void *a, const void *b)
{
	const unsigned int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Measures packets of different sources. */
static void singly_run(struct gate *g, struct stage *s, int bare, int round, int sources)
{
	static unsigned int ns[SINGLES];
	struct frame f = s->frame;
	uint64_t sum = 0;
	char from[32];
	int i;

	f.from = from;
	for (i = 0; i < SINGLES; i++) {
		snprintf(from, sizeof(from), "10.%d.%d.%d", sources + 1, i / 250, i % 250);
		ns[i] = frame_ns(g, bare, &f, 1);
		sum += ns[i];
	}
	qsort(ns, SINGLES, sizeof(*ns), ns_compare);
	s->ns[round] = ns[SINGLES / 2];
	s->mean_ns[round] = sum / SINGLES;
}

/* Runs the stages of one policy. Each policy's SYNs come from sources of their own. */
static void round_run(struct gate *g, int round, enum how policy)
{
	struct stage *s;
	int bare;

	for (s = stages; s < stages + STAGES; s++) {
		if ((s->how == REPEATED ? SINGLY : s->how) != policy)
			continue;
		bare = s->bare ? bare_program(s->bare) : -1;
		if (s->how == REPEATED || s->how == CROWDED)
			s->ns[round] = frame_ns(g, bare, &s->frame, repeat);
		else
			singly_run(g, s, bare, round, round + ROUNDS * (policy - SINGLY));
		if (bare >= 0)
			close(bare);
	}
}

static void crowd_policy(char *policy, size_t room)
{
	int len = snprintf(policy, room, "interfaces = {lo}\nsyn-flood { cookies = false }\n");
	int i;

	for (i = 0; i < SLUICE_POLICY_SERVICES; i++)
		len += snprintf(policy + len, room - len, "service s%d { ports = {%d} }\n", i, CROWDED_PORT + i);
}

/*
 * Makes so many unanswered handshakes that there is no room for another, for the 3 s that they last. It makes more than the share, since
 * earlier ones, which ran out, fill some buckets.
 */
static void crowd_make(struct gate *g, int round)
{
	struct frame f = { NULL, LOCAL, 1001, CROWDED_PORT, .flags = SYN };
	enum sluice_reason why;
	char from[32];
	int i;

	f.from = from;
	for (i = 0; i < CROWD * 2; i++) {
		snprintf(from, sizeof(from), "10.%d.%d.%d", 200 + round, i / 250, i % 250);
		frame_ns(g, -1, &f, 1);
	}
	snprintf(from, sizeof(from), "10.%d.255.1", 200 + round);
	gate_send(g, &f, &why);
	assert_int_equal(why, SLUICE_TABLE_FULL);
}

/* Makes a real connection from port 1001, which the gate has admitted. It lives as long as this program. */
static void connection_make(struct gate *g)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(1001) };
	struct frame f = { LOCAL, LOCAL, 1001, 25, .flags = SYN };
	int client = socket(AF_INET, SOCK_STREAM, 0);
	enum sluice_reason why;

	inet_pton(AF_INET, LOCAL, &at.sin_addr);
	gate_send(g, &f, &why);
	assert_int_equal(why, SLUICE_ADMITTED);
	assert_int_equal(bind(client, (struct sockaddr *)&at, sizeof(at)), 0);
	at.sin_port = htons(25);
	assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof(at)), 0);
}

static void rounds_print(const char *name, const unsigned int ns[ROUNDS])
{
	int r;

	printf(", \"%s\": [", name);
	for (r = 0; r < ROUNDS; r++)
		printf("%s%u", r ? ", " : "", ns[r]);
	printf("]");
}

static void stages_print(void)
{
	const struct stage *s;

	printf("{\"stages\": [");
	for (s = stages; s < stages + STAGES; s++) {
		printf("%s{\"name\": \"%s\", \"after\": %s%s%s", s > stages ? ", " : "", s->name, s->after ? "\"" : "",
		       s->after ?: "null", s->after ? "\"" : "");
		rounds_print("ns", s->ns);
		if (s->mean_ns[0])
			rounds_print("mean_ns", s->mean_ns);
		printf("}");
	}
	printf("], ");
}

static void program_print(const char *instance, const char *pin, const char *between)
{
	struct bpf_link_info link = {};
	struct bpf_prog_info info = {};
	__u32 len = sizeof(link);
	char path[PIN_PATH_LEN];
	int fd;

	pin_path(instance, pin, path);
	fd = bpf_obj_get(path);
	if (!strncmp(pin, "link_", 5)) {
		assert_int_equal(bpf_obj_get_info_by_fd(fd, &link, &len), 0);
		close(fd);
		fd = bpf_prog_get_fd_by_id(link.prog_id);
	}
	len = sizeof(info);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	printf("%s{\"name\": \"%s\", \"verified\": %u, \"instructions\": %zu, \"bytes\": %u}", between, info.name,
	       info.verified_insns, info.xlated_prog_len / sizeof(struct bpf_insn), info.jited_prog_len);
}

/* Tells the gate that there are two hosts, and that the store answers. */
static void fleet_begin(struct gate *g)
{
	const struct sluice_fleet row = { .secret = { 1, 2 }, .valid_until_ns = ~0ULL, .hosts = 2 };
	const __u32 zero = 0;

	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_fleet], &zero, &row, BPF_ANY), 0);
}

static void bench(void)
{
	static const char *const pins[] = { "prog_gate",      "prog_explain", "prog_reap",
					    "prog_audit_end", "link_track",   "link_audit" };
	char crowded[SLUICE_POLICY_SERVICES * 80];
	const uint16_t ports[] = { 25, CROWDED_PORT };
	struct gate g;
	size_t i;
	int r;

	assert_int_equal(netns_enter_one(ports, 2), 0);
	gate_open(&g, fleet ? POLICY("fleet = true ") SHARED_BY_TWO CALM : POLICY("") CALM);
	connection_make(&g);
	if (fleet)
		fleet_begin(&g);
	for (r = 0; r < ROUNDS; r++)
		round_run(&g, r, SINGLY);
	gate_apply(&g, fleet ? POLICY("fleet = true ") SHARED_BY_TWO PRESSED : POLICY("") PRESSED);
	for (r = 0; r < ROUNDS; r++)
		round_run(&g, r, COOKIE);
	gate_close(&g); /* with it goes the pressure */
	gate_open(&g, PLAIN);
	for (r = 0; r < ROUNDS; r++) {
		gate_apply(&g, PLAIN);
		round_run(&g, r, IN_PLAIN);
		gate_apply(&g, PLAIN LOCATED);
		round_run(&g, r, IN_LOCATED);
	}
	crowd_policy(crowded, sizeof(crowded));
	gate_apply(&g, crowded);
	for (r = 0; r < ROUNDS; r++) {
		crowd_make(&g, r);
		round_run(&g, r, CROWDED);
	}
	stages_print();
	printf("\"programs\": [");
	for (i = 0; i < sizeof(pins) / sizeof(*pins); i++)
		program_print(g.instance, pins[i], i ? ", " : "");
	printf("]}\n");
	gate_close(&g);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		repeat = (unsigned int)strtoul(argv[1], NULL, 10);
	fleet = argc > 2 && !strcmp(argv[2], "fleet");
	bench();
	return 0;
}
