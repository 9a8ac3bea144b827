/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scripts that the server runs, each as one step that nobody interrupts, and their answers. fleet_session.c asks the beat, fleet_exchange.c
 * the exchange, and fleet_records.c those about bans.
 *
 * The beat says that this host lives, and learns the epoch: a number that the store gets when it is empty, when another server (or the same one,
 * started again) keeps it, or when no host has beaten for a minute of its clock. In a new epoch all hosts say again what they hold; so does a host
 * whose beat finds that it was taken for dead. The exchange says what this host holds of some keys, and leases it a part of what is left. It does
 * nothing in an epoch that this host does not know yet, nor if by the clock some hosts may seem dead that are not: a beat has to come first.
 *
 * What they keep, all under sluice:{SPACE}: `hosts`, a sorted set of names by the time until which they live; `epoch`, a hash, in which @NAME is
 * what that host says of its policy; of:NAME, whose a name is; and k:KEY, for each key a hash of host to "HELD LEASE SECONDS". All times are the server's.
 */
#ifndef SLUICE_FLEET_SCRIPT_H
#define SLUICE_FLEET_SCRIPT_H

#include <hiredis/hiredis.h>

#include "fleet_wire.h"

#define SCRIPT_ROWS_MAX 250 /* the server does nothing else meanwhile: this many take 2 ms */
#define SCRIPT_SHA_LENGTH 40
#define SCRIPT_HOSTS_MAX 256 /* so that their list fits into a message */
#define SCRIPT_NUMBER_MAX 32 /* of an epoch, with the final NUL */

extern const char script_beat[], script_exchange[], script_put[], script_read[];

#define SCRIPT_NAME_MAX 64 /* most bytes of the name of a record */

struct beat {
	char epoch[SCRIPT_NUMBER_MAX];
	uint32_t hosts;
	bool taken; /* another session beat under this name since our last beat */
	bool away; /* it did not live any more: others may have been leased what it held */
	char *list; /* FLEET_HOSTS; NULL if it was not asked for; freed by the caller */
	int64_t clock_ms; /* the server's, since 1970 */
};

/* What was asked in one exchange. */
struct batch {
	size_t count;
	struct fleet_want row[SCRIPT_ROWS_MAX];
};

/* Packs rows as the script reads them: bytes to send, 16 for each row, in `out`. */
size_t script_pack(const struct batch *b, char *out);

/* Both return 0, or -EBADMSG if this is no answer to that. `policy` is FLEET_POLICY of this host. */
int script_read_beat(const redisReply *answer, unsigned lease_ms, const char *policy, struct beat *out);
/* Makes FLEET_HELD of an answer to HGETALL; freed by the caller. NULL: it is no such answer, or longer than a message. */
char *script_read_held(const redisReply *answer, uint64_t key);
/* Returns also -ESTALE: a beat has to come first, and nothing was done. */
int script_read_leases(const redisReply *answer, const struct batch *b, struct fleet_lease *out);

/* Writes the name of a limit's record in the store. */
void script_record_name(char out[static SCRIPT_NAME_MAX], const char *space, uint64_t key);

#endif
