/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps sockets for fuzz_gate (sockets.h). Their states do not change, because test-run frames never reach them. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sockets.h"

#define LASTS 30 /* seconds; TIME-WAIT takes 60 */

enum ending { ESTABLISHED, CLOSE_WAIT, FIN_WAIT2, TIME_WAIT, ENDINGS };

static const char *const loopback[] = { "::1", "::ffff:127.0.0.1" };
#define FAMILIES (sizeof(loopback) / sizeof(*loopback))

static struct tuple tuples[ENDINGS * FAMILIES];
static struct tuple former[2 * FAMILIES]; /* of TIME-WAIT: those before, and those before these */
static time_t refreshed;

static void die(const char *what)
{
	fprintf(stderr, "fuzz_gate: sockets: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void address_write(const struct in6_addr *a, uint8_t out[16], size_t *len)
{
	*len = IN6_IS_ADDR_V4MAPPED(a) ? 4 : 16;
	memcpy(out, *len == 4 ? a->s6_addr + 12 : a->s6_addr, *len);
}

static void tuple_read(int server, struct tuple *out)
{
	struct sockaddr_in6 client, host;
	socklen_t len = sizeof(client);

	if (getpeername(server, (struct sockaddr *)&client, &len) ||
	    getsockname(server, (struct sockaddr *)&host, &len))
		die("names");
	address_write(&client.sin6_addr, out->source, &out->addr_len);
	address_write(&host.sin6_addr, out->local, &out->addr_len);
	memcpy(out->ports, &client.sin6_port, 2);
	memcpy(out->ports + 2, &host.sin6_port, 2);
}

/* Waits for the other end's FIN. */
static void end_read(int fd)
{
	char none;

	if (read(fd, &none, 1))
		die("read");
}

static void state_enter(int client, int server, enum ending state)
{
	if (state == CLOSE_WAIT) {
		shutdown(client, SHUT_WR);
		end_read(server);
	}
	if (state == FIN_WAIT2 || state == TIME_WAIT) {
		shutdown(server, SHUT_WR);
		end_read(client);
	}
	if (state == TIME_WAIT) {
		shutdown(client, SHUT_WR);
		end_read(server);
		close(client);
		close(server);
	}
}

static void socket_make(int listener, const char *to, enum ending state, struct tuple *out)
{
	struct sockaddr_in6 at;
	socklen_t len = sizeof(at);
	int client = socket(AF_INET6, SOCK_STREAM, 0), server;

	if (getsockname(listener, (struct sockaddr *)&at, &len))
		die("listener");
	inet_pton(AF_INET6, to, &at.sin6_addr);
	if (connect(client, (struct sockaddr *)&at, sizeof(at)))
		die(to);
	server = accept(listener, NULL, NULL);
	if (server < 0)
		die("accept");
	tuple_read(server, out);
	state_enter(client, server, state);
}

static void state_make(int listener, enum ending state)
{
	size_t i;

	for (i = 0; i < FAMILIES; i++)
		socket_make(listener, loopback[i], state, &tuples[state * FAMILIES + i]);
}

void sockets_open(int listener)
{
	int state;

	for (state = 0; state < ENDINGS; state++)
		state_make(listener, state);
	refreshed = time(NULL);
}

void sockets_refresh(int listener)
{
	if (time(NULL) - refreshed < LASTS)
		return;
	memcpy(former + FAMILIES, former, FAMILIES * sizeof(*former));
	memcpy(former, tuples + TIME_WAIT * FAMILIES, FAMILIES * sizeof(*former));
	state_make(listener, TIME_WAIT);
	refreshed = time(NULL);
}

unsigned int sockets_connections(void)
{
	return (ENDINGS - 1) * FAMILIES;
}

const struct tuple *sockets_tuple(uint32_t number)
{
	return &tuples[number % (ENDINGS * FAMILIES)];
}

static bool one_is(const struct tuple *t, size_t count, const uint8_t *source, const uint8_t *local, size_t addr_len,
		   const uint8_t *ports)
{
	for (; count; count--, t++) {
		if (t->addr_len == addr_len && !memcmp(t->source, source, addr_len) &&
		    !memcmp(t->local, local, addr_len) && !memcmp(t->ports, ports, sizeof(t->ports)))
			return true;
	}
	return false;
}

bool sockets_own(const uint8_t *source, const uint8_t *local, size_t addr_len, const uint8_t *ports)
{
	return one_is(tuples, ENDINGS * FAMILIES, source, local, addr_len, ports);
}

bool sockets_owned_lately(const uint8_t *source, const uint8_t *local, size_t addr_len, const uint8_t *ports)
{
	return one_is(former, 2 * FAMILIES, source, local, addr_len, ports);
}
