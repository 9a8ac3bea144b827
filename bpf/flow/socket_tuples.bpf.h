/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A filter of the 4-tuples that the host's sockets have, TIME-WAIT included: two sets of bits, found by a keyed hash. A miss is certain, so
 * in a flood at a full limit the gate need not ask the socket table for each SYN. The tracker marks both sets. The audit, which visits all
 * sockets, fills the set that nobody reads, and its end exchanges the two, so tuples that are gone are forgotten. Admission reads it.
 */
#ifndef SLUICE_SOCKET_TUPLES_BPF_H
#define SLUICE_SOCKET_TUPLES_BPF_H

static __always_inline __u32 audit_number(void)
{
	const struct sluice_audits *a;
	__u32 zero = 0;

	a = bpf_map_lookup_elem(&audits, &zero);
	return a ? a->number : 0;
}

/* Returns the word of this hash in set 0 or 1. */
static __always_inline __u64 *socket_word(__u64 hash, __u32 set)
{
	__u32 index = (set & 1) * SLUICE_SOCKET_WORDS + (hash >> 6 & (SLUICE_SOCKET_WORDS - 1));

	return bpf_map_lookup_elem(&socket_tuples, &index);
}

/*
 * Returns the three bits of this hash in its word. All in one word, so that they cost one read (a blocked Bloom filter: Putze, Sanders,
 * Singler, 2007): with 65,536 sockets, one 4-tuple in a hundred that nobody has seems to be theirs, instead of one in sixteen.
 */
static __always_inline __u64 socket_bits(__u64 hash)
{
	return 1ULL << (hash & 63) | 1ULL << (hash >> 20 & 63) | 1ULL << (hash >> 26 & 63);
}

static __always_inline int socket_tuple_marked(const struct sluice_tuple *t, const struct sluice_control *now)
{
	__u64 hash = tuple_hash(t, now);
	const __u64 *word = socket_word(hash, audit_number() + 1);
	__u64 bits = socket_bits(hash);

	return word && (*word & bits) == bits;
}

/* Returns 0 if certainly no socket has this 4-tuple, except for one whose event was missed and that no audit has seen yet. */
__noinline int socket_tuple_maybe(const struct sluice_tuple *t)
{
	const struct sluice_control *now = control_row();

	return !t || !now || socket_tuple_marked(t, now);
}

/* Marks the tuple in the set that the audit fills and, if `known`, in the one that is read. */
__noinline int socket_tuple_mark(const struct sluice_tuple *t, int known)
{
	const struct sluice_control *now = control_row();
	__u64 hash = t && now ? tuple_hash(t, now) : 0, bits = socket_bits(hash);
	__u32 number = audit_number();
	__u64 *word = socket_word(hash, number);

	if (word && (*word & bits) != bits)
		__sync_fetch_and_or(word, bits);
	word = known ? socket_word(hash, number + 1) : NULL;
	if (word && (*word & bits) != bits)
		__sync_fetch_and_or(word, bits);
	return 0;
}

/* Marks a socket that the audit visits, TIME-WAIT included. */
static __always_inline void audit_tuple_mark(const struct sock_common *c)
{
	const struct sluice_control *now = control_row();
	struct sluice_tuple t;

	if (!now || c->skc_state == TCP_LISTEN || c->skc_net.net->net_cookie != now->netns)
		return;
	if (c->skc_family == AF_INET) {
		t.source = addr_mapped(c->skc_daddr);
		t.local = addr_mapped(c->skc_rcv_saddr);
	} else {
		t.source = addr_of_ipv6(&c->skc_v6_daddr);
		t.local = addr_of_ipv6(&c->skc_v6_rcv_saddr);
	}
	t.source_port = c->skc_dport;
	t.local_port = bpf_htons(c->skc_num);
	socket_tuple_mark(&t, 0);
}

static long socket_word_clear(__u32 i, const __u32 *set)
{
	__u64 *word = socket_word((__u64)i << 6, *set);

	if (word)
		*word = 0;
	return 0;
}

/* The audit with this number begins with an empty set. */
static __always_inline void socket_tuples_begin(__u32 number)
{
	bpf_loop(SLUICE_SOCKET_WORDS, socket_word_clear, &number, 0);
}

#endif
