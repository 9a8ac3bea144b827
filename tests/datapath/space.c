/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes a network namespace of the test's own, with addresses, routes and listeners, so that the gate finds sockets: see space.h. */
#include <stdarg.h>
#include <setjmp.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "space.h"

void syncookies_set(char value)
{
	int fd = open("/proc/sys/net/ipv4/tcp_syncookies", O_WRONLY);

	assert_int_equal(write(fd, &value, 1), 1);
	close(fd);
}

static int listen_at(uint16_t port)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	return bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1024) ? -1 : 0;
}

/* Puts the process into a namespace of its own, at the first call. */
static int space_make(void)
{
	static bool made;
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (made)
		return 0;
	if (unshare(CLONE_NEWNET))
		return -1;
	made = true;
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &lo))
		return -1;
	close(fd);
	return 0;
}

static bool listens[65536];

void space_leave_closed(uint16_t port)
{
	listens[port] = true;
}

int space_listen(uint16_t port)
{
	if (space_make())
		return -1;
	if (listens[port])
		return 0;
	listens[port] = true;
	return listen_at(port);
}

int netns_enter_one(const uint16_t *ports, size_t count)
{
	size_t i;

	if (space_make())
		return -1;
	for (i = 0; i < count; i++) {
		if (space_listen(ports[i]))
			return -1;
	}
	syncookies_set('2');
	return 0;
}

int space_connection(uint16_t from, uint16_t to)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(from) };
	int client = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

	inet_pton(AF_INET, "127.0.0.1", &at.sin_addr);
	setsockopt(client, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	assert_int_equal(bind(client, (struct sockaddr *)&at, sizeof(at)), 0);
	at.sin_port = htons(to);
	assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof(at)), 0);
	return client;
}

int space_route(const char *local)
{
	char line[160];

	snprintf(line, sizeof(line), "ip address add %s/32 dev lo && ip route add default dev lo", local);
	return system(line) ? -1 : 0;
}

#define ETHERNET 14
#define IPV4 20

void space_send(const struct frame *f)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	uint8_t frame[FRAME_ROOM];
	size_t len = frame_build(f, frame) - ETHERNET;

	memcpy(&to.sin_addr, frame + ETHERNET + 16, 4);
	assert_int_equal(sendto(fd, frame + ETHERNET, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
	close(fd);
}

/* Returns the sequence number of the listener's answer. */
static uint32_t space_syn(const struct frame *syn)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP)), tries;
	const struct timeval patience = { .tv_sec = 5 };
	uint8_t heard[2048], *tcp = heard + IPV4;
	uint32_t number = 0;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	space_send(syn);
	for (tries = 0; tries < 100 && !number; tries++) {
		assert_true(recv(fd, heard, sizeof(heard), 0) >= IPV4 + 20);
		if (tcp[13] == (SYN | ACK) && (tcp[2] << 8 | tcp[3]) == syn->from_port)
			number = (uint32_t)tcp[4] << 24 | tcp[5] << 16 | tcp[6] << 8 | tcp[7];
	}
	close(fd);
	assert_true(number);
	return number;
}

struct frame space_answer(const struct frame *syn)
{
	struct frame f = *syn;

	f.ack_seq = space_syn(syn) + 1;
	f.seq++;
	f.flags = ACK;
	f.tcp_options = 0;
	return f;
}
