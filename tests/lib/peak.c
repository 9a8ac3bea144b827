/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peak [-a] [-u USEC] PORT: asks the kernel (sock_diag, as `ss` does) again and again how many established sockets of this network
 * namespace have the local port, until its standard input closes. -a counts every state in which an established connection still
 * is one (up to LAST_ACK and CLOSING). -u rests so long between samples. A line on standard input prints the figures so far:
 * {"max", "last", "samples", "max_source"}, where max_source is the most that one source address held at once.
 */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>

#include "tool.h"

#define SLOTS 65536 /* a power of two, more than the sources of any test */

#define ALIVE_STATES                                                                                                \
	(1 << TCP_ESTABLISHED | 1 << TCP_FIN_WAIT1 | 1 << TCP_FIN_WAIT2 | 1 << TCP_CLOSE_WAIT | 1 << TCP_LAST_ACK | \
	 1 << TCP_CLOSING)

struct request {
	struct nlmsghdr head;
	struct inet_diag_req_v2 body;
};

struct source {
	uint8_t addr[16];
	uint32_t sample; /* the sample to which `count` belongs */
	int count;
};

static struct source sources[SLOTS];
static uint32_t states = 1 << TCP_ESTABLISHED;
static uint16_t port;
static uint32_t samples;
static int last, max, max_source;

static int source_count(const uint8_t addr[16])
{
	uint32_t at = 2166136261U, i;

	for (i = 0; i < 16; i++)
		at = (at ^ addr[i]) * 16777619U;
	for (i = 0; i < SLOTS; i++, at++) {
		struct source *s = &sources[at % SLOTS];

		if (s->sample != samples) {
			s->sample = samples;
			s->count = 0;
			memcpy(s->addr, addr, 16);
		}
		if (!memcmp(s->addr, addr, 16))
			return ++s->count;
	}
	return 0;
}

static void socket_seen(const struct inet_diag_msg *m)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff };
	int held;

	if (ntohs(m->id.idiag_sport) != port)
		return;
	if (m->idiag_family == AF_INET)
		memcpy(addr + 12, m->id.idiag_dst, 4);
	else
		memcpy(addr, m->id.idiag_dst, 16);
	last++;
	held = source_count(addr);
	if (held > max_source)
		max_source = held;
}

static void family_dump(int fd, uint8_t family)
{
	static char room[262144] __attribute__((aligned(8)));
	struct request r = { { sizeof(r), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 0, 0 }, { 0 } };
	struct nlmsghdr *h;
	unsigned int left;
	ssize_t n;

	r.body.sdiag_family = family;
	r.body.sdiag_protocol = IPPROTO_TCP;
	r.body.idiag_states = states;
	tool_ok(send(fd, &r, sizeof(r), 0), "sock_diag");
	for (;;) {
		n = tool_ok(recv(fd, room, sizeof(room), 0), "sock_diag");
		left = (unsigned int)n;
		for (h = (struct nlmsghdr *)(void *)room; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return;
			if (h->nlmsg_type == NLMSG_ERROR)
				tool_die("sock_diag", "refused");
			socket_seen(NLMSG_DATA(h));
		}
	}
}

static void sample(int fd)
{
	samples++;
	last = 0;
	family_dump(fd, AF_INET);
	family_dump(fd, AF_INET6);
	if (last > max)
		max = last;
}

static void print(void)
{
	printf("{\"max\": %d, \"last\": %d, \"samples\": %u, \"max_source\": %d}\n", max, last, samples, max_source);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };
	int c, fd, rest_us = 0;
	char line[64];
	ssize_t got;

	while ((c = getopt(argc, argv, "au:")) != -1) {
		if (c == 'a')
			states = ALIVE_STATES;
		else if (c == 'u')
			rest_us = atoi(optarg);
		else
			return 2;
	}
	if (optind + 1 != argc)
		tool_die("usage", "peak [-a] [-u USEC] PORT");
	port = (uint16_t)atoi(argv[optind]);
	fd = (int)tool_ok(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), "sock_diag");
	for (;;) {
		sample(fd);
		if (poll(&in, 1, 0) > 0) {
			got = read(0, line, sizeof(line));
			sample(fd); /* the previous sample began before we were asked */
			print();
			if (got <= 0)
				return 0;
		}
		if (rest_us)
			usleep((useconds_t)rest_us);
	}
}
