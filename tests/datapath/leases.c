/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes leases as a daemon would, and reads the ring that it would read: see leases.h. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "internal.h"
#include "leases.h"
#include "space.h"

#define LOCAL "127.0.0.1"
#define SERVER "203.0.113.5"

static const __u64 secret[2] = { 0x0123456789abcdefULL, 0xfedcba9876543210ULL };

/* What the ring has told since the last look. */
struct sluice_fleet_change leases_told[LEASES_RECORDS];
static unsigned int told_count;
static struct ring_buffer *ring;
static int listener;

static int on_change(void *ctx, void *data, size_t size)
{
	(void)ctx;
	assert_int_equal(size, sizeof(leases_told[0]));
	assert_true(told_count < LEASES_RECORDS);
	leases_told[told_count++] = *(const struct sluice_fleet_change *)data;
	return 0;
}

unsigned int leases_changes(void)
{
	told_count = 0;
	assert_true(ring_buffer__consume(ring) >= 0);
	return told_count;
}

void leases_hosts(struct gate *g, unsigned int hosts, enum sluice_partition partition, int lasts_s)
{
	const struct sluice_fleet row = { .secret = { secret[0], secret[1] },
					  .valid_until_ns = clock_ns() + lasts_s * 1000000000LL,
					  .hosts = hosts,
					  .partition = partition };
	const uint32_t zero = 0;

	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_fleet], &zero, &row, BPF_ANY), 0);
}

uint64_t leases_lost(struct gate *g)
{
	struct sluice_fleet row;
	const uint32_t zero = 0;

	assert_int_equal(bpf_map_lookup_elem(g->engine->map[MAP_fleet], &zero, &row), 0);
	return row.lost;
}

void leases_put(struct gate *g, uint64_t key, uint32_t lease, uint32_t others)
{
	const struct sluice_lease row = { .lease = lease, .others = others };

	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_fleet_leases], &key, &row, BPF_ANY), 0);
}

uint64_t leases_key(const char *from, unsigned int bits, enum sluice_fleet_level level, uint32_t seconds)
{
	struct sluice_addr addr = { { 0, 0, htonl(0xffff), 0 } };

	assert_int_equal(inet_pton(AF_INET, from, &addr.word[3]), 1);
	return fleet_key(secret, fleet_name("smtp"), &addr, 96 + bits, level, seconds != 0, seconds);
}

uint64_t leases_key_of_many(const char *name, enum sluice_fleet_level level, uint32_t seconds)
{
	static const struct sluice_addr nobody;

	return fleet_key(secret, fleet_name(name), &nobody, 0, level, seconds != 0, seconds);
}

void leases_listen(struct gate *g)
{
	ring = ring_buffer__new(g->engine->map[MAP_fleet_changes], on_change, NULL, NULL);
	assert_non_null(ring);
}

void leases_open(struct gate *g, const char *policy)
{
	char text[2048];

	snprintf(text, sizeof(text), LEASES_FLEET "%s", policy);
	gate_open(g, text);
	leases_listen(g);
	leases_hosts(g, 2, SLUICE_PARTITION_LOCAL, LEASES_LAST_S);
}

void leases_close(struct gate *g)
{
	ring_buffer__free(ring);
	gate_close(g);
}

struct pair pair_make(unsigned int from)
{
	struct pair p = { .client = space_connection(from, LEASES_TAKEN) };

	p.server = accept(listener, NULL, NULL);
	assert_true(p.server >= 0);
	return p;
}

void pair_end(struct pair p)
{
	const struct linger now = { 1, 0 };

	assert_int_equal(setsockopt(p.server, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(p.server);
	close(p.client);
}

int leases_prepare(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(LEASES_TAKEN) };
	const uint16_t port = 25;

	(void)state;
	if (netns_enter_one(&port, 1) || space_route(SERVER))
		return -1;
	space_leave_closed(LEASES_TAKEN); /* only the listener below is to be there */
	listener = socket(AF_INET, SOCK_STREAM, 0);
	return bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 16);
}
