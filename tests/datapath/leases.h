/* SPDX-License-Identifier: BSD-2-Clause */
/* A gate whose policy has a fleet. The test plays the daemon: it writes leases, and reads what the gate tells. */
#ifndef SLUICE_TESTS_LEASES_H
#define SLUICE_TESTS_LEASES_H

#include <stdint.h>

#include "gate.h"

#define LEASES_FLEET \
	"interfaces = {lo}\nsyn-flood { cookies = false }\nfleet { servers = {192.0.2.9:6379} secret-file = /etc/hostname }\n"
#define LEASES_LAST_S 3600
#define LEASES_TAKEN 26 /* the port at which pair_make() accepts */

/* What the last leases_changes() has read. */
#define LEASES_RECORDS 64
extern struct sluice_fleet_change leases_told[LEASES_RECORDS];

/* Enters a network namespace of the process's own, with a listener at port 25 and the one of pair_make(). Returns 0 or -1. */
int leases_prepare(void **state);
/* Opens a gate under a policy with a fleet, followed by these sections. There are two hosts, in touch with the store. */
void leases_open(struct gate *g, const char *sections);
/* Opens the ring of a gate that is open already. */
void leases_listen(struct gate *g);
void leases_close(struct gate *g);
/* Sets how many hosts there are, in touch with the store for `lasts_s` from now, or, if that is negative, until so long ago. */
void leases_hosts(struct gate *g, unsigned int hosts, enum sluice_partition partition, int lasts_s);
void leases_put(struct gate *g, uint64_t key, uint32_t lease, uint32_t others);
/* Returns how many changes were told since the last look. */
unsigned int leases_changes(void);
uint64_t leases_lost(struct gate *g);
/* Returns the key of an IPv4 source at the service smtp, or of the network of so many bits that begins there. */
uint64_t leases_key(const char *from, unsigned int bits, enum sluice_fleet_level level, uint32_t seconds);
/* Returns the key of a set at a service, or of a service. */
uint64_t leases_key_of_many(const char *name, enum sluice_fleet_level level, uint32_t seconds);

/* A connection over loopback, to LEASES_TAKEN, that has been accepted. */
struct pair {
	int client, server;
};

struct pair pair_make(unsigned int from);
void pair_end(struct pair p); /* ends it at once, by a RST */

#endif
