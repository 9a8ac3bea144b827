/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flood -i INTERFACE -m DST_MAC [-a] [-f FLAGS] [-r PER_SECOND] [-c CPU] ADDR PORT: a flood from random sources of 198.18.0.0/15 (-a: of the
 * whole address space), as fast as
 * one processor can or as told, by BPF_F_TEST_XDP_LIVE_FRAMES, out of a veth end whose peer runs an XDP program. FLAGS are
 * TCP's as a number (2: SYN; 0: any). With -c it stays on that processor and lets the kernel's own thread there come first: else
 * it fills the receiver's ring while nobody empties it, and what is lost there says nothing about the receiver. Counts the SYN-ACKs that come back. Says "ready"; then answers each line of its input
 * ("start", "stop", "count") by {"sent": N, "answered": N, "seconds": S} of the spell that runs, or ran last.
 */
#include <libgen.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "tool.h"

#define FRAME_LEN 60 /* two bytes more than what is sent: see flood.bpf.c */
#define BATCH 64
#define CALL (1 << 18) /* frames of one system call, which takes some 30 ms to set up */

struct flood_config {
	uint8_t to[6], from[6];
	uint32_t target;
	uint16_t port;
	uint8_t flags, anywhere;
};

struct flood {
	int ifindex, prog, caught;
	size_t rate;
	uint64_t sent, answered_before, began_us, ended_us;
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
	static uint8_t frame[FRAME_LEN];
	struct xdp_md ctx = { .data_end = FRAME_LEN, .ingress_ifindex = (uint32_t)f->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = CALL, .batch_size = BATCH,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	uint64_t due = f->rate ? f->began_us + f->sent * 1000000 / f->rate : 0, now = tool_now_us();

	if (f->rate)
		opts.repeat = (int)(f->rate / 10 + 1);
	if (due > now)
		usleep((useconds_t)(due - now));
	if (bpf_prog_test_run_opts(f->prog, &opts))
		tool_die("test run", strerror(errno));
	f->sent += (uint64_t)opts.repeat;
}

static void order_do(struct flood *f, const char *line)
{
	if (!strncmp(line, "start", 5)) {
		f->sent = 0;
		f->answered_before = answered(f);
		f->began_us = tool_now_us();
		f->going = true;
	} else if (!strncmp(line, "stop", 4)) {
		f->ended_us = tool_now_us();
		f->going = false;
	}
	printf("{\"sent\": %lu, \"answered\": %lu, \"seconds\": %.3f}\n", (unsigned long)f->sent,
	       (unsigned long)(answered(f) - f->answered_before),
	       (double)((f->going ? tool_now_us() : f->ended_us) - f->began_us) / 1e6);
	fflush(stdout);
}

static void flood_open(struct flood *f, struct flood_config *c, const char *interface)
{
	struct bpf_object *o = object_load();
	struct ifreq ask = { 0 };
	uint32_t zero = 0;
	int fd = (int)tool_ok(socket(AF_INET, SOCK_DGRAM, 0), "socket");

	f->ifindex = (int)if_nametoindex(interface);
	snprintf(ask.ifr_name, sizeof(ask.ifr_name), "%s", interface);
	tool_ok(ioctl(fd, SIOCGIFHWADDR, &ask), interface);
	memcpy(c->from, ask.ifr_hwaddr.sa_data, sizeof(c->from));
	f->prog = bpf_program__fd(bpf_object__find_program_by_name(o, "flood"));
	f->caught = bpf_object__find_map_fd_by_name(o, "caught");
	tool_ok(bpf_map_update_elem(bpf_object__find_map_fd_by_name(o, "config"), &zero, c, 0), "config");
	/* Instead of the program that only passes; it goes when the interface does. */
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
	errno = 0;
	if (nice(19) == -1 && errno)
		tool_die("nice", strerror(errno));
}

int main(int argc, char **argv)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };
	struct flood_config c = { .flags = 2 };
	const char *interface = NULL;
	struct flood f = { 0 };
	char line[64];
	int option;

	while ((option = getopt(argc, argv, "ai:m:f:r:c:")) != -1) {
		if (option == 'i')
			interface = optarg;
		else if (option == 'a')
			c.anywhere = 1;
		else if (option == 'f')
			c.flags = (uint8_t)atoi(optarg);
		else if (option == 'r')
			f.rate = strtoul(optarg, NULL, 10);
		else if (option == 'c')
			processor_take(atoi(optarg));
		else if (option != 'm' || sscanf(optarg, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &c.to[0], &c.to[1], &c.to[2],
						 &c.to[3], &c.to[4], &c.to[5]) != 6)
			return 2;
	}
	if (!interface || optind + 2 != argc || inet_pton(AF_INET, argv[optind], &c.target) != 1)
		tool_die("usage", "flood -i INTERFACE -m DST_MAC [-a] [-f FLAGS] [-r PER_SECOND] [-c CPU] ADDR PORT");
	c.port = htons((uint16_t)atoi(argv[optind + 1]));
	flood_open(&f, &c, interface);
	puts("ready");
	fflush(stdout);
	for (;;) {
		if (poll(&in, 1, f.going ? 0 : -1) > 0) {
			if (!fgets(line, sizeof(line), stdin))
				return 0;
			order_do(&f, line);
		}
		if (f.going)
			frames_send(&f);
	}
}
