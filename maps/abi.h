/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What kernel and userspace agree on: keys and values of every map, sizes and pin names. Fixed width, explicit padding
 * zeroed by the writer, sizes asserted. Any change of a size or a meaning bumps SLUICE_ABI_VERSION.
 *
 * Byte order is in the type: __be16/__be32 as on the wire, everything else as on the host.
 * An address is always 16 bytes; IPv4 stands as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
 */
#ifndef SLUICE_ABI_H
#define SLUICE_ABI_H

#include <linux/bpf.h>
#include <linux/types.h>

#include "reasons.h"

#define SLUICE_ABI_VERSION 12

#define SLUICE_NAME_LEN 32 /* services and sets, with the final NUL */
#define SLUICE_TOTAL_NAME_LEN 64 /* "SERVICE" or "SET@SERVICE" */
#define SLUICE_TEXT_LEN 64 /* the reason given for a ban */
#define SLUICE_PATH_LEN 256

#define SLUICE_GEO_KINDS 2
#define SLUICE_FAMILIES 2
#define SLUICE_SLOTS 2 /* generations of policy: the one in force and the one being filled */
/* Service ids; 0 is "no service"; more than a policy may name, so that retired ones can drain. */
#define SLUICE_MAX_SERVICES 128
#define SLUICE_POLICY_SERVICES 64 /* services one policy may name */
#define SLUICE_SERVICE_PORTS 32
#define SLUICE_MAX_CLASSES 4096
#define SLUICE_MAX_RULES 8192
#define SLUICE_MAX_TOTALS 4096 /* counters of services (index = service id) and, from SLUICE_MAX_SERVICES on, of sets */
#define SLUICE_MAX_PREFIXES 2000000
#define SLUICE_SHARED \
	65536 /* counters, a power of two, for sources that find no room in `sources`; as many for networks */
#define SLUICE_SHARED_RATES 16384 /* the same of rates, for each interval; a power of two */
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
 * Handshakes in progress. A bucket has room for eight; there is twice the room that all services may fill together, so that a bucket
 * is hardly ever full before the table is. Buckets lie in groups, each with a count of what it holds.
 */
#define SLUICE_HANDSHAKE_WAYS 8
#define SLUICE_HANDSHAKE_BUCKETS 16384 /* a power of two */
#define SLUICE_HANDSHAKE_GROUPS 4096 /* a power of two: four buckets each */
#define SLUICE_MAX_HANDSHAKES 65536
#define SLUICE_SOCKET_WORDS 16384 /* of 64 bits: a million bits for the 4-tuples of sockets */
#define SLUICE_EVENT_BYTES 65536 /* of the ring, a power of two */
#define SLUICE_DEFAULT_SOURCES 1000000
#define SLUICE_MAX_LEASES 262144 /* limits of which this host has a lease */
#define SLUICE_FLEET_BYTES 262144 /* of the ring of changes, a power of two */
#define SLUICE_MAX_INSIDES 262144
#define SLUICE_MAX_SUSPECTS 65536
#define SLUICE_MAX_STAMPS 4096
#define SLUICE_MAX_FRAGMENTS 4096
#define SLUICE_SKETCH_ROWS 4
#define SLUICE_SKETCH_CELLS 16384 /* a row; a power of two */

/*
 * A handshake holds its slots this long. A client whose SYN-ACK was lost asks again after 1 s (RFC 6298, 2.1), so 3 s cover one lost
 * packet either way; afterwards it holds nothing, and must find a free slot when it completes.
 */
#define SLUICE_HANDSHAKE_NS (3ULL * 1000000000)
/*
 * How long a handshake can still complete after that: net.ipv4.tcp_synack_retries = 5 gives up after 63 s, a SYN cookie is
 * good for two minutes (include/net/tcp.h, TCP_SYNCOOKIE_VALID).
 */
#define SLUICE_EXPIRED_NS (124ULL * 1000000000)
#define SLUICE_GUARD_NS (128ULL * 1000000000) /* longer than any cookie lives */
#define SLUICE_FRAGMENT_NS (30ULL * 1000000000) /* how long the host waits for the others: net.ipv4.ipfrag_time */
#define SLUICE_SUSPECT_NS (60ULL * 1000000000)
#define SLUICE_WANT_NS (3ULL * 1000000000) /* cookies are wanted this long after the last SYN that needed one */
#define SLUICE_SWEEP_NS (250ULL * 1000000)

/* A window of 20 whole buckets and the running one: never more than N in any T, and each is forgotten by 1.05 T. */
#define SLUICE_RATE_BUCKETS 21

struct sluice_addr {
	__be32 word[4];
};

