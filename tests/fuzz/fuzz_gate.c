/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_gate [SECONDS [SEED]]: first compares the gate with full sources with a gate without its express lane, by segments and refused SYNs;
 * then sends random and mutated frames through the gate, calm, under pressure and with a full service, and compares each verdict with the
 * judge's. Some frames have the 4-tuple of a socket that is there. The seeds are real: this program talks to itself over IPv4 and IPv6, and
 * captures that. It needs root, and makes a network namespace of its own. Prints figures at the end; status 1 means a disagreement.
 * fuzz_gate lane FRAMES [SEED]: compares only the lane with the order of checks, by FRAMES segments, and SYNs until FRAMES were refused.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "engine.h"
#include "frames.h"
#include "internal.h"
#include "judge.h"
#include "order.h"
#include "parse.h"
#include "reason.h"
#include "sockets.h"
#include "tables.h"

#define BATCH 1024
#define TRIES 3
#define STANDING_MAX 32768 /* half of a service's share of handshakes */

#define POLICY                \
	"interfaces = {lo}\n" \
	"source-set foes { prefixes = {198.51.100.0/24, 2001:db8:bad::/48} action = deny }\n"

#define NO_PRESSURE "syn-flood { pressure-syn-rate = 0 pressure-half-open = 0 pressure-expired = 0 }\n"
#define CALM "service smtp { ports = {25} }\n" NO_PRESSURE
#define PRESSED "service smtp { ports = {25} }\nsyn-flood { pressure-syn-rate = 1/1s }\n"
#define SOURCES_FULL "service smtp { ports = {25} max-connections-per-source = %u }\n" NO_PRESSURE
#define FULL "service smtp { ports = {25} max-connections = %u }\n" NO_PRESSURE

static uint64_t counts[OPINIONS][4]; /* opinion x verdict */
static uint64_t again; /* how often gate and order were asked once more */

static void die(const char *what)
{
	fprintf(stderr, "fuzz_gate: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int namespace_enter(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd, tune;

	if (unshare(CLONE_NEWNET))
		die("unshare");
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	tune = open("/proc/sys/net/ipv4/tcp_syncookies", O_WRONLY);
	if (ioctl(fd, SIOCSIFFLAGS, &lo) || write(tune, "2", 1) != 1)
		die("namespace");
	close(tune);
	close(fd);
	fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	return fd;
}

static int listener_open(void)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(25) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 128))
		die("listen");
	return fd;
}

/* Runs a session, whose frames become seeds. */
static void session_run(int listener, const char *to)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(25) };
	int client = socket(AF_INET6, SOCK_STREAM, 0), server;
	char text[64];

	inet_pton(AF_INET6, to, &at.sin6_addr);
	if (connect(client, (struct sockaddr *)&at, sizeof(at)))
		die(to);
	server = accept(listener, NULL, NULL);
	if (write(server, "220 here\r\n", 10) != 10 || read(client, text, sizeof(text)) < 1 ||
	    write(client, "QUIT\r\n", 6) != 6 || read(server, text, sizeof(text)) < 1)
		die("session");
	close(client);
	close(server);
}

static bool agree(enum opinion opinion, uint32_t verdict)
{
	static const bool fine[OPINIONS][4] = {
		[MUST_PASS] = { [XDP_PASS] = true },
		[MUST_DROP] = { [XDP_DROP] = true },
		[MAY_EITHER] = { [XDP_PASS] = true, [XDP_DROP] = true },
		[MAY_ANSWER] = { [XDP_PASS] = true, [XDP_TX] = true },
		[MAY_ANYTHING] = { [XDP_PASS] = true, [XDP_DROP] = true, [XDP_TX] = true },
	};

	return verdict < 4 && fine[opinion][verdict];
}

struct gates {
	int gate, explain; /* programs */
};

/* Returns what explain says of it, a moment later. */
static const char *reason_of(int explain, struct seed *s)
{
	union {
		struct sluice_explanation explanation;
		uint8_t bytes[ROOM];
	} out;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = s->bytes, .data_size_in = (uint32_t)s->len, .data_out = &out,
		    .data_size_out = sizeof(out));

	if (s->len < sizeof(out.explanation) || bpf_prog_test_run_opts(explain, &opts))
		return "?";
	return reason_label(out.explanation.reason);
}

static void show(const struct gates *g, struct seed *s, enum opinion opinion, uint32_t verdict)
{
	size_t i, len = s->len;

	if (s->len < sizeof(struct sluice_explanation))
		s->len = sizeof(struct sluice_explanation); /* it is written over the frame */
	printf("opinion %d, verdict %u, %s:", opinion, verdict, reason_of(g->explain, s));
	s->len = len;
	for (i = 0; i < s->len; i++)
		printf(" %02x", s->bytes[i]);
	putchar('\n');
}

