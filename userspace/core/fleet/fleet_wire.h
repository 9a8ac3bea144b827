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

#define FLEET_PROGRAM "sluice-fleet" /* beside sluiced in a build; otherwise in PREFIX/libexec/sluice/ */
#define FLEET_FD 3
#define FLEET_ROWS_MAX 1000
#define FLEET_RECORDS_MAX 100
/* Most bytes of a text. FLEET_HOSTS needs the most: 256 hosts with names of 64 letters, of which each differs in 4 keys. */
#define FLEET_TEXT_MAX 49152
#define FLEET_NAME_MAX 64
#define FLEET_LOOK_MAX 64 /* most keys that one message asks about */
#define FLEET_POLICY_DIGITS 16 /* of a key, and of a value */
#define FLEET_NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
#define FLEET_MESSAGE_MAX (sizeof(struct fleet_head) + FLEET_TEXT_MAX)

enum fleet_type {
	/*
	 * To sluice-fleet, as JSON; what is in [] may be left out. A later one replaces it. {"servers": ["HOST:PORT", "[::1]:PORT",
	 * "/PATH"], "name": "mx1", "space": "16 hex digits", ["user": "U",] ["password": "P",] ["lease_ms": 10000,] ["beat_ms": 50,]
	 * ["bans": true]}
	 */
	FLEET_CONFIG = 1,
	FLEET_EXCHANGE, /* rows of struct fleet_want */
	/* From it. */
	FLEET_STATE, /* one struct fleet_state: after each beat, and when something in it changes */
	FLEET_LEASES, /* rows of struct fleet_lease */
	FLEET_NEEDS, /* rows of struct fleet_need: other hosts want some of these, so what is not used here should be returned */
	/*
	 * JSON, once a second: [{"name": "mx1", "beat_ms": 12, "differs": ["16 hex digits"]}] for each live host: how long ago it beat, and
	 * which keys of FLEET_POLICY it has other values for.
	 */
	FLEET_HOSTS,
	/* To it. */
	FLEET_POLICY, /* text, "KEY=VALUE ..." of 16 hexadecimal digits each: the limits that hold over the fleet, for other hosts to compare */
	FLEET_LOOK, /* rows of struct fleet_need: who holds these? For people; answered by FLEET_HELD, or by nothing */
	/* From it. */
	FLEET_HELD, /* JSON: {"key": "16 hex digits", "rows": [{"name": "mx2", "held": 8, "lease": 10, "at": 1790000000}]}, as the store has it */
	/* If the configuration says "bans": what hosts tell each other, for the store to keep (fleet_record.h). There is no answer. */
	FLEET_PUT, /* to it: rows of struct fleet_record */
	FLEET_RECORDS, /* from it: the same; first all that the store has, then each new one, including this host's own */
};

struct fleet_head {
	uint32_t type;
	uint32_t count; /* number of rows, or of bytes of a text; nothing follows them in the message */
};

enum fleet_want_flags {
	/*
	 * For a service that is exact: while the store is new, and some hosts may not have reported yet what they hold, nothing is leased.
	 */
	FLEET_EXACT = 1,
	FLEET_RELEASE = 2, /* nothing is held or wanted: the record goes, and the answer says FLEET_GONE */
	FLEET_GIVE = 4, /* the lease becomes what is held; without this a lease never shrinks */
};

struct fleet_want {
	uint64_t key;
	uint32_t limit, held;
	uint32_t want; /* beyond what is held; even if it is 0, a fair part of what is left is leased */
	uint32_t flags;
};

enum fleet_lease_flags {
	FLEET_GONE = 1, /* there is no longer a record */
	FLEET_OVER =
		2, /* the leases of all hosts exceed the limit, after hosts were apart: what is not used should be returned */
};

struct fleet_lease {
	uint64_t key;
	uint32_t lease; /* what this host may hold: `held`, and a part of what was left */
	uint32_t others_held, others_hosts; /* hosts that hold some */
	uint32_t flags;
};

struct fleet_need {
	uint64_t key;
};

enum fleet_state_flags {
	FLEET_EVICTS = 1, /* the server may evict records to save memory */
	FLEET_APPENDS = 2, /* it writes an append-only file */
	FLEET_SNAPSHOTS = 4, /* it has written snapshots since it was started */
};

struct fleet_state {
	uint32_t connected; /* the server answers, within four beats */
	uint32_t hosts; /* number of live hosts, with this one, as far as is known; 0: it was never connected */
	uint32_t resync; /* if it differs from last time, the store may lack what was reported before */
	uint32_t rtt_us; /* of the last beat */
	uint32_t flags;
	int32_t clock_ms; /* how far the server's clock is ahead of this host's */
	char server[128]; /* as written in the configuration; "": none */
	char version[32]; /* "redis 7.0.15" */
	char error[192]; /* why it is not connected, or was not the last time; "": it always was */
	uint64_t memory, memory_most; /* bytes of the server; most 0: it has no limit */
};

#define FLEET_ID 16
#define FLEET_SEALED 256

/*
 * Something that one host tells all others, sealed under the fleet's secret: the store can only read when it was said, and until when to
 * keep it.
 */
struct fleet_record {
	uint8_t id[FLEET_ID]; /* what it is about; for each id the latest record holds */
	uint64_t stamp; /* microseconds of the epoch; both are little endian on the way through the store */
	uint64_t keep; /* seconds of the epoch; 0: for good */
	uint8_t sealed[FLEET_SEALED];
};

/* Returns the size of a row of `type`; 1: it is text; 0: there is no such type. */
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

/* Whether these bytes, which begin with `head`, are a whole message. This says nothing about the content of its rows. */
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
