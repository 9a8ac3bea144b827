/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_gate [SECONDS [SEED]]: random and mutated frames through the real gate, calm, under pressure and with its service full, each
 * verdict against the judge's; then with its sources full, each refusal against that of a gate without its express lane; a part of them has the 4-tuple of a socket that is there. The seeds are real: this program talks to itself over IPv4 and IPv6, and takes what it hears. In a network
 * namespace of its own, as root. Ends with the figures; 1 when gate and judge disagree.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
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

#include "engine.h"
#include "judge.h"
#include "order.h"
#include "parse.h"
#include "reason.h"
#include "sockets.h"

#define ROOM 2048
#define SEEDS 256

#define POLICY                \
	"interfaces = {lo}\n" \
	"source-set foes { prefixes = {198.51.100.0/24, 2001:db8:bad::/48} action = deny }\n"

#define NO_PRESSURE "syn-flood { pressure-syn-rate = 0 pressure-half-open = 0 pressure-expired = 0 }\n"
#define CALM "service smtp { ports = {25} }\n" NO_PRESSURE
#define PRESSED "service smtp { ports = {25} }\nsyn-flood { pressure-syn-rate = 1/1s }\n"
#define SOURCES_FULL "service smtp { ports = {25} max-connections-per-source = %u }\n" NO_PRESSURE
#define FULL "service smtp { ports = {25} max-connections = %u }\n" NO_PRESSURE

struct seed {
	uint8_t bytes[ROOM];
	size_t len;
};

static struct seed seeds[SEEDS];
static size_t seeds_count;
static uint64_t state, counts[4][4]; /* opinion x verdict */

