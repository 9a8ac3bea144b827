/* SPDX-License-Identifier: BSD-2-Clause */
/* Real sockets at the guarded port, in every state that lasts: whoever has one of their 4-tuples speaks to them. */
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

/* Opens them through this listener of [::], or those anew that do not last for long. Ends the program where that fails. */
void sockets_open(int listener);
void sockets_refresh(int listener);
/* How many of them are connections. */
unsigned int sockets_connections(void);
/* One of them by number, whatever the number. */
const struct tuple *sockets_tuple(uint32_t number);
/* Has one of them this 4-tuple? */
bool sockets_own(const uint8_t *source, const uint8_t *local, size_t addr_len, const uint8_t *ports);

#endif
