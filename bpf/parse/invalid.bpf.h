/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Segments that no honest TCP sends. The host would drop most of them itself, later; the others are meant to look like one
 * thing to a filter and like another to the host. The sender does not matter, because anybody can forge it.
 */
#ifndef SLUICE_INVALID_BPF_H
#define SLUICE_INVALID_BPF_H

#define FLAG_FIN 1
#define FLAG_SYN 2
#define FLAG_RST 4
#define FLAG_PSH 8
#define FLAG_ACK 16
#define FLAG_URG 32

/* RFC 9293, 3.10.7: after the SYN, every segment except a RST carries ACK; SYN, FIN and RST exclude each other. PSH may be set or not. */
static __always_inline int flags_are_invalid(__u8 flags)
{
	__u8 control = flags & (FLAG_FIN | FLAG_SYN | FLAG_RST);

	if (control & (control - 1))
		return 1;
	return !control || control == FLAG_FIN ? !(flags & FLAG_ACK) : 0;
}

static __always_inline void fragment_key_of(const struct sluice_pkt *pkt, struct sluice_fragment_key *key)
{
	key->source = pkt->tuple.source;
	key->local = pkt->tuple.local;
	key->id = pkt->fragment_id;
}

/*
 * UNDECIDED: this later fragment claims bytes that the first one already had, and pkt->local_port is that one's port. LATER_FRAGMENT: it
 * claims none, so it shows no port; nor can the first one have hidden anything from us (see below, and chain.bpf.h).
 */
static __always_inline enum sluice_reason fragment_recall(struct sluice_pkt *pkt)
{
	const struct sluice_fragment *first;
	struct sluice_fragment_key key;

	fragment_key_of(pkt, &key);
	first = bpf_map_lookup_elem(&fragments, &key);
	if (!first || bpf_ktime_get_ns() - first->seen_ns > SLUICE_FRAGMENT_NS || pkt->fragment_offset >= first->end)
		return SLUICE_LATER_FRAGMENT;
	pkt->local_port = first->port;
	return SLUICE_UNDECIDED;
}

static __always_inline void fragment_note(const struct sluice_pkt *pkt)
{
	struct sluice_fragment first = { .seen_ns = bpf_ktime_get_ns(), .port = pkt->local_port };
	struct sluice_fragment_key key;

	first.end = pkt->tcp_end - pkt->fragment_start;
	fragment_key_of(pkt, &key);
	bpf_map_update_elem(&fragments, &key, &first, BPF_ANY);
}

/* Checks a packet to a protected port: FRAGMENT, EVASION, MALFORMED or UNDECIDED. With `dry`, a first fragment is not noted. */
static __always_inline enum sluice_reason invalid_check(const struct sluice_pkt *pkt, int dry)
{
	if (pkt->fragment_offset)
		return SLUICE_FRAGMENT;
	if (pkt->more && (pkt->short_header || pkt->syn))
		return SLUICE_FRAGMENT;
	/* among honest packets, only segments of a connection are so large that their length is 0 */
	if (pkt->rerouted || (pkt->unsized && (pkt->syn || pkt->more)))
		return SLUICE_EVASION;
	if (pkt->short_header || pkt->header_len < sizeof(struct tcphdr) || flags_are_invalid(pkt->flags))
		return SLUICE_MALFORMED;
	/* "land": the answer would go to the host itself */
	if (pkt->tuple.source_port == pkt->tuple.local_port && addr_is(&pkt->tuple.source, &pkt->tuple.local))
		return SLUICE_MALFORMED;
	if (pkt->more && !dry)
		fragment_note(pkt);
	return SLUICE_UNDECIDED;
}

#endif
