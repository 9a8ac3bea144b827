/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * delay IF_A IF_B MS: carries every frame from one interface to the other, MS milliseconds later (0: at once), until
 * SIGTERM: a path with a round trip of 2 * MS, for kernels without netem. Prints "ready" when it is ready.
 */
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>

#include "tool.h"

#define FRAME_ROOM 65536
#define QUEUE_ROOM 262144 /* frames under way; a power of two */
#define BATCH 256

struct frame {
	uint64_t due_us;
	uint8_t *bytes;
	uint32_t len;
	int out;
};

static struct frame queue[QUEUE_ROOM];
static uint32_t head, tail; /* frames are added at head and taken at tail */

static int port_open(const char *name)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq all = { .mr_type = PACKET_MR_PROMISC };
	int room = 64 << 20, one = 1, fd;

	at.sll_ifindex = (int)if_nametoindex(name);
	if (!at.sll_ifindex)
		tool_die(name, "no such interface");
	all.mr_ifindex = at.sll_ifindex;
	/* Protocol 0: nothing arrives before the socket is bound to its interface. */
	fd = (int)tool_ok(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0), "packet socket");
	tool_ok(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)), "PACKET_IGNORE_OUTGOING");
	tool_ok(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)), "promiscuous");
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	tool_ok(bind(fd, (struct sockaddr *)&at, sizeof(at)), name);
	return fd;
}

static void frames_take(int in, int out, uint64_t delay_us)
{
	static uint8_t room[FRAME_ROOM];
	struct frame *f;
	ssize_t len;
	int i;

	for (i = 0; i < BATCH; i++) {
		len = recv(in, room, sizeof(room), 0);
		if (len <= 0)
			return;
		if (!delay_us) {
			send(out, room, (size_t)len, 0); /* a full queue loses the frame, as a network does */
			continue;
		}
		f = &queue[head % QUEUE_ROOM];
		if (head - tail == QUEUE_ROOM || !(f->bytes = malloc((size_t)len)))
			continue;
		memcpy(f->bytes, room, (size_t)len);
		f->len = (uint32_t)len;
		f->out = out;
		f->due_us = tool_now_us() + delay_us;
		head++;
	}
}

static void frames_give(void)
{
	struct frame *f;

	for (; tail != head; tail++) {
		f = &queue[tail % QUEUE_ROOM];
		if (f->due_us > tool_now_us())
			return;
		send(f->out, f->bytes, f->len, 0);
		free(f->bytes);
	}
}

static struct timespec *patience(struct timespec *t)
{
	uint64_t now = tool_now_us(), due = tail != head ? queue[tail % QUEUE_ROOM].due_us : 0;
	uint64_t wait = due > now ? due - now : 0;

	if (tail == head)
		return NULL;
	t->tv_sec = (time_t)(wait / 1000000);
	t->tv_nsec = (long)(wait % 1000000) * 1000;
	return t;
}

int main(int argc, char **argv)
{
	struct pollfd ports[2] = { { .events = POLLIN }, { .events = POLLIN } };
	struct timespec wait;
	uint64_t delay_us;

	if (argc != 4)
		tool_die("usage", "delay IF_A IF_B MS");
	delay_us = (uint64_t)(strtod(argv[3], NULL) * 1000);
	ports[0].fd = port_open(argv[1]);
	ports[1].fd = port_open(argv[2]);
	puts("ready");
	fflush(stdout);
	for (;;) {
		ppoll(ports, 2, patience(&wait), NULL);
		frames_take(ports[0].fd, ports[1].fd, delay_us);
		frames_take(ports[1].fd, ports[0].fd, delay_us);
		frames_give();
	}
}