/* One row: what is in force. `force` is written last, by one 8-byte store: packets see the old generation or the new one, whole. */
struct sluice_control {
	__u64 force; /* which slot, and until when: see force.h */
	__u64 open_ns; /* CLOCK_MONOTONIC: from then on the gate lets everything pass; 0: never */
	__u32 abi;
	__u32 seed; /* of the sketch's hashes: nobody outside may know who shares a cell with whom */
	__u64 netns; /* cookie of the network namespace whose sockets count (struct net, net_cookie) */
	__u64 event_epoch; /* changes each time somebody starts to watch; 0: nobody watches */
	__u64 event_gap_ns; /* between two events of one reason on one processor */
	__u64 bans; /* number of the last change of the bans that is in force: see struct sluice_ban */
	__u64 bans_begun; /* not 0: the change of this number is in progress, or was cut short. Only userspace uses it */
	__u64 secret[2]; /* of the hashes that decide who shares a counter with whom */
	__u64 lane; /* which refusals may be repeated: see lane.h. 0: none */
	__u64 lane_number; /* how often the lane was opened. Only userspace uses it */
};

/* Which build runs here, and with which policy files: read by userspace only. */
struct sluice_identity {
	__u32 abi; /* first in every ABI: a build of another one reads no more than this */
	__u32 build; /* of the programs: CRC-32 of the object that they came from */
	__u32 reverts; /* policies that were not confirmed in time */
	__u32 pad;
	__u64 reverted_s; /* CLOCK_REALTIME, when the last one went, which the idle slot still names; 0: another was put in force since */
	char policy[SLUICE_SLOTS][SLUICE_PATH_LEN]; /* the file of each slot */
};

/* When a service comes under pressure, and when it is calm again. A rate or a count of 0: never for this reason. */
struct sluice_flood {
	__u32 cookies; /* 0: never answer by SYN cookies */
	__u32 half_open; /* reservations unanswered */
	__u32 syn_rate; /* SYNs in 20 * syn_width_ns */
	__u32 expired_rate; /* reservations that ran out unanswered */
	__u64 syn_width_ns;
	__u64 expired_width_ns;
	__u32 calm_percent; /* calm: below this part of each threshold ... */
	__u32 pad;
	__u64 calm_ns; /* ... for so long */
};

/*
 * Addresses in which an IPv4 address stands behind a prefix of 32, 40, 48, 56, 64 or 96 bits (RFC 6052, 2.2). Host order: the
 * first 64 bits of the prefix, and the next 32.
 */
struct sluice_translated {
	__u64 high;
	__u32 low;
	__u32 bits;
};

