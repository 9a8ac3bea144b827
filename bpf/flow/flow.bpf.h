/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose packet is this? Looks it up in the host's own socket table, once: a packet whose 4-tuple belongs to a socket is that socket's, and
 * only one that finds a listener may begin a connection. Admission calls this before anything is charged. It changes nothing.
 */
#ifndef SLUICE_FLOW_BPF_H
#define SLUICE_FLOW_BPF_H

#define TCP_HEADER_MAX 60

/* The headers as the kernel's helpers want them, which read only version and addresses of the IP header. */
struct segment {
	union {
		struct iphdr v4;
		struct ipv6hdr v6;
	} ip;
	union {
		struct tcphdr tcp;
		__u8 bytes[TCP_HEADER_MAX];
		__be32 words[TCP_HEADER_MAX / 4];
	};
};

enum flow {
	FLOW_NONE, /* no socket: the host answers with a RST */
	FLOW_LISTENER, /* it belongs to no connection, but somebody listens */
	FLOW_COOKIE, /* the same, or it belongs to a handshake in progress, and it brings back a SYN cookie */
	FLOW_HANDSHAKE, /* it belongs to a handshake in progress; an ACK in it acknowledges another number than the host's */
	FLOW_ANSWER, /* it completes a handshake in progress */
	FLOW_CONNECTION,
	FLOW_TIMEWAIT,
	FLOW_UNSEEN, /* nobody can say: it may be of a handshake in progress, or begin one (unseen.bpf.h) */
};

static __always_inline void segment_addresses(struct segment *s, const struct sluice_pkt *pkt)
{
	if (pkt->ipv4) {
		s->ip.v4.version = 4;
		s->ip.v4.saddr = pkt->tuple.source.word[3];
		s->ip.v4.daddr = pkt->tuple.local.word[3];
		return;
	}
	s->ip.v6.version = 6;
	__builtin_memcpy(&s->ip.v6.saddr, &pkt->tuple.source, 16);
	__builtin_memcpy(&s->ip.v6.daddr, &pkt->tuple.local, 16);
}

static __always_inline __u32 segment_ip_len(const struct sluice_pkt *pkt)
{
	return pkt->ipv4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

/* Fills a bare header of the segment. It has no options, which are only asked for in SYNs. */
static __always_inline void segment_bare(struct segment *s, const struct sluice_pkt *pkt)
{
	segment_addresses(s, pkt);
	s->tcp.source = pkt->tuple.source_port;
	s->tcp.dest = pkt->tuple.local_port;
	s->tcp.seq = pkt->seq;
	s->tcp.ack_seq = pkt->ack_seq;
	s->tcp.doff = sizeof(struct tcphdr) / 4;
	s->bytes[13] = pkt->flags;
}

/* Returns the socket that the segment would reach: a connection, a handshake or a listener. The caller releases it. */
static __always_inline struct bpf_sock *socket_find(struct xdp_md *ctx, const struct sluice_pkt *pkt)
{
	struct bpf_sock_tuple t = {};

	if (pkt->ipv4) {
		t.ipv4.saddr = pkt->tuple.source.word[3];
		t.ipv4.daddr = pkt->tuple.local.word[3];
		t.ipv4.sport = pkt->tuple.source_port;
		t.ipv4.dport = pkt->tuple.local_port;
		return bpf_skc_lookup_tcp(ctx, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	}
	__builtin_memcpy(t.ipv6.saddr, &pkt->tuple.source, 16);
	__builtin_memcpy(t.ipv6.daddr, &pkt->tuple.local, 16);
	t.ipv6.sport = pkt->tuple.source_port;
	t.ipv6.dport = pkt->tuple.local_port;
	return bpf_skc_lookup_tcp(ctx, &t, sizeof(t.ipv6), BPF_F_CURRENT_NETNS, 0);
}

/*
 * Returns non-zero if the number that this segment acknowledges is a SYN cookie of the host. Whether the listener would accept it is not
 * asked.
 */
static __always_inline int cookie_is_good(const struct sluice_pkt *pkt)
{
	struct segment s = {};

	segment_bare(&s, pkt);
	if (pkt->ipv4)
		return !bpf_tcp_raw_check_syncookie_ipv4(&s.ip.v4, &s.tcp);
	return !bpf_tcp_raw_check_syncookie_ipv6(&s.ip.v6, &s.tcp);
}

/* The same for a segment of a listener that the gate cannot look up. Only segments without SYN bring cookies back. */
__noinline int cookie_is_back(const struct sluice_pkt *pkt)
{
	return pkt && pkt->ack && !pkt->syn_ack && !pkt->syn && cookie_is_good(pkt);
}

/*
 * Classifies a segment of a handshake in progress, and ends the reference to `sk`. A segment that does not acknowledge the number of the
 * SYN-ACK goes to the listener (net/ipv4/tcp_minisocks.c, tcp_check_req), which turns a cookie into a connection.
 */
static __always_inline enum flow handshake_flow(struct bpf_sock *sk, const struct sluice_pkt *pkt)
{
	struct tcp_request_sock *request = bpf_skc_to_tcp_request_sock(sk);
	__u32 isn = request ? request->snt_isn : 0;
	int known = request != NULL;

	bpf_sk_release(sk);
	if (!pkt->ack)
		return FLOW_HANDSHAKE;
	if (known && bpf_ntohl(pkt->ack_seq) == isn + 1)
		return FLOW_ANSWER;
	return !pkt->syn_ack && cookie_is_good(pkt) ? FLOW_COOKIE : FLOW_HANDSHAKE;
}

/* Classifies a segment that finds a listener. Only segments without SYN bring cookies back (net/ipv4/tcp_ipv4.c, tcp_v4_cookie_check). */
static __always_inline enum flow listener_flow(struct bpf_sock *sk, const struct sluice_pkt *pkt)
{
	struct segment s = {};
	long err = -1;

	if (pkt->ack && !pkt->syn_ack) {
		segment_bare(&s, pkt);
		err = bpf_tcp_check_syncookie(sk, &s.ip, segment_ip_len(pkt), &s.tcp, sizeof(s.tcp));
	}
	bpf_sk_release(sk);
	return err ? FLOW_LISTENER : FLOW_COOKIE;
}

/* Returns an enum flow. It is verified once, apart from its callers. */
__noinline int flow_of(struct xdp_md *ctx, const struct sluice_pkt *pkt)
{
	struct bpf_sock *sk;
	int state;

	if (!pkt)
		return FLOW_CONNECTION;
	sk = socket_find(ctx, pkt);
	if (!sk)
		return FLOW_NONE;
	state = sk->state;
	if (state == TCP_NEW_SYN_RECV)
		return handshake_flow(sk, pkt);
	if (state == TCP_LISTEN)
		return listener_flow(sk, pkt);
	bpf_sk_release(sk);
	return state == TCP_TIME_WAIT ? FLOW_TIMEWAIT : FLOW_CONNECTION;
}

#endif
