/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel side and userspace agree on: the keys and values of every map, sizes and pin names. All fields have a fixed width, the
 * writer zeroes the explicit padding, and sizes are asserted. Any change of a size or a meaning bumps SLUICE_ABI_VERSION.
 *
 * Byte order is in the type: __be16/__be32 as on the wire, everything else as on the host. An address is always 16 bytes; an IPv4 address
 * is stored as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
 */
#ifndef SLUICE_ABI_H
#define SLUICE_ABI_H

#include <linux/bpf.h>
#include <linux/types.h>

#include "reasons.h"

#define SLUICE_ABI_VERSION 17

#define SLUICE_NAME_LEN 32 /* services and sets, with the final NUL */
#define SLUICE_TOTAL_NAME_LEN 64 /* "SERVICE" or "SET@SERVICE" */
#define SLUICE_TEXT_LEN 64 /* the reason given for a ban */
#define SLUICE_PATH_LEN 256

#define SLUICE_GEO_KINDS 2
#define SLUICE_FAMILIES 2
#define SLUICE_SLOTS 2 /* generations of policy: the one in force and the one being filled */
/* Service ids; 0 means "no service". There are more than a policy may name, so that retired services can drain. */
#define SLUICE_MAX_SERVICES 128
#define SLUICE_POLICY_SERVICES 64 /* services one policy may name */
#define SLUICE_SERVICE_PORTS 32
#define SLUICE_MAX_CLASSES 4096
#define SLUICE_MAX_RULES 8192
#define SLUICE_MAX_TOTALS 4096 /* counters of services (index = service id) and, from SLUICE_MAX_SERVICES on, of sets */
#define SLUICE_MAX_PREFIXES 2000000
#define SLUICE_SHARED \
	65536 /* counters, a power of two, for sources that find no room in `sources`; as many for networks */
#define SLUICE_SHARED_RATES 16384 /* the same for rates, for each interval; a power of two */
#define SLUICE_MAX_TRANSLATED 8 /* prefixes inside which an IPv6 address is an IPv4 address */
#define SLUICE_DUE 256 /* counters, rates and connections freed in one run */
#define SLUICE_MAX_CONNECTIONS 1000000 /* or as many as `sources { max }` says, if that is more */
#define SLUICE_IPV4_SHIFT 96 /* bits before an IPv4 address in its mapped form */
#define SLUICE_MAX_LIVE 262144 /* live bans; live allows */
#define SLUICE_MAX_LISTENERS 4096
#define SLUICE_MAX_CONTAINERS 64 /* sections of a policy */
#define SLUICE_CONTAINER_ADDRESSES 8
#define SLUICE_MAX_PUBLISHED 16384
/*
 * Handshakes in progress. A bucket has room for eight. The table has twice the room that all services together may fill, so that a bucket
 * is hardly ever full before the table is. Buckets form groups, and each group counts what it holds.
 */
#define SLUICE_HANDSHAKE_WAYS 8
#define SLUICE_HANDSHAKE_BUCKETS 16384 /* a power of two */
#define SLUICE_HANDSHAKE_GROUPS 4096 /* a power of two: four buckets each */
#define SLUICE_MAX_HANDSHAKES 65536
#define SLUICE_KNOWN_WORDS 32768 /* of 64 bits: the filter of known sources */
#define SLUICE_EVENT_BYTES 65536 /* size of the ring of events, a power of two */
#define SLUICE_DEFAULT_SOURCES 1000000
#define SLUICE_MAX_LEASES 262144 /* limits for which this host has a lease */
#define SLUICE_FLEET_BYTES 262144 /* size of the ring of changes, a power of two */
#define SLUICE_MAX_INSIDES 262144
#define SLUICE_MAX_SUSPECTS 65536
#define SLUICE_MAX_STAMPS 4096
#define SLUICE_MAX_FRAGMENTS 4096
#define SLUICE_SKETCH_ROWS 4
#define SLUICE_SKETCH_CELLS 16384 /* in each row; a power of two */

/*
 * A handshake holds its slots this long. A client whose SYN-ACK was lost asks again after 1 s (RFC 6298, 2.1), so 3 s cover one lost
 * packet either way; afterwards it holds nothing, and must find a free slot when it completes.
 */
#define SLUICE_HANDSHAKE_NS (3ULL * 1000000000)
/*
 * How long a handshake can still complete after that: net.ipv4.tcp_synack_retries = 5 gives up after 63 s, a SYN cookie is
 * good for two minutes (include/net/tcp.h, TCP_SYNCOOKIE_VALID). Audits find what the host keeps for longer (bpf/track/track.bpf.h).
 */