static bool frame_try(const struct gates *g, struct seed *s, const struct circumstances *now)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = s->bytes, .data_size_in = (uint32_t)s->len);
	enum opinion opinion;

	if (bpf_prog_test_run_opts(g->gate, &opts))
		die("test run");
	opinion = judge(s->bytes, s->len, now);
	if (opts.retval < 4)
		counts[opinion][opts.retval]++;
	if (agree(opinion, opts.retval))
		return true;
	show(g, s, opinion, opts.retval);
	return false;
}

static struct engine *engine_load(const char *instance, const char *more)
{
	char path[] = "/tmp/sluice-fuzz-XXXXXX";
	struct engine *e = NULL;
	struct policy *p = NULL;
	struct diag d = {};
	bool resumed;
	int fd = mkstemp(path);

	dprintf(fd, POLICY "%s", more);
	close(fd);
	if (policy_parse_file(path, NULL, &p, &d) || engine_open(instance, p, &e, &resumed, &d) ||
	    engine_commit(e, p, &d))
		die(d.count ? d.item[0].text : "engine");
	unlink(path);
	policy_free(p);
	return e;
}

static int program_open(const char *instance, const char *name)
{
	char path[PIN_PATH_LEN];

	pin_path(instance, name, path);
	return bpf_obj_get(path);
}

/*
 * Attaches a program to an interface at which nothing comes in, because each test run of a program that is attached nowhere patches the
 * kernel's code twice, and waits for all processors (kernel/bpf/dispatcher.c).
 */
static void program_warm(int prog)
{
	static unsigned int number;
	char name[16], line[64];

	snprintf(name, sizeof(name), "warm%u", number++);
	snprintf(line, sizeof(line), "ip link add %s type veth", name);
	if (system(line) || bpf_xdp_attach((int)if_nametoindex(name), prog, XDP_FLAGS_SKB_MODE, NULL))
		die("attach");
}

struct run {
	int listener;
	double seconds; /* of a phase */
	unsigned long refused; /* if not 0, the lane's phase alone runs, until so many frames were refused */
	uint64_t frames;
};

/*
 * Compares the gate's verdict with the order's. With `refused`, a frame that passes is not judged twice, because it may have been charged. If they
 * differ, both are asked again: a handshake may have run out between them, but a refusal that outlived its reason stands.
 */
static bool lane_agrees(const struct gates *g, struct order *o, struct seed *s, bool refused, uint32_t *verdict)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = s->bytes, .data_size_in = (uint32_t)s->len);
	int i;

	for (i = 0; i < TRIES; i++) {
		again += i != 0;
		if (bpf_prog_test_run_opts(g->gate, &opts))
			die("test run");
		*verdict = opts.retval;
		if ((refused && *verdict == XDP_PASS) || order_verdict(o, s->bytes, s->len) == (int)*verdict)
			return true;
	}
	show(g, s, MAY_EITHER, *verdict);
	return false;
}

/* Draws so many frames, and returns how many of them the gate refuses. It shows those that the order does not refuse. */
static unsigned long lane_try(const struct gates *g, struct order *o, unsigned int frames, unsigned long *bad)
{
	unsigned long refused = 0;
	uint32_t verdict;
	struct seed s;

	for (; frames; frames--) {
		syn_draw(&s);
		*bad += !lane_agrees(g, o, &s, true, &verdict);
		refused += verdict != XDP_PASS;
	}
	return refused;
}

/* Compares every verdict on segments: they charge nothing, as long as nobody asks which of them completes a handshake. */
static void segments_try(const struct gates *g, struct order *o, struct run *run, unsigned long *bad)
{
	const unsigned long most = run->refused;
	time_t end = time(NULL) + (time_t)(run->seconds / 2);
	unsigned long segments = 0, pass = 0;
	enum sluice_reason why;
	uint32_t verdict;
	struct seed s;

	while ((most ? segments < most : time(NULL) < end) && *bad < 20) {
		if (!(segments++ % BATCH))
			sockets_refresh(run->listener);
		segment_draw(&s);
		*bad += !lane_agrees(g, o, &s, false, &verdict);
		pass += verdict == XDP_PASS;
	}
	if (!*bad && !order_counted(o, false, again, &why)) {
		++*bad;
		printf("lane and order count segments differently: %s\n", reason_label(why));
	}
	printf("lane against order: %lu segments, %lu passed, %lu disagreements\n", segments, pass, *bad);
	run->frames += segments;
}

/* Allows and bans an address each in the prefix from which the captured frames of IPv6 come. */
static void exceptions_make(struct engine *e)
{
	struct prefix allowed, banned;
	const char *why;

	if (prefix_parse("::7", &allowed, &why) || prefix_parse("::9", &banned, &why) ||
	    live_set(e, LIVE_ALLOW, &allowed, 0, 0, NULL) || live_set(e, LIVE_BAN, &banned, 0, 0, NULL))
		die("live verdicts");
}

