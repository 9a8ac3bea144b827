/* SPDX-License-Identifier: BSD-2-Clause */
/* What a server says of itself when it is asked INFO: which it is, and whether it will do. Used by fleet_session.c. */
#ifndef SLUICE_FLEET_INFO_H
#define SLUICE_FLEET_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

struct server_info {
	char run[64]; /* differs after each start of the server */
	char version[32];
	bool evicts; /* it may evict records to save memory */
	bool appends, snapshots; /* it writes an append-only file; it has written snapshots since it was started */
	uint64_t memory, memory_most; /* bytes; most 0: it has no limit */
};

/* Returns NULL if it is good, otherwise why this server cannot be used. */
const char *info_read(const redisReply *answer, struct server_info *out);

#endif