struct sluice_generation {
	__u64 number; /* 1, 2, 3 ...; 0: slot never filled */
	__u32 observe; /* refuse nothing, count what would be refused */
	__u32 classified; /* some address has a class other than 0 */
	__u32 handshakes; /* unanswered ones that each service may have in progress: its share of the table */
	__u32 translated_count;
	struct sluice_addr mask4; /* source aggregation: of IPv4 (in mapped form), of IPv6 */
	struct sluice_addr mask6;
	__u64 retention_ns;
	/* Ranges of the country and network databases that it was made of; for userspace, when the newest was written. */
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
 * The classifier: address -> leaf, for the whole of both address families at once.
 *
 * A multibit trie of 32-bit cells in pages. The first 16 bits of an address (IPv4: of its own 32) index one of two root tables; every
 * 8 bits more lead one node down. A cell is a leaf or, with SLUICE_TRIE_NODE set, the place of a node. Neighbouring values of a
 * node that are equal stand once: a bitmap says where a new one begins, and how many begin before an address's own 8 bits
 * is the index of its value (Degermark et al., Small Forwarding Tables, 1997; Asai and Ohara, Poptrie, 2015). Nodes that are
 * equal stand once, too. No node crosses a page, so one map lookup a node is enough, and a node's place is even.
 */
#define SLUICE_TRIE_CELLS 1024 /* in a page */
#define SLUICE_TRIE_NODE (1U << 31)
#define SLUICE_TRIE_ROOT 65536 /* cells of a root table; IPv4's is first */
#define SLUICE_TRIE_ROOT_BITS 16
#define SLUICE_TRIE_STEP_BITS 8 /* of a node */
#define SLUICE_TRIE_DEPTH 14 /* nodes below the root, at most */

struct sluice_trie_page {
	__u32 cell[SLUICE_TRIE_CELLS];
};

struct sluice_trie_node {
	__u64 begins[4]; /* bit n of word w: a new value begins at 64 w + n; the first bit is always set */
	__u32 before; /* byte w (the lowest is 0): how many begin in the words before w */
	__u32 value[]; /* 1 to 256 cells */
};

/* A leaf: where the address is, and its class, which is what the policy makes of it. */
#define SLUICE_LEAF_CLASS(leaf) ((leaf)&0xffff)
#define SLUICE_LEAF_COUNTRY(leaf) ((leaf) >> 16 & 0x3ff) /* 0: in no database; else 1 + 26 x first letter + second */
#define SLUICE_LEAF_PRIVATE(leaf) \
	((leaf) >> 26 & 1) /* of no country, as it is in no public network (core/values/private.h) */
#define SLUICE_COUNTRIES 677

/* Rows of a service in `admitted_from`: those of countries, and two more. */
enum sluice_origin {
	SLUICE_ORIGIN_PRIVATE = SLUICE_COUNTRIES,
	SLUICE_ORIGIN_SINCE, /* no count: when counting began, in seconds since 1970; userspace writes it, for one processor */
	SLUICE_ORIGINS,
};

/* Index of the array: slot * 65536 + port. */
struct sluice_port {
	__u16 service; /* at any address of the host; 0: none */
	__u16 listeners; /* not 0: some service names this port at its own addresses, see struct sluice_listener_key */
	__u32 pad;
};

struct sluice_listener_key {
	struct sluice_addr addr;
	__u16 slot;
	__u16 port;
};

/* A port in a container's network namespace (which has this cookie), where the host's DNAT leads; `addr` zero: any address there. */
struct sluice_published_key {
	__u64 netns;
	struct sluice_addr addr;
	__u16 slot;
	__u16 port;
	__u32 pad;
};

/* ... and what arriving packets have instead: the host's port, and one of the host's addresses that is the same service's. */
struct sluice_published {
	struct sluice_addr addr;
	__u16 port;
	__u16 pad;
};

/* What DNAT leaves of a tuple, except for the host's port: by this the tracker finds the address that the client used. */
struct sluice_half {
	struct sluice_addr source;
	__be16 source_port;
	__be16 local_port; /* of the host */
};

/* A section of the policy, for userspace: the audit finds the namespaces by it. Index: slot * SLUICE_MAX_CONTAINERS + number. */
struct sluice_container {
	char name[SLUICE_NAME_LEN]; /* "": no more of them */
	char netns[SLUICE_PATH_LEN]; /* path, or shell pattern */
	__u32 addresses_count, ports_count;
	struct sluice_addr addresses[SLUICE_CONTAINER_ADDRESSES];
	struct sluice_published host[SLUICE_SERVICE_PORTS];
	__u16 port[SLUICE_SERVICE_PORTS]; /* in the container, of each */
};

/* 0 in `connections` or `rate`: no limit. `width_ns` is a 20th of the interval; without a rate, of that which `peaks` go by. */
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
	struct sluice_limit source; /* each source, unless a set says otherwise: for status; the gate reads the rule */
	struct sluice_limit network; /* the same of each network */
	struct sluice_limit syn; /* SYNs of each source that never completed a handshake; `connections` is not used */
	__u16 excess; /* enum sluice_excess */
	__u16 published; /* some container has ports of it: no cookies, and addresses are kept in `halves` */
	__u32 ports_count;
	__u16 ports[SLUICE_SERVICE_PORTS];
	__u64 fleet; /* fleet_name(): its own limits hold over the fleet; 0: they do not */
	__u32 exact; /* no implicit lease: never more than the limits, over all hosts */
	__u32 pad;
};

enum sluice_action { SLUICE_ACTION_LIMIT, SLUICE_ACTION_ALLOW, SLUICE_ACTION_DENY, SLUICE_ACTION_COUNTRY };

/* What counts as one source, of one family; lengths are those of the mapped form. */
struct sluice_aggregate {
	struct sluice_addr mask;
	__u8 source_bits; /* of `mask` */
	__u8 network_bits; /* of the network that the source lies in; 0: it has no limits */
	__u16 pad;
};