/* Returns how often the gate with and the gate without its lane disagree: about segments, then about SYNs that the gate refuses. */
static unsigned long phase_lane(struct run *run, const char *more)
{
	unsigned long bad = 0, refused = 0;
	char instance[32];
	time_t end;
	struct engine *e;
	struct order *o;
	struct diag d = {};
	enum sluice_reason why;
	struct gates g;

	snprintf(instance, sizeof(instance), "fuzz%d", getpid());
	e = engine_load(instance, more);
	exceptions_make(e);
	g = (struct gates){ program_open(instance, "prog_gate"), program_open(instance, "prog_explain") };
	o = order_open(instance);
	if (!o)
		die("the gate without its lane");
	program_warm(g.gate);
	program_warm(order_program(o));
	segments_try(&g, o, run, &bad);
	end = time(NULL) + (time_t)(run->seconds / 2);
	while ((run->refused ? refused < run->refused : time(NULL) < end) && bad < 20) {
		sockets_refresh(run->listener);
		refused += lane_try(&g, o, BATCH, &bad);
		run->frames += BATCH;
	}
	if (!bad && !order_counted(o, true, again, &why)) {
		bad++;
		printf("lane and order count differently: %s\n", reason_label(why));
	}
	printf("lane against order: %lu refused frames, %lu asked again, %lu disagreements\n", refused,
	       (unsigned long)again, bad);
	close(g.gate);
	close(g.explain);
	order_close(o);
	engine_close(e);
	engine_unload(instance, &d);
	return bad;
}

/* Waits until a further handshake certainly finds room, as the judge takes for granted. */
static void room_await(const struct engine *e)
{
	const __u32 service = 1; /* the only one */
	struct sluice_pressure p;

	do {
		if (bpf_map_lookup_elem(e->map[MAP_pressures], &service, &p))
			die("pressures");
	} while (p.embryonic > STANDING_MAX && !usleep(10000));
}

/* Returns how often gate and judge disagree. */
static unsigned long phase(struct run *run, const char *more, const struct circumstances *now)
{
	char instance[32];
	struct gates g;
	struct engine *e;
	struct seed s = { .len = 0 };
	unsigned long bad = 0;
	struct diag d = {};
	time_t end = time(NULL) + (time_t)run->seconds;
	int i;

	snprintf(instance, sizeof(instance), "fuzz%d", getpid());
	e = engine_load(instance, more);
	g = (struct gates){ program_open(instance, "prog_gate"), program_open(instance, "prog_explain") };
	while (time(NULL) < end && bad < 20) {
		sockets_refresh(run->listener);
		room_await(e);
		for (i = 0; i < BATCH; i++) {
			frame_draw(&s);
			bad += !frame_try(&g, &s, now);
		}
		run->frames += (uint64_t)i;
	}
	close(g.gate);
	close(g.explain);
	engine_close(e);
	engine_unload(instance, &d);
	return bad;
}

static unsigned long phases(struct run *run)
{
	const struct circumstances room = { .owned = sockets_own, .lately = sockets_owned_lately };
	const struct circumstances full = { .owned = sockets_own, .lately = sockets_owned_lately, .full = true };
	char limit[256], sources[256];

	snprintf(sources, sizeof(sources), SOURCES_FULL, sockets_connections() / 2);
	snprintf(limit, sizeof(limit), FULL, sockets_connections());
	if (run->refused)
		return phase_lane(run, sources);
	return phase_lane(run, sources) + phase(run, CALM, &room) + phase(run, PRESSED, &room) +
	       phase(run, limit, &full);
}

int main(int argc, char **argv)
{
	struct run run = { .seconds = (argc > 1 ? strtod(argv[1], NULL) : 60) / 4 };
	unsigned long bad;
	size_t captured;
	uint64_t seed;
	int packets, i;

	if (argc > 2 && !strcmp(argv[1], "lane")) {
		run.refused = strtoul(argv[2], NULL, 10);
		argc--;
		argv++;
	}
	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL) * 2654435761u + 1;
	printf("seed %lu\n", (unsigned long)seed);
	draws_begin(seed);
	packets = namespace_enter();
	run.listener = listener_open();
	session_run(run.listener, "::1");
	session_run(run.listener, "::ffff:127.0.0.1");
	captured = seeds_take(packets);
	sockets_open(run.listener);
	bad = phases(&run);
	for (i = 0; i < OPINIONS && !run.refused; i++)
		printf("%-12s drop %9lu  pass %9lu  answer %9lu\n",
		       (const char *[]){ "must pass", "must drop", "may either", "may answer", "may anything" }[i],
		       (unsigned long)counts[i][XDP_DROP], (unsigned long)counts[i][XDP_PASS],
		       (unsigned long)counts[i][XDP_TX]);
	printf("%lu frames from %zu captured ones, %lu disagreements\n", (unsigned long)run.frames, captured, bad);
	return bad != 0;
}
