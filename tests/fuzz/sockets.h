/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps real sockets at the guarded port for fuzz_gate, in every state that lasts. A frame with one of their 4-tuples belongs to them. */
#ifndef SLUICE_TESTS_SOCKETS_H
#define SLUICE_TESTS_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As in a frame: the client's address and port, then the host's. `addr_len`: 4 or 16. */
struct tuple {
	uint8_t source[16], local[16], ports[4];
	size_t addr_len;
};

/* sockets_open() opens them through this listener of [::]; sockets_refresh() opens those again that do not last. Both end the program on failure. */
void sockets_open(int listener);
void sockets_refresh(int listener);
/* Returns how many of them are connections. */
unsigned int sockets_connections(void);
/* Returns one of them by number; any number will do. */
const struct tuple *sockets_tuple(uint32_t number);
/* Says whether one of them has this 4-tuple. */
bool sockets_own(const uint8_t *source, const uint8_t *local, size_t addr_len, const uint8_t *ports);
/* Says whether one that was opened again had it: that one may still be in TIME-WAIT. */
bool sockets_owned_lately(const uint8_t *source, const uint8_t *local, size_t addr_len, const uint8_t *ports);

#endif
