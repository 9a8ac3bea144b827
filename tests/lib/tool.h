/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions that the small test programs share: ending with a message, addresses, time, connecting, and more open files. */
#ifndef SLUICE_TESTS_TOOL_H
#define SLUICE_TESTS_TOOL_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

union tool_addr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct tool_addrs {
	union tool_addr *list;
	size_t count; /* 0: let the kernel choose */
};

static inline void tool_die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
	exit(1);
}

static inline long tool_ok(long result, const char *what)
{
	if (result < 0)
		tool_die(what, strerror(errno));
	return result;
}

static inline uint64_t tool_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static inline socklen_t tool_addr_len(const union tool_addr *a)
{
	return a->any.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

static inline union tool_addr tool_addr_parse(const char *text, uint16_t port)
{
	union tool_addr a = { 0 };

	if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1) {
		a.v4.sin_family = AF_INET;
		a.v4.sin_port = htons(port);
	} else if (inet_pton(AF_INET6, text, &a.v6.sin6_addr) == 1) {
		a.v6.sin6_family = AF_INET6;
		a.v6.sin6_port = htons(port);
	} else {
		tool_die(text, "not an address");
	}
	return a;
}

/* Adds `by` to the last 32 bits of the address. */
static inline union tool_addr tool_addr_add(union tool_addr a, uint32_t by)
{
	uint8_t *at = a.any.sa_family == AF_INET6 ? a.v6.sin6_addr.s6_addr + 12 : (uint8_t *)&a.v4.sin_addr;
	uint32_t last;

	memcpy(&last, at, sizeof(last));
	last = htonl(ntohl(last) + by);
	memcpy(at, &last, sizeof(last));
	return a;
}

/* "ADDR,ADDR+COUNT,...": ADDR+COUNT stands for COUNT addresses, counting up from ADDR. */
static inline struct tool_addrs tool_addrs_parse(char *text)
{
	struct tool_addrs out = { 0 };
	char *save = NULL, *word, *plus;
	uint32_t i, count;

	for (word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		plus = strchr(word, '+');
		count = plus ? (uint32_t)strtoul(plus + 1, NULL, 10) : 1;
		if (plus)
			*plus = '\0';
		out.list = realloc(out.list, (out.count + count) * sizeof(*out.list));
		if (!out.list)
			tool_die(word, "out of memory");
		for (i = 0; i < count; i++)
			out.list[out.count++] = tool_addr_add(tool_addr_parse(word, 0), i);
	}
	return out;
}

/* Starts a non-blocking connect(), from `from` if that is not NULL. Returns the socket, or -errno. */
static inline int tool_connect(const union tool_addr *from, const union tool_addr *to)
{
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if ((from && bind(fd, &from->any, tool_addr_len(from))) ||
	    (connect(fd, &to->any, tool_addr_len(to)) && errno != EINPROGRESS)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* Ends a connection with a RST. */
static inline void tool_reset(int fd)
{
	const struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static inline void tool_many_files(void)
{
	struct rlimit r;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

#endif
