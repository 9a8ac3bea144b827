/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Internet checksums (RFC 1071): of SYNs, before they take anything, and of the answers that answer.bpf.h makes. A SYN with a wrong
 * checksum is no sign of a flood, and no client waits for an answer: the host would drop it silently, and so does the gate. It must not be
 * left to the host. A sender on this machine may say of his frame that its checksum is still to be made (CHECKSUM_PARTIAL), which XDP
 * cannot see, and then the host takes it, whatever is in the field.
 */
#ifndef SLUICE_CHECKSUM_BPF_H
#define SLUICE_CHECKSUM_BPF_H

#define SUM_CHUNK 64 /* bytes summed at once; a SYN without data is one chunk */
#define SUM_CHUNKS 1024 /* the longest datagram */
#define TCP_CHECK_AT 16 /* offset of the checksum in TCP's header */

static __always_inline __sum16 checksum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* The sum of 32-bit words folds into the sum of 16-bit words (RFC 1071, 2). */
static __always_inline __u64 checksum_add(const __be32 *words, __u32 bytes, __u64 sum)
{
	__u32 i;

	for (i = 0; i < bytes / 4; i++)
		sum += words[i];
	return sum;
}

/* A range of a frame that is summed up, chunk by chunk. */
struct summing {
	struct xdp_md *ctx;
	__u32 at, end;
	__u32 sum;
	__u16 check; /* TCP's field, which is in the first chunk */
	__u8 started, cut; /* cut: the frame ends before `end` */
};

struct sum_chunk {
	__be32 word[SUM_CHUNK / 4];
};

/* Not on the stack, because that is short. */
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, sum_chunk, __u32, struct sum_chunk, 1);

/* Returns 1 to SUM_CHUNK in a way that the verifier of Linux 6.1 understands: it derives no lower bound from "not 0". */
static __always_inline __u32 sum_len(__u32 left)
{
	__u32 len = left < SUM_CHUNK ? left : SUM_CHUNK;

	barrier_var(len);
	return ((len - 1) & (SUM_CHUNK - 1)) + 1;
}

/* Callback of bpf_loop(): sums one chunk. Returns 1 if it was the last. */
static long sum_step(__u32 i, struct summing *s)
{
	__u32 left = s->end - s->at, zero = 0, len = sum_len(left);
	struct sum_chunk *chunk;

	(void)i;
	chunk = bpf_map_lookup_elem(&sum_chunk, &zero);
	if (!chunk || !left)
		return 1;
	__builtin_memset(chunk, 0, sizeof(*chunk));
	if (bpf_xdp_load_bytes(s->ctx, s->at, chunk, len)) {
		s->cut = 1;
		return 1;
	}
	if (!s->started)
		s->check = ((__u16 *)chunk)[TCP_CHECK_AT / 2];
	s->started = 1;
	s->sum = bpf_csum_diff(NULL, 0, chunk->word, sizeof(*chunk), s->sum);
	s->at += len;
	return s->at >= s->end;
}

/* Returns non-zero if *s, whole words of a header, is summed up without a copy: it has to be short and in the frame's first buffer. */
static __always_inline int sum_straight(struct summing *s)
{
	__u32 at = s->at, len = s->end - at, i;
	const __be32 *word = (void *)(long)s->ctx->data;
	void *end = (void *)(long)s->ctx->data_end;
	__u64 sum = s->sum;

	barrier_var(at);
	if (at > HEADERS_REACH || len > SUM_CHUNK || len < sizeof(struct iphdr) || len % sizeof(*word))
		return 0;
	word = (const void *)word + at;
	if ((void *)(word + sizeof(struct iphdr) / sizeof(*word)) > end)
		return 0;
	s->check = ((const __u16 *)word)[TCP_CHECK_AT / 2];
	for (i = 0; i < SUM_CHUNK / sizeof(*word) && i * sizeof(*word) < len; i++) {
		if (!frame_has(word + i, end))
			return 0;
		sum += word[i];
	}
	sum = (sum & 0xffffffff) + (sum >> 32);
	s->sum = (sum & 0xffffffff) + (sum >> 32);
	return 1;
}

/* What is no longer than a chunk. */
static __always_inline void sum_once(struct summing *s)
{
	if (!sum_straight(s))
		sum_step(0, s);
}

/* Returns non-zero if the checksum of the IPv4 header is wrong. */
static __always_inline int ipv4_header_bad(struct xdp_md *ctx, const struct sluice_pkt *pkt)
{
	struct summing s = { .ctx = ctx, .at = pkt->ip_offset, .end = pkt->tcp_offset };

	sum_once(&s);
	return s.cut || checksum_fold(s.sum);
}

static __always_inline __u64 pseudo_header(const struct sluice_pkt *pkt, __u32 len)
{
	__u64 sum = checksum_add(pkt->tuple.source.word, sizeof(pkt->tuple.source), bpf_htonl(len));

	sum = checksum_add(pkt->tuple.local.word, sizeof(pkt->tuple.local), sum + bpf_htonl(IPPROTO_TCP));
	/* each of the two mapped addresses of IPv4 contains ffff, which adds nothing to this sum */
	return sum;
}

/*
 * Returns non-zero if a checksum is wrong, or the frame ends before the SYN does. TCP's field may hold the sum of the pseudo header alone:
 * then this host, or a guest or container of it, made the SYN, and whoever sends it on fills in the rest.
 */
__noinline int checksum_bad(struct xdp_md *ctx, const struct sluice_pkt *pkt)
{
	struct summing s = { .ctx = ctx };
	__u64 pseudo;

	if (!pkt || pkt->tcp_end < pkt->tcp_offset)
		return 0;
	if (pkt->ipv4 && ipv4_header_bad(ctx, pkt))
		return 1;
	s.at = pkt->tcp_offset;
	s.end = pkt->tcp_end;
	pseudo = pseudo_header(pkt, s.end - s.at);
	if (s.end - s.at <= SUM_CHUNK)
		sum_once(&s);
	else
		bpf_loop(SUM_CHUNKS, sum_step, &s, 0);
	if (s.cut)
		return 1;
	return checksum_fold(pseudo + s.sum) && s.check != (__u16)~checksum_fold(pseudo);
}

#endif