static void die(const char *what)
{
	fprintf(stderr, "fuzz_gate: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* xorshift64* (Marsaglia; Vigna). */
static uint32_t draw(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 2685821657736338717ULL) >> 33) % below;
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

/* One session, whose frames become seeds. */
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

static void seeds_take(int packets)
{
	ssize_t n;

	while (seeds_count < SEEDS &&
	       (n = recv(packets, seeds[seeds_count].bytes, ROOM - 64, MSG_DONTWAIT)) >= ETH_HLEN) {
		seeds[seeds_count++].len = (size_t)n;
	}
}

static void bytes_insert(struct seed *s, size_t at, const void *what, size_t len)
{
	if (at > s->len || s->len + len > ROOM)
		return;
	memmove(s->bytes + at + len, s->bytes + at, s->len - at);
	memcpy(s->bytes + at, what, len);
	s->len += len;
}

/* Before what follows the IPv6 header, which says so. */
static void extension_add(struct seed *s)
{
	static const uint8_t kinds[] = { 0, 43, 44, 51, 60 };
	uint8_t extension[8] = { s->bytes[20] };
	uint16_t len = (uint16_t)(s->bytes[18] << 8 | s->bytes[19]) + 8;

	extension[3] = (uint8_t)(draw(4) ? 0 : draw(3) ? draw(2) : draw(64));
	extension[7] = (uint8_t)draw(4);
	s->bytes[20] = kinds[draw(5)];
	bytes_insert(s, 54, extension, sizeof(extension));
	if (!draw(64))
		return;
	s->bytes[18] = (uint8_t)(len >> 8);
	s->bytes[19] = (uint8_t)len;
}

/* A source route and as many options that do nothing as fill the header. */
static void options_add(struct seed *s)
{
	uint8_t options[40];
	size_t words = draw(10) + 1;

	if (s->bytes[14] != 0x45)
		return;
	memset(options, 1, sizeof(options));
	options[0] = draw(2) ? 131 : 137;
	options[1] = (uint8_t)(draw(4) ? 3 : draw(44));
	options[2] = (uint8_t)draw(8);
	if (draw(2))
		options[0] = 1;
	bytes_insert(s, 34, options, words * 4);
	s->bytes[14] = (uint8_t)(0x45 + words);
	s->bytes[17] += (uint8_t)(draw(16) ? words * 4 : 0);
}

/* Headers that seeds on a loopback have none of. */
static void headers_add(struct seed *s)
{
	static const uint8_t tag[4] = { 0x81, 0, 0, 1 }, outer[4] = { 0x88, 0xa8, 0, 1 };
	bool v6 = s->len > 54 && s->bytes[12] == 0x86;
	uint32_t n;

	if (v6 && !draw(3))
		for (n = draw(8) ? draw(3) + 1 : draw(70); n; n--)
			extension_add(s);
	if (!v6 && !draw(6) && s->len > 34)
		options_add(s);
	if (!draw(4))
		for (n = draw(6) ? 1 : draw(11); n; n--)
			bytes_insert(s, 12, draw(2) ? tag : outer, 4);
}

static size_t tcp_of(const struct seed *s)
{
	return s->len > 54 && s->bytes[12] == 0x86 ? 54 : 34;
}

/* Where it matters: flags, lengths, fragments, ports, addresses. */
static void fields_change(struct seed *s)
{
	size_t tcp = tcp_of(s);

	if (s->len < tcp + 20)
		return;
	if (draw(2))
		s->bytes[tcp + 13] = (uint8_t)draw(64);
	if (!draw(6))
		s->bytes[tcp + 12] = (uint8_t)(draw(16) << 4);
	if (!draw(6))
		s->bytes[tcp == 54 ? 19 : 17] = (uint8_t)draw(80);
	if (!draw(40))
		memset(s->bytes + (tcp == 54 ? 18 : 16), 0, 2);
	if (tcp == 34 && !draw(4)) {
		s->bytes[20] = (uint8_t)(draw(2) << 5);
		s->bytes[21] = (uint8_t)(draw(2) ? 0 : draw(8));
		s->bytes[19] = (uint8_t)draw(4);
	}
	if (!draw(3))
		memcpy(s->bytes + tcp + 2, draw(4) ? "\0\x19" : "\0\x16", 2);
	if (!draw(8))
		memcpy(s->bytes + (tcp == 54 ? 22 : 26), tcp == 54 ? "\x20\x01\x0d\xb8\x0b\xad" : "\xc6\x33\x64",
		       tcp == 54 ? 6 : 3);
	if (!draw(4))
		s->bytes[tcp == 54 ? 37 : 29] = (uint8_t)draw(256);
}

/* The 4-tuple of a socket, where the family is the same. */
static void tuple_borrow(struct seed *s)
{
	const struct tuple *t = sockets_tuple(draw(64));
	size_t tcp = tcp_of(s), at = tcp == 54 ? 22 : 26;

	if (s->len < tcp + 20 || t->addr_len != (tcp == 54 ? 16 : 4))
		return;
	memcpy(s->bytes + at, t->source, t->addr_len);
	memcpy(s->bytes + at + t->addr_len, t->local, t->addr_len);
	memcpy(s->bytes + tcp, t->ports, sizeof(t->ports));
}

static void mutate(struct seed *s)
{
	uint32_t i, n;

	fields_change(s);
	if (!draw(3))
		tuple_borrow(s);
	headers_add(s);
	if (!draw(64))
		s->bytes[0] ^= 1;
	if (draw(4))
		sums_mend(s->bytes, s->len);
	if (!draw(3))
		for (i = 0, n = draw(8) + 1; i < n; i++)
			s->bytes[draw((uint32_t)s->len)] ^= (uint8_t)(1 << draw(8));
	if (!draw(8))
		s->len = draw((uint32_t)s->len) + 1;
	else if (!draw(16))
		s->len += draw(64);
	if (s->len < ETH_HLEN)
		s->len = ETH_HLEN; /* the least that a test run takes */
	if (!draw(32))
		for (i = 0; i < s->len; i++)
			s->bytes[i] = (uint8_t)draw(256);
	if (s->len > ROOM - 64)
		s->len = ROOM - 64;
}

static bool agree(enum opinion opinion, uint32_t verdict)
{
	static const bool fine[4][4] = {
		[MUST_PASS] = { [XDP_PASS] = true },
		[MUST_DROP] = { [XDP_DROP] = true },
		[MAY_EITHER] = { [XDP_PASS] = true, [XDP_DROP] = true },
		[MAY_ANSWER] = { [XDP_PASS] = true, [XDP_TX] = true },
	};

	return verdict < 4 && fine[opinion][verdict];
}

struct gates {
	int gate, explain; /* programs */
};

/* What explain says of it, a moment later. */
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
	char pin[128];

	snprintf(pin, sizeof(pin), "/sys/fs/bpf/sluice/%s/%s", instance, name);
	return bpf_obj_get(pin);
}

