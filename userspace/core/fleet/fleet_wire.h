/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What sluiced and sluice-fleet say to each other, over a socket pair of whole messages (SOCK_SEQPACKET; sluice-fleet has its end as
 * descriptor 3). sluice-fleet speaks to the store that all hosts share, and has no rights; sluiced believes none of it: what does not fit,
 * or what it did not ask for, it passes over. The order of bytes is the host's. Used by userspace/daemon/fleet_base and userspace/fleet.
 *
 * sluiced begins with FLEET_CONFIG. An exchange is answered by FLEET_LEASES of the same rows in the same order, or by nothing: whatever
 * got lost, `resync` of the next FLEET_STATE is another number, and sluiced says all that it holds again. Where sluice-fleet
 * does not keep up, it reads no more: sluiced's send() ends with EAGAIN, and the rows stay for later.
 *
 * Of one key sluiced has one exchange under way at most: an answer to what it said before FLEET_GIVE, come after it, would be a lease that
 * the store has taken back.
 */
#ifndef SLUICE_CORE_FLEET_WIRE_H
#define SLUICE_CORE_FLEET_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLEET_PROGRAM "sluice-fleet" /* beside sluiced in a build; else PREFIX/libexec/sluice/ */
#define FLEET_FD 3
#define FLEET_ROWS_MAX 1000
#define FLEET_RECORDS_MAX 100
#define FLEET_TEXT_MAX 32768 /* of FLEET_CONFIG and FLEET_HOSTS */
#define FLEET_NAME_MAX 64
#define FLEET_LOOK_MAX 64 /* keys that one message asks of */
#define FLEET_POLICY_DIGITS 16 /* of a key, and of a value */
#define FLEET_NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
#define FLEET_MESSAGE_MAX (sizeof(struct fleet_head) + FLEET_TEXT_MAX)

enum fleet_type {
	/* To sluice-fleet. JSON; what stands in [] may be left out. Another one later replaces it.
	 * {"servers": ["HOST:PORT", "[::1]:PORT", "/PATH"], "name": "mx1", "space": "16 hex digits", ["user": "U",] ["password": "P",]
	 *  ["lease_ms": 10000,] ["beat_ms": 50,] ["bans": true]} */
	FLEET_CONFIG = 1,
	FLEET_EXCHANGE, /* rows of struct fleet_want */
	/* From it. */
	FLEET_STATE, /* one struct fleet_state: after each beat, and when something of it changes */
	FLEET_LEASES, /* rows of struct fleet_lease */
	FLEET_NEEDS, /* rows of struct fleet_need: other hosts want some of these, so what is not used here should go back */
	/* JSON, once a second: [{"name": "mx1", "beat_ms": 12, "differs": ["16 hex digits"]}], each live host, how long ago it beat, and
	 * of FLEET_POLICY what it has another value of. */
	FLEET_HOSTS,
	/* To it. */
	FLEET_POLICY, /* text, "KEY=VALUE ..." of 16 hexadecimal digits each: the limits that hold over the fleet, for other hosts to compare */
	FLEET_LOOK, /* rows of struct fleet_need: who holds these? For people; answered by FLEET_HELD, or by nothing */
	/* From it. */
	FLEET_HELD, /* JSON: {"key": "16 hex digits", "rows": [{"name": "mx2", "held": 8, "lease": 10, "at": 1790000000}]}, as the store has it */
	/* Where the configuration says "bans": what hosts tell each other for the store to keep (fleet_record.h). No answer. */
	FLEET_PUT, /* to it: rows of struct fleet_record */
	FLEET_RECORDS, /* from it: the same; all that the store has, and then each that is new there, this host's own, too */
};

struct fleet_head {
	uint32_t type;
	uint32_t count; /* of rows, or of bytes of a text; the message has no byte more */
};

enum fleet_want_flags {
	/* Of a service that is exact: while the store is new, and not all hosts may have said yet what they hold, nothing is leased. */
	FLEET_EXACT = 1,
	FLEET_RELEASE = 2, /* nothing is held or wanted: the record goes, and the answer says FLEET_GONE */
	FLEET_GIVE = 4, /* the lease becomes what is held; otherwise a lease never shrinks */
};

struct fleet_want {
	uint64_t key;
	uint32_t limit, held;
	uint32_t want; /* beyond what is held; a fair part of what is left is leased also where it is 0 */
	uint32_t flags;
};

enum fleet_lease_flags {
	FLEET_GONE = 1, /* there is no record any more */
	FLEET_OVER =
		2, /* the leases of all hosts are more than the limit, after they were apart: what is not used should go back */
};

struct fleet_lease {
	uint64_t key;
	uint32_t lease; /* what this host may hold; `held` and a part of what was left */
	uint32_t others_held, others_hosts; /* those that hold some */
	uint32_t flags;
};

struct fleet_need {
	uint64_t key;
};

enum fleet_state_flags {
	FLEET_EVICTS = 1, /* the server may throw records away to save memory */
	FLEET_APPENDS = 2, /* it writes an append-only file */
	FLEET_SNAPSHOTS = 4, /* it has written snapshots since it was started */
};

struct fleet_state {
	uint32_t connected; /* the server answers, within four beats */
	uint32_t hosts; /* that are live, with this one, as far as is known; 0: it was never connected */
	uint32_t resync; /* another number than last time: the store may lack what was told before */
	uint32_t rtt_us; /* of the last beat */
	uint32_t flags;
	int32_t clock_ms; /* how far the server's clock is ahead of this host's */
	char server[128]; /* as it stands in the configuration; "": none */
	char version[32]; /* "redis 7.0.15" */
	char error[192]; /* why it is not connected, or why it was not the last time; "": never */
	uint64_t memory, memory_most; /* bytes of the server; most 0: without a limit */
};

#define FLEET_ID 16
#define FLEET_SEALED 256

/* Something that one host says to all, sealed under the fleet's secret: the store can read when it was said, and until when to keep it. */
struct fleet_record {
	uint8_t id[FLEET_ID]; /* what it is about; of one id the latest holds */
	uint64_t stamp; /* microseconds of the epoch; on its way through the store both are little endian */
	uint64_t keep; /* seconds of the epoch; 0: for good */
	uint8_t sealed[FLEET_SEALED];
};

/* Of a row of `type`; 1: it is text; 0: there is no such type. */
static inline size_t fleet_row_size(uint32_t type)
{
	switch (type) {
	case FLEET_CONFIG:
	case FLEET_HOSTS:
	case FLEET_POLICY:
	case FLEET_HELD:
		return 1;
	case FLEET_EXCHANGE:
		return sizeof(struct fleet_want);
	case FLEET_STATE:
		return sizeof(struct fleet_state);
	case FLEET_LEASES:
		return sizeof(struct fleet_lease);
	case FLEET_NEEDS:
	case FLEET_LOOK:
		return sizeof(struct fleet_need);
	case FLEET_PUT:
	case FLEET_RECORDS:
		return sizeof(struct fleet_record);
	default:
		return 0;
	}
}

/* Whether these bytes, of which head is the first, are a whole message. What stands in its rows is another question. */
static inline bool fleet_fits(const struct fleet_head *head, size_t length)
{
	size_t size = length < sizeof(*head) ? 0 : fleet_row_size(head->type);
	size_t most = size == 1				    ? FLEET_TEXT_MAX
		      : size == sizeof(struct fleet_state)  ? 1
		      : size == sizeof(struct fleet_record) ? FLEET_RECORDS_MAX
							    : FLEET_ROWS_MAX;

	return size && head->count <= most && length == sizeof(*head) + head->count * size;
}

#endif
