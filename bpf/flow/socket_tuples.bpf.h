/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A filter of the 4-tuples that the host's sockets have, TIME-WAIT included: two sets of bits, found by a keyed hash. A miss is certain, so
 * in a flood at a full limit the gate need not ask the socket table for each SYN. The tracker marks both sets. The audit, which visits all
 * sockets, fills the set that nobody reads, and its end exchanges the two, so tuples that are gone are forgotten. Each set is as large as the
 * tuples of the audit before need; if that becomes too small, the daemon has the next audits early. Admission and the express lane read it.
 */
#ifndef SLUICE_SOCKET_TUPLES_BPF_H
#define SLUICE_SOCKET_TUPLES_BPF_H

static __always_inline struct sluice_audits *audits_row(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&audits, &zero);
}

/* The number of the audit that is due or under way. */
static __always_inline __u32 audit_number(void)
{
	const struct sluice_control *now = control_row();

	return now ? SLUICE_SOCKETS_AUDIT(now->sockets) : 0;
}

/* Returns this word of set 0 or 1. */
static __always_inline __u64 *socket_word(__u32 set, __u32 number)
{
	__u32 index = (set & 1) << SLUICE_SOCKETS_BITS_MOST | number;

	return bpf_map_lookup_elem(&socket_tuples, &index);
}

/* For IPv4: `h` is the refusal_hash() of the source, which the lane has already. All addresses of the host count as one. */
static __always_inline __u64 socket_hash4(__u32 h, const struct sluice_tuple *t, const struct sluice_control *now)
{
	return hash_absorb((__u64)h << 32, (__u32)t->source_port << 16 | t->local_port, now);
}

static __always_inline __u64 socket_hash(const struct sluice_tuple *t, const struct sluice_control *now)
{
	if (!addr_is_mapped(&t->source))
		return tuple_hash(t, now);
	return socket_hash4(refusal_hash(t->source.word[3], now), t, now);
}

/* Returns the word of this hash, in a set whose words are numbered by so many bits. */
static __always_inline __u64 *socket_word_of(__u64 hash, __u32 set, __u32 bits)
{
	return socket_word(set, hash >> (64 - bits));
}

/*
 * Returns the three bits of this hash in its word. All in one word, so that they cost one read (a blocked Bloom filter: Putze, Sanders,
 * Singler, 2007): with 16 bits for each 4-tuple, one in a hundred that nobody has seems to be somebody's, and with 32 one in five hundred.
 */
static __always_inline __u64 socket_bits(__u64 hash)
{
	return 1ULL << (hash & 63) | 1ULL << (hash >> 6 & 63) | 1ULL << (hash >> 12 & 63);
}

static __always_inline __u64 sockets_now(const struct sluice_control *now)
{
	return *(const volatile __u64 *)&now->sockets;
}

/*
 * Returns 0 if certainly no socket has a 4-tuple with this hash. If an audit ends meanwhile, the set that was read may be empty already, and
 * nothing is certain.
 */
static __always_inline int sockets_may_have(__u64 hash, const struct sluice_control *now)
{
	__u64 bits = socket_bits(hash), sockets = sockets_now(now);
	const volatile __u64 *word =
		socket_word_of(hash, SLUICE_SOCKETS_AUDIT(sockets) + 1, SLUICE_SOCKETS_READ_BITS(sockets));

	return !word || (*word & bits) == bits || sockets_now(now) != sockets;
}

/* Returns 0 if certainly no socket has this 4-tuple, except for one whose event was missed and that no audit has seen yet. */
__noinline int socket_tuple_maybe(const struct sluice_tuple *t)
{
	const struct sluice_control *now = control_row();

	return !t || !now || sockets_may_have(socket_hash(t, now), now);
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
	struct sluice_audits *a = audits_row();
	__u64 hash, bits, sockets;
	__u32 audit;

	if (!t || !now || !a)
		return 0;
	hash = socket_hash(t, now);
	bits = socket_bits(hash);
	sockets = sockets_now(now);
	audit = SLUICE_SOCKETS_AUDIT(sockets);
	if (socket_bits_set(socket_word_of(hash, audit, SLUICE_SOCKETS_FILL_BITS(sockets)), bits))
		__sync_fetch_and_add(&a->tuples, 1);
	if (known)
		socket_bits_set(socket_word_of(hash, audit + 1, SLUICE_SOCKETS_READ_BITS(sockets)), bits);
	return 0;
}

static __always_inline struct sluice_addr addr_of_ipv6(const struct in6_addr___kernel *in)
{
	struct sluice_addr a = { { in->in6_u.u6_addr32[0], in->in6_u.u6_addr32[1], in->in6_u.u6_addr32[2],
				   in->in6_u.u6_addr32[3] } };

	return a;
}

/* The tuple of a socket, source first. An IPv6 socket with an IPv4 peer already holds it in mapped form. */
static __always_inline void socket_tuple(const struct sock_common *c, __be16 local_port, struct sluice_tuple *out)
{
	if (c->skc_family == AF_INET) {
		out->source = addr_mapped(c->skc_daddr);
		out->local = addr_mapped(c->skc_rcv_saddr);
	} else {
		out->source = addr_of_ipv6(&c->skc_v6_daddr);
		out->local = addr_of_ipv6(&c->skc_v6_rcv_saddr);
	}
	out->source_port = c->skc_dport;
	out->local_port = local_port;
}

/* Marks a socket that the audit visits, TIME-WAIT included. */
static __always_inline void audit_tuple_mark(const struct sock_common *c)
{
	const struct sluice_control *now = control_row();
	struct sluice_tuple t;

	if (!now || c->skc_state == TCP_LISTEN || c->skc_net.net->net_cookie != now->netns)
		return;
	socket_tuple(c, bpf_htons(c->skc_num), &t);
	socket_tuple_mark(&t, 0);
}

static long socket_word_clear(__u32 i, const __u32 *set)
{
	__u64 *word = socket_word(*set, i);

	if (word)
		*word = 0;
	return 0;
}

/*
 * Ends an audit: from now on the set that it filled is read, and the other one is cleared, for the next audit, and made as large as the
 * tuples since the audit before need. If the set has just grown, it stays as large: the audit came early, so these are the tuples of a second.
 * What the tracker marks there while it is cleared is lost, but the next audit visits that socket.
 */
static __always_inline void socket_tuples_exchange(struct sluice_audits *a, struct sluice_control *now)
{
	__u32 fill = SLUICE_SOCKETS_FILL_BITS(now->sockets), bits = socket_bits_for(a->tuples);
	__u32 next = SLUICE_SOCKETS_AUDIT(now->sockets) + 1;

	if (bits < fill && SLUICE_SOCKETS_READ_BITS(now->sockets) < fill)
		bits = fill;
	__sync_lock_test_and_set(&now->sockets, SLUICE_SOCKETS(next, fill, bits));
	a->tuples = 0;
	bpf_loop(1U << bits, socket_word_clear, &next, 0);
}

#endif
