/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens connections: see pair.h. A source need not be an address of the host, as long as a route makes it local. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "pair.h"

union end {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

static socklen_t end_of(const char *at, uint16_t port, union end *out)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, at, &out->ipv4.sin_addr) == 1) {
		out->ipv4.sin_family = AF_INET;
		out->ipv4.sin_port = htons(port);
		return sizeof(out->ipv4);
	}
	assert_int_equal(inet_pton(AF_INET6, at, &out->ipv6.sin6_addr), 1);
	out->ipv6.sin6_family = AF_INET6;
	out->ipv6.sin6_port = htons(port);
	return sizeof(out->ipv6);
}

static int bound(const char *at, uint16_t port)
{
	union end here;
	socklen_t len = end_of(at, port, &here);
	int fd = socket(here.any.sa_family, SOCK_STREAM, 0), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (here.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &yes, sizeof(yes));
	assert_int_equal(bind(fd, &here.any, len), 0);
	return fd;
}

int pair_listen(const char *at, uint16_t port)
{
	int fd = bound(at, port);

	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

struct pair pair_open(int listener, const char *from, uint16_t port)
{
	const struct linger at_once = { .l_onoff = 1 };
	struct pair p = { .client = bound(from, port) };
	socklen_t len = sizeof(union end);
	union end to;

	assert_int_equal(getsockname(listener, &to.any, &len), 0);
	assert_int_equal(connect(p.client, &to.any, len), 0);
	p.server = accept(listener, NULL, NULL);
	assert_true(p.server >= 0);
	setsockopt(p.client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	return p;
}

void pair_close(struct pair *p)
{
	close(p->client);
	close(p->server);
}
