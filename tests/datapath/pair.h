/* SPDX-License-Identifier: BSD-2-Clause */
/* Real connections from any source over loopback, with both ends in this process. Each function ends the test if it fails. */
#ifndef SLUICE_TESTS_PAIR_H
#define SLUICE_TESTS_PAIR_H

#include <stdint.h>

struct pair {
	int client, server;
};

/* Opens a listener at this address and port alone, of either family. */
int pair_listen(const char *at, uint16_t port);
/* Connects to it from this address and port (0: any port). close() of the client's end sends a RST, so that the port is free at once. */
struct pair pair_open(int listener, const char *from, uint16_t port);
/* Closes both ends, the client's first. */
void pair_close(struct pair *p);

#endif
