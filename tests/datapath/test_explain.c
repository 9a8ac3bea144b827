/* SPDX-License-Identifier: BSD-2-Clause */
/* explain says of a SYN what then becomes of it, and asking changes nothing. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <cmocka.h>

#include "gate.h"
#include "internal.h"
#include "reason.h"
#include "space.h"

#define ROUNDS 10 /* engines; each gets policies one after the other, over the state that the previous one left */
#define POLICIES 3
#define SYNS 340 /* after each policy; a round ends before a reservation does, so that time changes nothing */
#define SOURCES 40
#define STATE_ROOM 4096

static const char *const locals[] = { "203.0.113.5", "203.0.113.7", "2001:db8::25", "2001:db8::27" };
static const uint16_t ports[] = { 25, 143, 110, 22 };

/* The countries of some of the sources above. */
static const char countries[] = "10.0.0.0/28,FR\n10.0.0.16/29,IT\n2001:db8:1::/63,FR\n2001:db8:1:4::/63,IT\n";
static char database[] = "/tmp/sluice-explain-XXXXXX.csv";

static void limits_add(FILE *out, int set)
{
	if (rand() % 2)
		fprintf(out, " max-connections = %d", 4 + rand() % (set ? 12 : 60));
	if (rand() % 3)
		fprintf(out, " max-connections-per-source = %d", 1 + rand() % 6);
	if (rand() % 3 == 0)
		fprintf(out, " max-rate = %d/1h", 4 + rand() % (set ? 8 : 80));
	if (set || rand() % 3 == 0)
		fprintf(out, " max-rate-per-source = %d/30m", rand() % 8);
	if (rand() % 4 == 0)
		fprintf(out, " max-connections-per-network = %d", 1 + rand() % 12);
	if (rand() % 4 == 0)
		fprintf(out, " max-rate-per-network = %d/%dm", 1 + rand() % 12, 20 + rand() % 2);
}

static void set_add(FILE *out, int i)
{
	static const char *const prefixes[] = { "10.0.0.0/28", "10.0.0.0/29", "2001:db8:1::/61", "10.0.0.8",
						"2001:db8:1::/48" };
	int action = rand() % 4;

	fprintf(out, "source-set s%d { prefixes = {%s} priority = %d", i, prefixes[rand() % 5], rand() % 3);
	if (action < 2)
		fprintf(out, " action = %s", action ? "allow" : "deny");
	else
		limits_add(out, 1);
	if (rand() % 4 == 0)
		fputs(" countries = {IT}", out);
	if (rand() % 4 == 0)
		fprintf(out, " ipv4-prefix = %d ipv6-prefix = %d", 30 + rand() % 3, 62 + rand() % 3);
	if (rand() % 2)
		fputs(" services = {smtp, pop}", out);
	fputs(" }\n", out);
}

static void policy_make(char *text, size_t size)
{
	static const char *const services[] = { "smtp", "imap", "pop", "mx2" };
	FILE *out = fmemopen(text, size, "w");
	int i;

	assert_non_null(out);
	fprintf(out, "interfaces = {lo}\nmode = %s\nsources { ipv4-prefix = %d ipv4-network = %d ipv6-network = %d }\n",
		rand() % 4 ? "enforce" : "observe", rand() % 4 ? 32 : 30, 26 + rand() % 3, 60 + rand() % 2);
	fprintf(out, "geoip { database = {%s} }\n", database);
	if (rand() % 3 == 0)
		fprintf(out, "syn-flood { pressure-syn-rate = %d/1h }\n", 10 + rand() % 60);
	for (i = 0; i < 4; i++) {
		fprintf(out, "service %s { ports = {%d}", services[i], i == 3 ? 25 : ports[i]);
		if (i == 3)
			fputs(" addresses = {203.0.113.7, 2001:db8::27}", out);
		limits_add(out, 0);
		if (rand() % 4 == 0)
			fprintf(out, " max-syn-rate-per-source = %d/1h", 1 + rand() % 4);
		if (rand() % 4 == 0)
			fprintf(out, " %s-countries = {FR}", rand() % 2 ? "deny" : "allow");
		fprintf(out, " on-excess = %s }\n", rand() % 2 ? "drop" : "reset");
	}
	for (i = rand() % 5; i; i--)
		set_add(out, i);
	fclose(out);
}

