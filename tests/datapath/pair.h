/* SPDX-License-Identifier: BSD-2-Clause */
/* Real connections of any source over loopback, both ends in this process. Each function ends the test where it fails. */
#ifndef SLUICE_TESTS_PAIR_H
#define SLUICE_TESTS_PAIR_H

#include <stdint.h>

struct pair {
	int client, server;
};

/* A listener at this address and port alone, of either family. */
int pair_listen(const char *at, uint16_t port);
/* To it, from this address and port; 0: any port. Whoever closes the client's end resets it: nothing waits, and a port is free at once. */
struct pair pair_open(int listener, const char *from, uint16_t port);
/* Both ends, the client's first. */
void pair_close(struct pair *p);

#endif