struct run {
	int listener;
	double seconds; /* of a phase */
	uint64_t frames;
};

static void frame_draw(struct seed *s)
{
	const struct seed *from = &seeds[draw((uint32_t)seeds_count)];

	memcpy(s->bytes, from->bytes, from->len);
	s->len = from->len;
	mutate(s);
}

/* A SYN, most often, of a source that is full. */
static void syn_draw(struct seed *s)
{
	const struct seed *from = &seeds[draw((uint32_t)seeds_count)];

	frame_draw(s);
	if (draw(3)) {
		memcpy(s->bytes, from->bytes, from->len);
		s->len = from->len;
		if (!draw(4))
			fields_change(s);
		if (!draw(16))
			tuple_borrow(s);
	}
	if (s->len > 54 && draw(8))
		s->bytes[tcp_of(s) + 13] = 2;
}

/* Disagreements of the gate with and without its lane, about what it refuses. What it lets pass the lane had no part in. */
static unsigned long phase_lane(struct run *run, const char *more)
{
	time_t end = time(NULL) + (time_t)run->seconds;
	char instance[32];
	struct seed s = { .len = 0 };
	unsigned long bad = 0, refused = 0;
	struct engine *e;
	struct order *o;
	struct diag d = {};
	int gate, i;

	snprintf(instance, sizeof(instance), "fuzz%d", getpid());
	e = engine_load(instance, more);
	gate = program_open(instance, "prog_gate");
	o = order_open(instance);
	if (!o)
		die("the gate without its lane");
	while (time(NULL) < end && bad < 20) {
		sockets_refresh(run->listener);
		for (i = 0; i < 1024; i++) {
			LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = s.bytes);

			syn_draw(&s);
			opts.data_size_in = (uint32_t)s.len;
			if (bpf_prog_test_run_opts(gate, &opts))
				die("test run");
			if (opts.retval != XDP_DROP)
				continue;
			refused++;
			if (!order_agrees(o, gate, s.bytes, s.len)) {
				bad++;
				show(&(struct gates){ gate, program_open(instance, "prog_explain") }, &s, MAY_EITHER,
				     opts.retval);
			}
		}
		run->frames += (uint64_t)i;
	}
	printf("lane against order: %lu refused frames, %lu disagreements\n", refused, bad);
	close(gate);
	order_close(o);
	engine_close(e);
	engine_unload(instance, &d);
	return bad;
}

/* Disagreements. */
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
		for (i = 0; i < 1024; i++) {
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
	const struct circumstances room = { .owned = sockets_own }, full = { .owned = sockets_own, .full = true };
	char limit[256], sources[256];

	snprintf(sources, sizeof(sources), SOURCES_FULL, sockets_connections() / 2);
	snprintf(limit, sizeof(limit), FULL, sockets_connections());
	return phase_lane(run, sources) + phase(run, CALM, &room) + phase(run, PRESSED, &room) +
	       phase(run, limit, &full);
}

int main(int argc, char **argv)
{
	struct run run = { .seconds = (argc > 1 ? strtod(argv[1], NULL) : 60) / 4 };
	unsigned long bad;
	int packets, i;

	state = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL) * 2654435761u + 1;
	printf("seed %lu\n", (unsigned long)state);
	packets = namespace_enter();
	run.listener = listener_open();
	session_run(run.listener, "::1");
	session_run(run.listener, "::ffff:127.0.0.1");
	seeds_take(packets);
	sockets_open(run.listener);
	bad = phases(&run);
	for (i = 0; i < 4; i++)
		printf("%-11s drop %9lu  pass %9lu  answer %9lu\n",
		       (const char *[]){ "must pass", "must drop", "may either", "may answer" }[i],
		       (unsigned long)counts[i][XDP_DROP], (unsigned long)counts[i][XDP_PASS],
		       (unsigned long)counts[i][XDP_TX]);
	printf("%lu frames from %zu captured ones, %lu disagreements\n", (unsigned long)run.frames, seeds_count, bad);
	return bad != 0;
}
