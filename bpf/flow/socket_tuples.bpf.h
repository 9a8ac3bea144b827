/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A filter of the 4-tuples that the host's sockets have, TIME-WAIT included: two sets of bits, found by a keyed hash. A miss is certain, so
 * in a flood at a full limit the gate need not ask the socket table for each SYN. The tracker marks both sets. The audit, which visits all
 * sockets, fills the set that nobody reads, and its end exchanges the two, so tuples that are gone are forgotten. Each set is as large as the
 * tuples of the audit before need. Admission and the express lane read it.
 */
#ifndef SLUICE_SOCKET_TUPLES_BPF_H
#define SLUICE_SOCKET_TUPLES_BPF_H

static __always_inline struct sluice_audits *audits_row(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&audits, &zero);
}

static __always_inline __u32 audit_number(void)
{
	const struct sluice_audits *a = audits_row();

	return a ? a->number : 0;
}

/* Returns how many words a set has for so many 4-tuples, a power of two: at least 32 bits for each, while there is room. */
static __always_inline __u32 socket_words(__u32 tuples)
{
	__u32 words;

	for (words = SLUICE_SOCKET_WORDS_LEAST; words < SLUICE_SOCKET_WORDS; words *= 2)
		if (words * 2 >= tuples)
			break;
	return words;
}

/* Returns the word of this hash in set 0 or 1. */
static __always_inline __u64 *socket_word(const struct sluice_audits *a, __u64 hash, __u32 set)
{
	__u32 index = hash >> 6;

	set &= 1;
	index &= (a->words[set] ?: SLUICE_SOCKET_WORDS_LEAST) - 1;
	index = set * SLUICE_SOCKET_WORDS + (index & (SLUICE_SOCKET_WORDS - 1));
	return bpf_map_lookup_elem(&socket_tuples, &index);
}

/*
 * Returns the three bits of this hash in its word. All in one word, so that they cost one read (a blocked Bloom filter: Putze, Sanders,
 * Singler, 2007): with 16 bits for each 4-tuple, one in a hundred that nobody has seems to be somebody's, and with 32 one in five hundred.
 */
static __always_inline __u64 socket_bits(__u64 hash)
{
	return 1ULL << (hash & 63) | 1ULL << (hash >> 52 & 63) | 1ULL << (hash >> 58);
}

/* If an audit ends meanwhile, the set that was read may be empty already, and nothing is certain. */
static __always_inline int socket_tuple_marked(const struct sluice_tuple *t, const struct sluice_control *now)
{
	const struct sluice_audits *a = audits_row();
	__u64 hash = tuple_hash(t, now), bits = socket_bits(hash);
	const volatile __u64 *word;
	__u32 number;

	if (!a)
		return 1;
	number = *(const volatile __u32 *)&a->number;
	word = socket_word(a, hash, number + 1);
	return !word || (*word & bits) == bits || *(const volatile __u32 *)&a->number != number;
}

/* Returns 0 if certainly no socket has this 4-tuple, except for one whose event was missed and that no audit has seen yet. */
__noinline int socket_tuple_maybe(const struct sluice_tuple *t)
{
	const struct sluice_control *now = control_row();

	return !t || !now || socket_tuple_marked(t, now);
}

/* Returns non-zero if the bits were not all there. */
static __always_inline int socket_bits_set(__u64 *word, __u64 bits)
{
	if (!word || (*word & bits) == bits)
		return 0;
	__sync_fetch_and_or(word, bits);
	return 1;
}

/* Marks the tuple in the set that the audit fills and, if `known`, in the one that is read. */
__noinline int socket_tuple_mark(const struct sluice_tuple *t, int known)
{
	const struct sluice_control *now = control_row();
	__u64 hash = t && now ? tuple_hash(t, now) : 0, bits = socket_bits(hash);
	struct sluice_audits *a = audits_row();
	__u32 number;

	if (!a)
		return 0;
	number = a->number;
	if (socket_bits_set(socket_word(a, hash, number), bits))
		__sync_fetch_and_add(&a->tuples, 1);
	if (known)
		socket_bits_set(socket_word(a, hash, number + 1), bits);
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

static long socket_word_clear(__u32 i, const __u32 *number)
{
	const struct sluice_audits *a = audits_row();
	__u64 *word = a ? socket_word(a, (__u64)i << 6, *number) : NULL;

	if (word)
		*word = 0;
	return 0;
}

/*
 * Ends an audit: from now on the set that it filled is read, and the other one is cleared, for the next audit, and made as large as the
 * tuples of this one need. What the tracker marks there while it is cleared is lost, but the next audit visits that socket.
 */
static __always_inline void socket_tuples_exchange(struct sluice_audits *a)
{
	__u32 number = a->number + 1, words = socket_words(a->tuples);

	__sync_fetch_and_add(&a->number, 1);
	a->words[number & 1] = words;
	a->tuples = 0;
	bpf_loop(words, socket_word_clear, &number, 0);
}

#endif
