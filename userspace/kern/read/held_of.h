/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything that the kernel's tables hold about one address, to answer a data-subject request. */
#ifndef SLUICE_KERN_HELD_OF_H
#define SLUICE_KERN_HELD_OF_H

#include "tables.h"

struct held_of_counter {
	unsigned int service;
	uint32_t connections, reserved;
	uint32_t events; /* in the window, as of the last event */
	uint64_t idle; /* seconds since a slot was taken or given back */
};

struct subject {
	struct prefix source; /* what the address counts as */
	struct held_of_counter counter[SLUICE_MAX_SERVICES];
	size_t counters;
	size_t handshakes, late, fragments; /* those of the address itself */
	size_t suspect; /* services that answer the source by SYN cookies, because it left handshakes unanswered */
};

int held_of_read(const struct engine *e, const struct sluice_addr *a, struct subject *out);
/*
 * Frees what holds no open connection and no handshake in progress: counters and suspicion (of the whole source), and fragments (of the
 * address). *freed counts them. Bans and allows stay, because somebody set them. So do handshakes that ran out, for two minutes at most:
 * limits would not hold if nobody knew who completes one.
 */
int held_of_erase(struct engine *e, const struct sluice_addr *a, unsigned int *freed);

#endif
