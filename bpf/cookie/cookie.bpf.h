/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SYN cookies that the host's own TCP accepts (net/ipv4/syncookies.c). The gate makes the cookie and sends the SYN-ACK without the host.
 * The ACK that brings the cookie back goes to the host, which turns it into a connection as long as the listener remembers an overflow of
 * its queue. bpf_tcp_gen_syncookie() creates that memory, good for two minutes, but needs the listener looked up; so it is called once a
 * second, and the raw helpers make all other cookies.
 */
#ifndef SLUICE_COOKIE_BPF_H
#define SLUICE_COOKIE_BPF_H

#define STAMP_FRESH_NS (1000ULL * 1000000) /* the listener is told again after this ... */
#define STAMP_RETRY_NS (10ULL * 1000000) /* ... or after this, if it could not be told */
#define STAMP_GOOD_NS (60ULL * 1000000000) /* half of what the host remembers: the cookie must still come back */

/* Not on the stack, because that is short. It has no meaning between packets, which a processor judges one by one. */
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, scratch, __u32, struct segment, 1);

/* Asks the listener to remember, which also makes a cookie. -ENOENT: tcp_syncookies is not 2; -ESRCH: nobody listens. */
static __always_inline long listener_stamp(struct xdp_md *ctx, const struct sluice_pkt *pkt, struct segment *s,
					   __u32 len)
{
	struct bpf_sock *sk = socket_find(ctx, pkt);
	long cookie = -1;

	if (!sk)
		return -ESRCH;
	if (sk->state == TCP_LISTEN)
		cookie = bpf_tcp_gen_syncookie(sk, &s->ip, segment_ip_len(pkt), &s->tcp, len);
	bpf_sk_release(sk);
	return cookie;
}

enum stamp_says { STAMP_DUE, STAMP_ACCEPTS, STAMP_REFUSES };

/*
 * Returns non-zero if the listener remembers an overflow that is no older than `ns`. A time of 0 means never, even within a minute of the
 * boot.
 */
static __always_inline int stamp_younger(const struct sluice_stamp *stamp, __u64 now, __u64 ns)
{
	return stamp->stamped_ns && now - stamp->stamped_ns < ns;
}

/* Returns how often somebody began to listen at this port. */
static __always_inline __u32 listens_at(__u16 port)
{
	const struct sluice_guard *g = guard_of(port);

	return g ? g->listens : 0;
}

/* Returns what is known of the listener without asking it. DUE: it has to be asked. */
static __always_inline enum stamp_says stamp_read(const struct sluice_stamp *stamp, __u32 listens, __u64 now)
{
	__u64 wait;

	if (!stamp || stamp->listens != listens)
		return STAMP_DUE;
	wait = stamp_younger(stamp, now, STAMP_FRESH_NS * 2) ? STAMP_FRESH_NS : STAMP_RETRY_NS;
	if (now - stamp->tried_ns >= wait)
		return STAMP_DUE;
	return stamp_younger(stamp, now, STAMP_GOOD_NS) ? STAMP_ACCEPTS : STAMP_REFUSES;
}

/* Returns non-zero if the listener accepts cookies for some time to come. */
static __always_inline int stamp_renew(struct xdp_md *ctx, const struct sluice_pkt *pkt, struct segment *s, __u32 len,
				       __u64 now)
{
	struct sluice_listener_key key = { .addr = pkt->tuple.local, .port = pkt->local_port };
	struct sluice_stamp *stamp, fresh = { .tried_ns = now, .listens = listens_at(pkt->local_port) };
	enum stamp_says says;
	long cookie;

	stamp = bpf_map_lookup_elem(&stamps, &key);
	says = stamp_read(stamp, fresh.listens, now);
	if (says != STAMP_DUE)
		return says == STAMP_ACCEPTS;
	if (stamp && stamp->listens == fresh.listens) {
		fresh.stamped_ns = stamp->stamped_ns;
		stamp->tried_ns = now; /* keeps other processors from asking, too */
	}
	cookie = listener_stamp(ctx, pkt, s, len);
	if (cookie >= 0)
		fresh.stamped_ns = now;
	else if (cookie == -ESRCH)
		fresh.stamped_ns = 0; /* what it remembered is gone with it */
	else
		cookies_request();
	bpf_map_update_elem(&stamps, &key, &fresh, BPF_ANY);
	return stamp_younger(&fresh, now, STAMP_GOOD_NS);
}

/* Copies TCP's header, whole words, without a call. Returns 0 if a helper has to. */
static __always_inline int header_straight(struct xdp_md *ctx, const struct sluice_pkt *pkt, struct segment *s)
{
	__u32 at = pkt->tcp_offset, len = pkt->header_len, i;
	const __be32 *word = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	barrier_var(at);
	if (at > HEADERS_REACH)
		return 0;
	word = (const void *)word + at;
	for (i = 0; i < TCP_HEADER_MAX / sizeof(*word) && i * sizeof(*word) < len; i++) {
		if (!frame_has(word + i, end))
			return 0;
		s->words[i] = word[i];
	}
	return 1;
}

/* Returns the cookie that answers this SYN, or less than 0 if none can be made now. `s` is zero. */
static __always_inline __s64 cookie_compute(struct xdp_md *ctx, const struct sluice_pkt *pkt, struct segment *s,
					    __u64 now)
{
	__u32 len = pkt->header_len;

	if (len < sizeof(struct tcphdr))
		return -1;
	barrier_var(len); /* clang would fold the two checks into one that the verifier does not follow */
	if (len > TCP_HEADER_MAX)
		return -1;
	if (!header_straight(ctx, pkt, s) && bpf_xdp_load_bytes(ctx, pkt->tcp_offset, s->bytes, len))
		return -1;
	segment_addresses(s, pkt);
	if (!stamp_renew(ctx, pkt, s, len, now))
		return -1;
	if (pkt->ipv4)
		return bpf_tcp_raw_gen_syncookie_ipv4(&s->ip.v4, &s->tcp, len);
	return bpf_tcp_raw_gen_syncookie_ipv6(&s->ip.v6, &s->tcp, len);
}

/* Makes the cookie that answers this SYN, in pkt->cookie. Returns 0 if none can be made now, and the host has to answer. */
__noinline int cookie_make(struct xdp_md *ctx, struct sluice_pkt *pkt, __u64 now)
{
	struct segment *s;
	__u32 zero = 0;
	__s64 cookie;

	s = bpf_map_lookup_elem(&scratch, &zero);
	if (!pkt || !s)
		return 0;
	cookie = cookie_compute(ctx, pkt, s, now);
	__builtin_memset(s, 0, sizeof(*s));
	if (cookie < 0)
		return 0;
	pkt->cookie = cookie;
	return 1;
}

/*
 * Returns non-zero if cookie_make() could make one. To ask the listener would change it, so one that is due to be asked is assumed to
 * agree.
 */
__noinline int cookie_could(struct xdp_md *ctx, const struct sluice_pkt *pkt)
{
	struct sluice_listener_key key = {};
	enum stamp_says says;

	if (!pkt)
		return 0;
	key.addr = pkt->tuple.local;
	key.port = pkt->local_port;
	says = stamp_read(bpf_map_lookup_elem(&stamps, &key), listens_at(pkt->local_port), bpf_ktime_get_ns());
	return says == STAMP_DUE ? flow_of(ctx, pkt) == FLOW_LISTENER : says == STAMP_ACCEPTS;
}

#endif