#define SLUICE_EXPIRED_NS (124ULL * 1000000000)
#define SLUICE_GUARD_NS (128ULL * 1000000000) /* longer than any cookie lives */
#define SLUICE_FRAGMENT_NS (30ULL * 1000000000) /* how long the host waits for the rest: net.ipv4.ipfrag_time */
#define SLUICE_SUSPECT_NS (60ULL * 1000000000)
#define SLUICE_WANT_NS (3ULL * 1000000000) /* cookies are wanted this long after the last SYN that needed one */
#define SLUICE_SWEEP_NS (250ULL * 1000000)

/* A window has 20 whole buckets and the running one: no interval T has more than N events, and each is forgotten by 1.05 T. */
#define SLUICE_RATE_BUCKETS 21

struct sluice_addr {
	__be32 word[4];
};

/* Which build runs here, and with which policy files. Only userspace reads this. */
struct sluice_identity {
	__u32 abi; /* first in every ABI: a build with another ABI reads nothing but this */
	__u32 build; /* which programs run: CRC-32 of the object that they came from */
	__u32 reverts; /* policies that were not confirmed in time */
	__u32 pad;
	__u64 reverted_s; /* CLOCK_REALTIME, when the last one was; the idle slot still names it. 0: another was put in force since */
	char policy[SLUICE_SLOTS][SLUICE_PATH_LEN]; /* the policy file of each slot */
};

/* When a service comes under pressure, and when it is calm again. A threshold of 0 never causes pressure. */
struct sluice_flood {
	__u32 cookies; /* 0: never answer with SYN cookies */
	__u32 half_open; /* unanswered reservations */
	__u32 syn_rate; /* SYNs in 20 * syn_width_ns */
	__u32 expired_rate; /* reservations that ran out unanswered */
	__u64 syn_width_ns;
	__u64 expired_width_ns;
	__u32 calm_percent; /* a service is calm when it stays below this part of each threshold ... */
	__u32 pad;
	__u64 calm_ns; /* ... for this long */
};

/*
 * A translator's prefix of 32, 40, 48, 56, 64 or 96 bits: the addresses behind it contain an IPv4 address (RFC 6052, 2.2). In host order:
 * the first 64 bits of the prefix, and the next 32.
 */
struct sluice_translated {
	__u64 high;
	__u32 low;
	__u32 bits;
};

struct sluice_generation {
	__u64 number; /* 1, 2, 3 ...; 0: the slot was never filled */
	__u32 observe; /* refuse only live bans, but count what else would be refused */
	__u32 classified; /* non-zero if some address has a class other than 0 */
	__u32 handshakes; /* unanswered handshakes that each service may have in progress: its share of the table */
	__u32 translated_count;
	struct sluice_addr mask4; /* masks that aggregate sources: for IPv4 (in mapped form) and for IPv6 */
	struct sluice_addr mask6;
	__u64 retention_ns;
	/* Ranges of the country and network databases that it was made from and, for userspace, when the newest was written. */
	__u32 geo_entries[SLUICE_GEO_KINDS][SLUICE_FAMILIES];
	__u64 geo_built; /* CLOCK_REALTIME, seconds; 0: no database */
	struct sluice_flood flood;
	struct sluice_translated translated[SLUICE_MAX_TRANSLATED];
};

enum sluice_geo_kind { SLUICE_GEO_COUNTRY, SLUICE_GEO_ASN };
enum sluice_family { SLUICE_IPV4, SLUICE_IPV6 };

static inline int generation_knows_countries(const struct sluice_generation *g)
{
	return (g->geo_entries[SLUICE_GEO_COUNTRY][SLUICE_IPV4] | g->geo_entries[SLUICE_GEO_COUNTRY][SLUICE_IPV6]) != 0;
}

/*
 * The classifier: it maps every address of both families to a leaf.
 *
 * It is a multibit trie of 32-bit cells in pages. The first 16 bits of an address (for IPv4, of its own 32) index one of two root tables;
 * every 8 bits more lead one node down. A cell is a leaf or, with SLUICE_TRIE_NODE set, the place of a node. Equal neighbouring values of a
 * node are stored once: a bitmap says where a new one begins, and the number that begin before an address's own 8 bits is the index of its
 * value (Degermark et al., Small Forwarding Tables, 1997; Asai and Ohara, Poptrie, 2015). Equal nodes are stored once, too. No node crosses
 * a page, so one map lookup per node is enough, and a node's place is even.
 */
