/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flood -i INTERFACE -m DST_MAC [-a | -s BASE+COUNT] [-f FLAGS,...] [-l LENGTH,...] [-S SEED] [-r PER_SECOND] [-c CPU] [-n NICE] ADDR PORT:
 * floods ADDR, as fast as one processor can or at this rate, with BPF_F_TEST_XDP_LIVE_FRAMES, from a veth end whose peer runs an XDP
 * program. It counts the SYN-ACKs that come back. Sources are COUNT addresses from BASE on (IPv6: networks of 64 bits), by default those meant
 * for benchmarks, RFC 2544's 198.18.0.0/15 and RFC 5180's 2001:2::/48; -a: the whole address space. FLAGS are TCP's as a number (2, the
 * default: SYN; 0: any). Each packet draws one of several flags, and one of several lengths of frames. The same SEED sends the same packets.
 * -c: stays on that processor; -n: its niceness. In Linux 6.1 (until d15121be7485) the kernel's own thread must run first there: otherwise the
 * flood fills the receiver's ring while nobody empties it, and what is lost there says nothing about the receiver.
 * Prints "ready", then answers each line of its input ("start", "stop", "count") with {"sent": N, "answered": N, "seconds": S} of the flood
 * that runs, or ran last; "sending" says during how many of these seconds frames were sent, without the start and end of system calls.
 */
#include <libgen.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "flood.h"
#include "tool.h"

#define CALL (1 << 17) /* frames of one system call, which takes some 30 ms to set up */
#define SOURCES4 "198.18.0.0+131072"
#define SOURCES6 "2001:2::+65536"

struct flood {
	struct bpf_object *object;
	int ifindex, prog, caught;
	size_t rate;
	uint64_t sent, sending_ns, answered_before, began_us, ended_us;
	uint32_t room; /* the most bytes of a frame */
	volatile struct flood_config *config; /* as the program sees it */
	bool going;
};

static struct bpf_object *object_load(void)
{
	char path[512], self[256] = "";
	struct bpf_object *o;

	tool_ok(readlink("/proc/self/exe", self, sizeof(self) - 1), "readlink");
	snprintf(path, sizeof(path), "%s/flood.bpf.o", dirname(self));
	o = bpf_object__open(path);
	if (!o || bpf_object__load(o))
		tool_die(path, "cannot load");
	return o;
}

static uint64_t answered(const struct flood *f)
{
	int cpus = libbpf_num_possible_cpus(), i;
	uint64_t each[cpus], sum = 0;
	uint32_t zero = 0;

	bpf_map_lookup_elem(f->caught, &zero, each);
	for (i = 0; i < cpus; i++)
		sum += each[i];
	return sum;
}

static void frames_send(struct flood *f)
{
	static uint8_t frame[FLOOD_FRAME_ROOM];
	struct xdp_md ctx = { .data_end = f->room, .ingress_ifindex = (uint32_t)f->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = f->room, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = CALL, .batch_size = FLOOD_BATCH,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	uint64_t due = f->rate ? f->began_us + f->sent * 1000000 / f->rate : 0, now = tool_now_us();

	if (f->rate)
		opts.repeat = (int)(f->rate / 10 + 1);
	if (due > now)
		usleep((useconds_t)(due - now));
	f->config->frames = f->config->first_ns = 0;
	if (bpf_prog_test_run_opts(f->prog, &opts))
		tool_die("test run", strerror(errno));
	f->sent += f->config->frames;
	f->sending_ns += f->config->last_ns - f->config->first_ns;
}

static void order_do(struct flood *f, const char *line)
{
	if (!strncmp(line, "start", 5)) {
		f->sent = f->sending_ns = 0;
		f->answered_before = answered(f);
		f->began_us = tool_now_us();
		f->going = true;
	} else if (!strncmp(line, "stop", 4)) {
		f->ended_us = tool_now_us();
		f->going = false;
	}
	printf("{\"sent\": %lu, \"answered\": %lu, \"seconds\": %.3f, \"sending\": %.6f}\n", (unsigned long)f->sent,
	       (unsigned long)(answered(f) - f->answered_before),
	       (double)((f->going ? tool_now_us() : f->ended_us) - f->began_us) / 1e6, (double)f->sending_ns / 1e9);
	fflush(stdout);
}

static void flood_open(struct flood *f, struct flood_config *c, const char *interface)
{
	struct bpf_object *o = f->object = object_load();
	struct ifreq ask = { 0 };
	int fd = (int)tool_ok(socket(AF_INET, SOCK_DGRAM, 0), "socket");

	f->ifindex = (int)if_nametoindex(interface);
	snprintf(ask.ifr_name, sizeof(ask.ifr_name), "%s", interface);
	tool_ok(ioctl(fd, SIOCGIFHWADDR, &ask), interface);
	memcpy(c->from, ask.ifr_hwaddr.sa_data, sizeof(c->from));
	f->prog = bpf_program__fd(bpf_object__find_program_by_name(o, "flood"));
	f->caught = bpf_object__find_map_fd_by_name(o, "caught");
	f->config = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED,
			 bpf_object__find_map_fd_by_name(o, "config"), 0);
	if (f->config == MAP_FAILED)
		tool_die("config", strerror(errno));
	*f->config = *c;
	/* It replaces the program that only passes, and is gone when the interface is. */
	bpf_xdp_detach(f->ifindex, 0, NULL);
	fd = bpf_program__fd(bpf_object__find_program_by_name(o, "catch"));
	if (bpf_xdp_attach(f->ifindex, fd, XDP_FLAGS_DRV_MODE, NULL))
		tool_die(interface, "cannot attach");
}