static void live_make(struct gate *g)
{
	static const char *const prefixes[] = { "10.0.0.3", "10.0.0.0/30", "2001:db8:1:2::/64", "2001:db8:1::/62",
						"10.0.0.16/28" };
	struct prefix p;
	const char *why;
	int i;

	for (i = 0; i < 5; i++) {
		assert_int_equal(prefix_parse(prefixes[i], &p, &why), 0);
		if (rand() % 3 == 0)
			assert_int_equal(live_set(g->engine, rand() % 3 ? LIVE_BAN : LIVE_ALLOW, &p, 3600, 0, ""), 0);
	}
}

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len--)
		hash = (hash ^ *p++) * 1099511628211ULL; /* FNV-1a */
	return hash;
}

/* All tables that packets change, except `shared`, whose rows nobody in this test reaches. */
static const char *const tables[] = { "sources",       "handshakes",  "totals",	      "handshake_load", "guards",
				      "socket_tuples", "pressures",   "suspects",     "stats",		"control",
				      "stamps",	       "sketch",      "fragments",    "tally",		"countries",
				      "no_room",       "connections", "audits",	      "syncookies",	"budgets",
				      "peaks",	       "networks",    "rates",	      "shared_rates",	"shared_held",
				      "total_rates",   "fleet",	      "fleet_leases", "arrivals",	"known" };