#define SLUICE_TRIE_CELLS 1024 /* in each page */
#define SLUICE_TRIE_NODE (1U << 31)
#define SLUICE_TRIE_ROOT 65536 /* cells of a root table; IPv4's is first */
#define SLUICE_TRIE_ROOT_BITS 16
#define SLUICE_TRIE_STEP_BITS 8 /* that one node looks at */
#define SLUICE_TRIE_DEPTH 14 /* nodes below the root, at most */

struct sluice_trie_page {
	__u32 cell[SLUICE_TRIE_CELLS];
};

struct sluice_trie_node {
	__u64 begins[4]; /* bit n of word w: a new value begins at 64 w + n; the first bit is always set */
	__u32 before; /* byte w (the lowest is 0): how many begin in the words before w */
	__u32 value[]; /* 1 to 256 cells */
};

/* A leaf says where an address is, and its class, which is what the policy makes of it. */
#define SLUICE_LEAF_CLASS(leaf) ((leaf)&0xffff)
#define SLUICE_LEAF_COUNTRY(leaf) ((leaf) >> 16 & 0x3ff) /* 0: in no database; else 1 + 26 x first letter + second */
#define SLUICE_LEAF_PRIVATE(leaf) \
	((leaf) >> 26 & 1) /* has no country, because it is in no public network (core/values/private.h) */
#define SLUICE_COUNTRIES 677

/* Rows of a service in `admitted_from`: one for each country, and two more. */
enum sluice_origin {
	SLUICE_ORIGIN_PRIVATE = SLUICE_COUNTRIES,
	SLUICE_ORIGIN_SINCE, /* not a count, but when counting began, in seconds since 1970; userspace writes it, for one processor */
	SLUICE_ORIGINS,
};

/* Index of the array: slot * 65536 + port. */
struct sluice_port {
	__u16 service; /* at any address of the host; 0: none */
	__u16 listeners; /* non-zero: some service names this port at its own addresses, see struct sluice_listener_key */
	__u32 pad;
};

struct sluice_listener_key {
	struct sluice_addr addr;
	__u16 slot;
	__u16 port;
};

/* A port that the host's DNAT leads to, in the container's network namespace with this cookie. `addr` zero: any address there. */
struct sluice_published_key {
	__u64 netns;
	struct sluice_addr addr;
	__u16 slot;
	__u16 port;
	__u32 pad;
};

/* What arriving packets have instead: the host's port, and one of the host's addresses that belongs to the same service. */
struct sluice_published {
	struct sluice_addr addr;
	__u16 port;
	__u16 pad;
};

/* What DNAT leaves unchanged in a tuple, and the host's port. By this the tracker finds the address that the client used. */
struct sluice_half {
	struct sluice_addr source;
	__be16 source_port;
	__be16 local_port; /* of the host */
};

/*
 * A container section of the policy. Only userspace reads it: the audit finds namespaces by it. Index: slot * SLUICE_MAX_CONTAINERS +
 * number.
 */
struct sluice_container {
	char name[SLUICE_NAME_LEN]; /* "": there are no more */
	char netns[SLUICE_PATH_LEN]; /* path, or shell pattern */
	__u32 addresses_count, ports_count;
	struct sluice_addr addresses[SLUICE_CONTAINER_ADDRESSES];
	struct sluice_published host[SLUICE_SERVICE_PORTS];
	__u16 port[SLUICE_SERVICE_PORTS]; /* the port in the container, for each of `host` */
};

/* A 0 in `connections` or `rate` means no limit. `width_ns` is a 20th of the interval; without a rate, of the interval that `peaks` use. */
struct sluice_limit {
	__u32 connections;
	__u32 rate;
	__u64 width_ns;
};

enum sluice_excess { SLUICE_EXCESS_DROP, SLUICE_EXCESS_RESET };

/* Index: slot * SLUICE_MAX_SERVICES + service id. */
struct sluice_service {
	char name[SLUICE_NAME_LEN]; /* "": no such service */
	struct sluice_limit total; /* all sources together */
	struct sluice_limit source; /* each source, unless a set says otherwise. For status; the gate reads the rule */
	struct sluice_limit network; /* the same for each network */
	struct sluice_limit syn; /* SYNs of each source that never completed a handshake; `connections` is not used */
	__u16 excess; /* enum sluice_excess */
	__u16 published; /* some container has ports of it: no cookies are sent, and addresses are kept in `halves` */
	__u32 ports_count;
	__u16 ports[SLUICE_SERVICE_PORTS];
	__u64 fleet; /* fleet_name(), if its own limits hold over the fleet; else 0 */
	__u32 exact; /* non-zero: limits have no implicit lease, so all hosts together never exceed them */
	__u32 pad;
};

