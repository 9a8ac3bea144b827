/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP Fast Open (RFC 7413): a SYN that brings an earlier cookie, or comes to a host that requires none, becomes a connection at once,
 * before its client answers. Admission calls this before it lets a SYN pass without a slot.
 */
#ifndef SLUICE_FASTOPEN_BPF_H
#define SLUICE_FASTOPEN_BPF_H

#define TCP_OPTIONS_MAX 40
#define TCP_OPTION_END 0
#define TCP_OPTION_NOOP 1
#define TCP_OPTION_FASTOPEN 34
#define TCP_OPTION_EXPERIMENT 254 /* RFC 6994 */
#define TCP_EXPERIMENT_FASTOPEN 0xf989

/* An empty option asks for a cookie. But a host that requires none makes a connection of that, too (net/ipv4/tcp_fastopen.c). */
static __always_inline int option_is_fastopen(const __u8 *option)
{
	if (option[0] == TCP_OPTION_FASTOPEN)
		return 1;
	return option[0] == TCP_OPTION_EXPERIMENT && option[1] >= 4 &&
	       (option[2] << 8 | option[3]) == TCP_EXPERIMENT_FASTOPEN;
}

/* Returns non-zero if the host may make a connection from this SYN alone. It is verified once, apart from its callers. */
__noinline int syn_opens_fast(struct xdp_md *ctx, const struct sluice_pkt *pkt)
{
	__u8 option[4];
	__u32 at, end;
	int i;

	if (!pkt)
		return 1;
	at = pkt->tcp_offset + sizeof(struct tcphdr);
	end = pkt->tcp_offset + pkt->header_len;
	if (pkt->tcp_end > end)
		return 1;
	for (i = 0; i < TCP_OPTIONS_MAX && at < end; i++) {
		if (bpf_xdp_load_bytes(ctx, at, option, 1) || option[0] == TCP_OPTION_END)
			return 0;
		if (option[0] == TCP_OPTION_NOOP) {
			at++;
			continue;
		}
		option[2] = option[3] = 0;
		if (bpf_xdp_load_bytes(ctx, at, option, at + 4 <= end ? 4 : 2) || option[1] < 2)
			return 0;
		if (option_is_fastopen(option))
			return 1;
		at += option[1];
	}
	return 0;
}

#endif