static int pinned(const struct gate *g, const char *name)
{
	char path[PIN_PATH_LEN];
	int fd;

	pin_path(g->instance, name, path);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

/* Returns how much a lookup writes. */
static size_t value_bytes(const struct bpf_map_info *info)
{
	if (info->type != BPF_MAP_TYPE_PERCPU_ARRAY && info->type != BPF_MAP_TYPE_PERCPU_HASH)
		return info->value_size;
	return (size_t)(info->value_size + 7) / 8 * 8 * libbpf_num_possible_cpus();
}

static uint64_t state_digest(const struct gate *g)
{
	static uint8_t key[128], next[128], value[STATE_ROOM];
	struct bpf_map_info info = {};
	uint64_t hash = 14695981039346656037ULL;
	size_t i, bytes;
	int fd, more;
	__u32 len;

	for (i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		fd = pinned(g, tables[i]);
		len = sizeof(info);
		assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
		bytes = value_bytes(&info);
		assert_true(bytes <= sizeof(value));
		memset(value, 0, bytes);
		for (more = !bpf_map_get_next_key(fd, NULL, next); more; more = !bpf_map_get_next_key(fd, key, next)) {
			memcpy(key, next, info.key_size);
			bpf_map_lookup_elem(fd, key, value);
			hash = mix(mix(hash, key, info.key_size), value, bytes);
		}
		close(fd);
	}
	return hash;
}

static void frame_make(struct frame *f, char from[static 64])
{
	int ipv6 = rand() % 2;

	if (ipv6)
		snprintf(from, 64, "2001:db8:1:%x::%x", rand() % (SOURCES / 4), rand() % 4);
	else
		snprintf(from, 64, "10.0.0.%d", rand() % SOURCES);
	*f = (struct frame){ from, locals[ipv6 * 2 + rand() % 2], 1000 + rand() % 6, ports[rand() % 4], .flags = SYN };
}

static void explain(const struct gate *g, const struct frame *f, struct sluice_explanation *out)
{
	struct sluice_tuple syn = { .source_port = htons(f->from_port), .local_port = htons(f->to_port) };

	assert_int_equal(addr_parse(f->from, &syn.source), 0);
	assert_int_equal(addr_parse(f->to, &syn.local), 0);
	assert_int_equal(engine_explain(g->engine, &syn, out), 0);
}

static const char *text_of(const struct frame *f, char buf[static 160])
{
	snprintf(buf, 160, "%s:%d -> %s:%d", f->from, f->from_port, f->to, f->to_port);
	return buf;
}

static enum sluice_verdict verdict_of(enum sluice_reason why, int xdp)
{
	if (xdp == XDP_TX)
		return why == SLUICE_COOKIE_SENT ? SLUICE_VERDICT_COOKIE : SLUICE_VERDICT_RESET;
	return xdp == XDP_PASS ? SLUICE_VERDICT_PASS : SLUICE_VERDICT_DROP;
}

#define CONTESTED                                                                                                  \
	(1ULL << SLUICE_SOURCE_CONNECTIONS | 1ULL << SLUICE_SET_CONNECTIONS | 1ULL << SLUICE_SERVICE_CONNECTIONS | \
	 1ULL << SLUICE_NETWORK_CONNECTIONS | 1ULL << SLUICE_SOURCE_RATE | 1ULL << SLUICE_NETWORK_RATE |           \
	 1ULL << SLUICE_SET_RATE | 1ULL << SLUICE_SERVICE_RATE)

/* Time alone makes a guard firm, and a full source contested. Then a client that was to be refused may first answer. */
static bool time_came_between(enum sluice_reason said, enum sluice_reason why)
{
	static unsigned int times;

	if ((why != SLUICE_COOKIE_SENT && why != SLUICE_UNPROVEN) || !((1ULL << said) & CONTESTED))
		return false;
	assert_true(++times < 20);
	return true;
}

static void one_compare(struct gate *g, const char *policy, unsigned int seen[SLUICE_REASONS])
{
	enum sluice_reason why = SLUICE_REASONS;
	struct sluice_explanation said;
	char from[64], text[160];
	struct frame f;
	int verdict;

	frame_make(&f, from);
	explain(g, &f, &said);
	verdict = gate_send(g, &f, &why);
	seen[why]++;
	if (time_came_between(said.reason == SLUICE_OBSERVE ? said.observed : said.reason, why))
		return;
	if (said.reason != why || said.verdict != verdict_of(why, verdict))
		fail_msg("%s: explained as %s, verdict %u, but sent: %s, XDP %d\n%s", text_of(&f, text),
			 reason_label(said.reason), said.verdict, reason_label(why), verdict, policy);
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec + (now.tv_nsec - start->tv_nsec) / 1e9;
}

static unsigned int round_compare(unsigned int seen[SLUICE_REASONS])
{
	char policy[4096];
	struct timespec start;
	unsigned int i, done = 0;
	struct gate g;

	policy_make(policy, sizeof(policy));
	gate_open(&g, policy);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (i = 0; i < POLICIES * SYNS && seconds_since(&start) < 2.5; i++, done++) {
		if (i % SYNS == SYNS - 1) {
			policy_make(policy, sizeof(policy));
			gate_apply(&g, policy);
			live_make(&g);
		}
		one_compare(&g, policy, seen);
	}
	gate_close(&g);
	return done;
}

static void test_explain_agrees_with_the_gate_ten_thousand_times(void **state)
{
	unsigned int seen[SLUICE_REASONS] = {}, done = 0, i, reasons = 0;

	(void)state;
	srand(5);
	while (done < ROUNDS * POLICIES * SYNS)
		done += round_compare(seen);
	for (i = 0; i < SLUICE_REASONS; i++) {
		reasons += seen[i] != 0;
		if (seen[i])
			print_message("    %-20s %u\n", reason_label(i), seen[i]);
	}
	assert_true(reasons >= 14);
	assert_true(seen[SLUICE_COOKIE_SENT] && seen[SLUICE_SYN_RATE] && seen[SLUICE_COUNTRY]);
}

/* Sends frames about which nobody asks explain, but for which it must leave the tables alone, too. */
static void explain_anything(int fd)
{
	static const uint8_t flags[] = { SYN, ACK, ACK | PSH, FIN | ACK, RST, SYN | FIN, 0, SYN | ACK };
	uint8_t frame[FRAME_ROOM], out[FRAME_ROOM];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_out = out, .data_size_out = sizeof(out));
	struct frame f;
	char from[64];

	frame_make(&f, from);
	f.flags = flags[rand() % 8];
	f.seq = rand();
	f.ack_seq = rand();
	f.id = rand() % 8;
	f.first_fragment = rand() % 3 == 0;
	f.fragment_offset = rand() % 3 == 0;
	f.payload = 300;
	opts.data_size_in = frame_build(&f, frame);
	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
	assert_int_equal(opts.retval, XDP_PASS);
}