enum sluice_action { SLUICE_ACTION_LIMIT, SLUICE_ACTION_ALLOW, SLUICE_ACTION_DENY, SLUICE_ACTION_COUNTRY };

/* What counts as one source in one address family. Lengths are those of the mapped form. */
struct sluice_aggregate {
	struct sluice_addr mask;
	__u8 source_bits; /* length of `mask` */
	__u8 network_bits; /* length of the network that the source is in; 0: networks have no limits */
	__u16 pad;
};

/* What one class of sources may do at one service. Index: slot * SLUICE_MAX_RULES + number. */
struct sluice_rule {
	__u16 action; /* enum sluice_action */
	__u16 set_id; /* 1 + index of the set in the policy; 0: no set decides. For explain */
	__u32 set_total; /* counter of the set at this service; 0: the set does not limit all its sources together */
	__u64 fleet; /* fleet_name() of the service, if its limits or those of the set hold over the fleet; else 0 */
	__u64 fleet_set; /* the same for the set at the service */
	struct sluice_limit source;
	struct sluice_limit set;
	struct sluice_limit network;
	struct sluice_aggregate aggregate[2]; /* by enum sluice_family */
};

/* Index: slot * SLUICE_MAX_CLASSES + class; class 0 is "in no set". */
struct sluice_class {
	__u16 rule[SLUICE_MAX_SERVICES]; /* by service id */
};

/* Longest-prefix key of live bans and allows; prefixlen 0..128, IPv4 from 96 on. */
struct sluice_prefix_key {
	__u32 prefixlen;
	struct sluice_addr addr;
};

/* A live allow. */
struct sluice_live {
	__u64 expires_ns; /* CLOCK_MONOTONIC; 0: never */
	__u32 prefixlen; /* length of its own key: an expired entry must not hide a shorter one */
	__u32 uid; /* who said so, and when (CLOCK_REALTIME) */
	__u64 since_s;
	char text[SLUICE_TEXT_LEN];
};

#include "counters.h"

struct sluice_tuple {
	struct sluice_addr source;
	struct sluice_addr local;
	__be16 source_port;
	__be16 local_port;
};

#include "fleet.h"
#include "handshakes.h"

/* The state of a service under pressure. Index: service id. */
struct sluice_pressure {
	struct bpf_spin_lock lock; /* protects the windows */
	__u32 on; /* every SYN is answered with a cookie */
	__s32 embryonic; /* handshakes in progress that nobody has answered; changed atomically. Below 0: of a name that was given away */
	__u32 suspects; /* some sources are in the map `suspects` */
	__u32 completed; /* a handshake that was charged here has completed, so packets and sockets have the same addresses */
	__u32 ack_flood; /* segments that belong to no connection are dropped */
	__u64 busy_ns; /* when a threshold was last exceeded */
	__u64 ack_flood_until_ns;
	__u64 suspects_until_ns;
	__u64 want_until_ns; /* cookies are wanted: tcp_syncookies = 2 is needed */
	struct sluice_window syns, expired, strays;
};

/* SYNs of a service that one processor has not yet counted in `syns`, and what it saw there last. */
struct sluice_arrivals {
	__u64 epoch; /* bucket of that window */
	__u32 waiting;
	__u32 sum;
	__u64 sampled; /* the number of segments let through at which one was last sampled */
};

/* When the listener at an address and port was last told to accept cookies. */
struct sluice_stamp {
	__u64 stamped_ns; /* 0: the listener could not be told, or there is none */
	__u64 tried_ns;
	__u32 listens; /* `listens` of the port's guard at that time: what a socket remembers is lost with the socket */
	__u32 pad;
};

/* SYNs of the sources that share this cell, in the running interval and the one before. */
struct sluice_cell {
	__u32 epoch;
	__u32 now;
	__u32 before;
	__u32 pad;
};

/* A datagram whose first fragment went to a protected port. */
struct sluice_fragment_key {
	struct sluice_addr source;
	struct sluice_addr local;
	__u32 id;
};

struct sluice_fragment {
	__u64 seen_ns;
	__u16 end; /* where that fragment's bytes end, from the start of the datagram's payload */
	__u16 port; /* local, in host order */
	__u32 pad;
};

