/* SPDX-License-Identifier: BSD-2-Clause */
/* What a server says of itself when it is asked INFO: which it is, and whether it will do. Used by fleet_store.c. */
#ifndef SLUICE_FLEET_INFO_H
#define SLUICE_FLEET_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

struct server_info {
	char run[64]; /* another one after each start of the server */
	char version[32];
	bool evicts; /* it may throw records away to save memory */
	bool appends, snapshots; /* it writes an append-only file; it has written snapshots since it was started */
	uint64_t memory, memory_most; /* bytes; most 0: without a limit */
};

/* NULL: good; otherwise why this server is none for us. */
const char *info_read(const redisReply *answer, struct server_info *out);

#endif