/* Ends the kernel's timer for good, since a new value frees the one in the element (kernel/bpf/arraymap.c). */
static void sweeper_stop(const struct gate *g)
{
	const struct bpf_timer none = {};
	const uint32_t zero = 0;
	int fd = pinned(g, "sweeper");

	assert_int_equal(bpf_map_update_elem(fd, &zero, &none, BPF_ANY), 0);
	close(fd);
}

static void explaining_compare(const char *policy)
{
	unsigned int seen[SLUICE_REASONS] = {}, i;
	struct sluice_explanation said;
	uint64_t before;
	char from[64];
	struct frame f;
	struct gate g;
	int fd;

	gate_open(&g, policy);
	live_make(&g);
	for (i = 0; i < 150; i++)
		one_compare(&g, policy, seen);
	sweeper_stop(&g);
	fd = pinned(&g, "prog_explain");
	before = state_digest(&g);
	for (i = 0; i < 1000; i++) {
		frame_make(&f, from);
		explain(&g, &f, &said);
		explain_anything(fd);
	}
	assert_true(state_digest(&g) == before);
	one_compare(&g, policy, seen);
	assert_false(state_digest(&g) == before);
	close(fd);
	gate_close(&g);
}

static void test_explaining_changes_no_table(void **state)
{
	char policy[4096];

	(void)state;
	srand(6);
	policy_make(policy, sizeof(policy));
	explaining_compare(policy);
	/* Services are under pressure, guarded, and have sources full of unanswered handshakes. */
	explaining_compare("interfaces = {lo}\nsyn-flood { pressure-syn-rate = 40/1h }\n"
			   "service smtp { ports = {25} max-connections-per-source = 2 max-connections = 30 }\n"
			   "service imap { ports = {143} max-syn-rate-per-source = 3/1h max-rate-per-source = 4/1h }\n"
			   "service pop { ports = {110} on-excess = reset }\n");
}

static void test_explanation_has_the_counts_and_limits_that_decided(void **state)
{
	struct frame f = { "10.0.0.9", "203.0.113.5", 1001, 25, .flags = SYN };
	struct sluice_explanation said;
	enum sluice_reason why;
	struct gate g;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nsources { ipv4-prefix = 24 }\n"
		      "service smtp { ports = {25} max-connections = 9 max-connections-per-source = 2 "
		      "max-rate-per-source = 5/1h }\n");
	for (f.from_port = 1001; f.from_port <= 1002; f.from_port++)
		gate_send(&g, &f, &why);
	explain(&g, &f, &said);
	assert_int_equal(said.reason, SLUICE_SOURCE_CONNECTIONS);
	assert_int_equal(said.counts[0].held, 2);
	assert_int_equal(said.counts[0].events, 2);
	assert_int_equal(said.counts[0].limit.connections, 2);
	assert_int_equal(said.counts[0].limit.rate, 5);
	assert_int_equal(said.counts[2].held, 2);
	assert_int_equal(said.counts[2].limit.connections, 9);
	assert_int_equal(ntohl(said.source.addr.word[3]), 0x0a000000);
	f.from_port = 1001;
	explain(&g, &f, &said);
	assert_int_equal(said.reason, SLUICE_ADMITTED); /* it has a reservation */
	gate_close(&g);
}

/* Two of the services have a listener, so that cookies can be sent for them. */
static int prepare(void **state)
{
	const uint16_t listening[] = { 25, 143 };
	int fd = mkstemps(database, 4);

	(void)state;
	if (fd < 0 || write(fd, countries, strlen(countries)) != (ssize_t)strlen(countries))
		return -1;
	close(fd);
	return netns_enter_one(listening, 2);
}

static int cleanup(void **state)
{
	(void)state;
	return unlink(database);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_explain_agrees_with_the_gate_ten_thousand_times),
		cmocka_unit_test(test_explaining_changes_no_table),
		cmocka_unit_test(test_explanation_has_the_counts_and_limits_that_decided),
	};

	return cmocka_run_group_tests_name("explain", tests, prepare, cleanup);
}