static void processor_take(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	tool_ok(sched_setaffinity(0, sizeof(set), &set), "processor");
}

static void words_set(__be32 *words, const union tool_addr *a)
{
	if (a->any.sa_family == AF_INET6)
		memcpy(words, &a->v6.sin6_addr, 16);
	else
		memcpy(words, &a->v4.sin_addr, 4);
}

static void sources_set(struct flood_config *c, const char *text)
{
	char base[INET6_ADDRSTRLEN] = "";
	union tool_addr a;

	if (sscanf(text, "%45[^+]+%u", base, &c->sources) != 2 || !c->sources)
		tool_die(text, "not BASE+COUNT");
	a = tool_addr_parse(base, 0);
	if ((a.any.sa_family == AF_INET6) != c->ipv6)
		tool_die(text, "not of the target's family");
	words_set(c->base, &a);
}

/* Reads the numbers of "N,N,...", at most FLOOD_KINDS, and returns how many there are. */
static uint32_t kinds_parse(char *text, unsigned long most, unsigned long *out)
{
	char *save = NULL, *word;
	uint32_t n = 0;

	for (word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (n == FLOOD_KINDS || (out[n] = strtoul(word, NULL, 0)) > most)
			tool_die(word, "too many numbers, or too large");
		n++;
	}
	return n;
}

static void kinds_set(struct flood *f, struct flood_config *c, char *flags, char *sizes)
{
	unsigned long of[FLOOD_KINDS] = { c->ipv6 ? 78 : 58 };
	uint32_t i;

	c->sizes_count = sizes ? kinds_parse(sizes, FLOOD_FRAME_MAX, of) : 1;
	for (i = 0; i < c->sizes_count; i++) {
		if (of[i] < (c->ipv6 ? 78U : 58U))
			tool_die("length", "shorter than the headers");
		c->sizes[i] = (uint16_t)of[i];
		if (of[i] + 2 > f->room)
			f->room = (uint32_t)of[i] + 2;
	}
	of[0] = 2;
	c->flags_count = flags ? kinds_parse(flags, 63, of) : 1;
	for (i = 0; i < c->flags_count; i++)
		c->flags[i] = (uint8_t)of[i];
}

static void serve(struct flood *f)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };
	char line[64];

	puts("ready");
	fflush(stdout);
	for (;;) {
		if (poll(&in, 1, f->going ? 0 : -1) > 0) {
			if (!fgets(line, sizeof(line), stdin))
				return;
			order_do(f, line);
		}
		if (f->going)
			frames_send(f);
	}
}

static void target_set(struct flood_config *c, const char *address, const char *port)
{
	union tool_addr to = tool_addr_parse(address, 0);

	c->ipv6 = to.any.sa_family == AF_INET6;
	words_set(c->target, &to);
	c->port = htons((uint16_t)atoi(port));
}

int main(int argc, char **argv)
{
	const char *interface = NULL, *sources = NULL;
	char *flags = NULL, *sizes = NULL;
	struct flood_config c = { 0 };
	struct flood f = { 0 };
	bool anywhere = false;
	int option;

	while ((option = getopt(argc, argv, "ai:m:s:f:l:S:r:c:n:")) != -1) {
		if (option == 'i')
			interface = optarg;
		else if (option == 'a')
			anywhere = true;
		else if (option == 's')
			sources = optarg;
		else if (option == 'f')
			flags = optarg;
		else if (option == 'l')
			sizes = optarg;
		else if (option == 'S')
			c.state = strtoull(optarg, NULL, 0);
		else if (option == 'r')
			f.rate = strtoul(optarg, NULL, 10);
		else if (option == 'c')
			processor_take(atoi(optarg));
		else if (option == 'n')
			tool_ok(setpriority(PRIO_PROCESS, 0, atoi(optarg)), "nice");
		else if (option != 'm' || sscanf(optarg, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &c.to[0], &c.to[1], &c.to[2],
						 &c.to[3], &c.to[4], &c.to[5]) != 6)
			return 2;
	}
	if (!interface || optind + 2 != argc)
		tool_die("usage", "flood -i INTERFACE -m DST_MAC [-a | -s BASE+COUNT] [-f FLAGS,...] [-l LENGTH,...] "
				  "[-S SEED] [-r PER_SECOND] [-c CPU] [-n NICE] ADDR PORT");
	target_set(&c, argv[optind], argv[optind + 1]);
	if (!anywhere)
		sources_set(&c, sources ? sources : c.ipv6 ? SOURCES6 : SOURCES4);
	kinds_set(&f, &c, flags, sizes);
	flood_open(&f, &c, interface);
	serve(&f);
	bpf_object__close(f.object);
	return 0;
}