/* Tables that turn sources away when they are full; index of `no_room`. */
enum sluice_table {
	SLUICE_TABLE_SOURCES,
	SLUICE_TABLE_HANDSHAKES,
	SLUICE_TABLE_NETWORKS,
	SLUICE_TABLE_RATES,
	SLUICE_TABLES
};

/* What the daemon changed in net.ipv4.tcp_syncookies of the namespace, so that any successor can restore it. */
struct sluice_syncookies {
	__u32 raised;
	__u32 original;
};

/* A counted connection. Key: its socket's cookie. Inserting the entry takes the slots; deleting it gives them back. */
struct sluice_connection {
	struct sluice_holding holding;
	__u32 seen; /* number of the audit that found its socket last, or that was due when it was opened */
	__u32 waits_s; /* non-zero: it ended before the application took it, this many seconds after boot, and waits to be taken */
};

/*
 * How long a connection that ended before the application took it may keep its slots. The kernel reports the end of each such socket, but
 * no audit finds a closed socket, so this limit covers events that were missed. It is longer than a live application lets its accept queue
 * wait.
 */
#define SLUICE_WAIT_S 3600

/* Rows of `tally`; each is the sum over all processors. */
enum sluice_tally_row {
	SLUICE_TALLY_SOURCES, /* elements of `sources`: without it, only a walk of the whole table could tell */
	SLUICE_TALLY_CHANGES, /* connections counted and given back so far: shows an audit what changed while it looked */
	SLUICE_TALLY_WAITING, /* from here on one row per service id: its connections that wait to be taken, which no audit finds */
	SLUICE_TALLY_NETWORKS = SLUICE_TALLY_WAITING + SLUICE_MAX_SERVICES, /* elements of these tables */
	SLUICE_TALLY_RATES,
	SLUICE_TALLIES,
};

/* One row, written by the kernel side when the daemon tells it to end an audit or to give back what is gone. */
struct sluice_audits {
	__u32 healed; /* connections given back because their socket was gone and no event had said so */
	__u32 tuples; /* 4-tuples marked so far in the set that this audit fills */
};

/* Per-CPU; index: service id * SLUICE_REASONS + reason. */
struct sluice_stat {
	__u64 packets;
	__u64 connections; /* first SYNs of a connection among these */
	__u64 observed; /* packets that would have been refused for this reason */
	__u64 event_epoch; /* what follows belongs to this epoch */
	__u64 told; /* how many of packets + observed have been reported by events */
	__u64 quiet_jiffy; /* the budget was used up in this jiffy, and is not asked again before the next one */
};

/* When one processor's budget for events of one reason is balanced again. Per-CPU; index: reason. */
struct sluice_budget {
	__u64 next_ns;
};

#define SLUICE_EVENT_BURST 10 /* events of one reason on one processor that may come at once */

/* One refusal, as `watch` is told of it. */
struct sluice_event {
	__u64 when_ns; /* CLOCK_MONOTONIC_COARSE */
	struct sluice_addr source;
	__u64 stands_for; /* the number of refusals that this event stands for, itself included: same reason, service and processor */
	__u16 service;
	__u16 local_port;
	__u16 reason; /* enum sluice_reason */
	__u8 verdict; /* enum sluice_verdict; PASS: only observed */
	__u8 pad;
};

enum sluice_verdict { SLUICE_VERDICT_PASS, SLUICE_VERDICT_DROP, SLUICE_VERDICT_RESET, SLUICE_VERDICT_COOKIE };

/* A counter as a SYN finds it: what it holds, and how many events its window has. */
struct sluice_count {
	__u32 held;
	__u32 events;
	struct sluice_limit limit;
	struct sluice_leased connections, rate;
};

/* What sluice_explain writes over the frame that it was asked about. */
struct sluice_explanation {
	__u32 verdict; /* enum sluice_verdict */
	__u32 reason; /* enum sluice_reason */
	__u32 observed; /* the refusal that observe mode let pass; SLUICE_UNDECIDED: none */
	__u32 service;
	struct sluice_rule rule;
	struct sluice_source_key source;
	__u32 country; /* country of the address; 0 also if the policy needs no table */
	struct sluice_count counts[4]; /* counters of the source, its set, its service, its network */
};

/* The audit iterator writes one such record per socket. */
struct sluice_audit_record {
	__u16 service;
	__u16 adopted; /* non-zero: it was not counted before */
	__u16 moved; /* non-zero: it is counted elsewhere now */
	__u16 pad;
};

#include "control.h"
#include "interfaces.h"
#include "lane.h"
#include "live.h"
#include "sizes.h"

#endif