/* What one class of sources may do at one service. Index: slot * SLUICE_MAX_RULES + number. */
struct sluice_rule {
	__u16 action; /* enum sluice_action */
	__u16 set_id; /* 1 + index of the set in the policy; 0: no set decides. For explain */
	__u32 set_total; /* counter of the set at this service; 0: the set has no limit of its own for all its sources */
	__u64 fleet; /* fleet_name() of the service, where it or the set holds its limits over the fleet; 0: neither does */
	__u64 fleet_set; /* ... of the set at the service */
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

/* A live ban or allow. */
struct sluice_live {
	__u64 expires_ns; /* CLOCK_MONOTONIC; 0: never */
	__u32 prefixlen; /* of its own key: an expired entry must not hide a shorter one */
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
	struct bpf_spin_lock lock; /* over the windows */
	__u32 on; /* every SYN is answered with a cookie */
	__u32 embryonic; /* handshakes in progress that nobody has answered; added to atomically */
	__u32 suspects; /* some sources are in the map of this name */
	__u32 completed; /* a handshake that was charged here has completed: packets and sockets have the same addresses */
	__u32 ack_flood; /* segments that belong to nothing are dropped */
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
};

/* When the listener at an address and port was last told to accept cookies. */
struct sluice_stamp {
	__u64 stamped_ns; /* 0: the listener could not be told, or there is none */
	__u64 tried_ns;
	__u32 listens; /* of the port's guard, when it was told: what a socket remembers goes with the socket */
	__u32 pad;
};

/* SYNs of the sources that share this cell, in the running interval and the one before. */
struct sluice_cell {
	__u32 epoch;
	__u32 now;
	__u32 before;
	__u32 pad;
};

/* The datagram that a first fragment to a protected port began. */
struct sluice_fragment_key {
	struct sluice_addr source;
	struct sluice_addr local;
	__u32 id;
};

struct sluice_fragment {
	__u64 seen_ns;
	__u16 end; /* of its bytes, from the start of the datagram's payload */
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
struct sluice_tuning {
	__u32 raised;
	__u32 original;
};

/* A counted connection. Key: its socket's cookie. Inserting the entry takes the slots; deleting it gives them back. */
struct sluice_connection {
	struct sluice_holding holding;
	__u32 seen; /* number of the audit that found its socket last, or that was due when it was opened */
	__u32 waits_s; /* not 0: it ended before the application took it, this many seconds after boot, and waits to be taken */
};

/*
 * The longest that a connection that ended before the application took it keeps its slots. The kernel reports the end of each such
 * socket; this is for an event that was missed, because no audit finds a closed socket. Longer than an application that is alive
 * lets its accept queue wait.
 */
#define SLUICE_WAIT_S 3600

/* Rows of `tally`: each the sum over all processors. */
enum sluice_tally_row {
	SLUICE_TALLY_SOURCES, /* elements of `sources`: else only a walk of the whole table tells */
	SLUICE_TALLY_CHANGES, /* connections counted and given back so far: what may change while an audit looks */
	SLUICE_TALLY_WAITING, /* and a row for each service id: its connections that wait to be taken, which no audit finds */
	SLUICE_TALLY_NETWORKS = SLUICE_TALLY_WAITING + SLUICE_MAX_SERVICES, /* elements of the tables of these names */
	SLUICE_TALLY_RATES,
	SLUICE_TALLIES,
};

/* One row, written by the kernel side when the daemon has it end an audit, or give back what is gone. */
struct sluice_audits {
	__u32 number; /* of the audit that is due or under way */
	__u32 healed; /* connections given back because their socket was gone and no event had said so */
};

/* Per-CPU; index: service id * SLUICE_REASONS + reason. */
struct sluice_stat {
	__u64 packets;
	__u64 connections; /* of these, first SYNs of a connection */
	__u64 observed; /* would have been refused for this reason */
	__u64 event_epoch; /* what follows is of this one */
	__u64 told; /* refusals already reported by events; of packets + observed */
	__u64 quiet_jiffy; /* the budget is used up; it is not asked again before the next one */
};

/* When the budget for telling of one reason on one processor would be even again: per-CPU, index: reason. */
struct sluice_budget {
	__u64 next_ns;
};

#define SLUICE_EVENT_BURST 10 /* events of one reason on one processor that may come at once */

/* One refusal told, for `watch`. */
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

/* A counter as a SYN meets it: what it holds, and how many events its window has. */
struct sluice_count {
	__u32 held;
	__u32 events;
	struct sluice_limit limit;
	struct sluice_leased connections, rate;
};

/* What sluice_explain writes over the frame it was asked about. */
struct sluice_explanation {
	__u32 verdict; /* enum sluice_verdict */
	__u32 reason; /* enum sluice_reason */
	__u32 observed; /* the refusal that observe mode let pass; SLUICE_UNDECIDED: none */
	__u32 service;
	struct sluice_rule rule;
	struct sluice_source_key source;
	__u32 country; /* of the address; 0 also where the policy needs no table */
	struct sluice_count counts[4]; /* of the source, its set, its service, its network */
};

/* One record per socket that the audit iterator writes. */
struct sluice_audit_record {
	__u16 service;
	__u16 adopted; /* was not counted before */
	__u16 moved; /* is counted elsewhere now */
	__u16 pad;
};

#include "interfaces.h"
#include "lane.h"
#include "live.h"
#include "sizes.h"

#endif
