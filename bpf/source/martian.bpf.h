/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Martian addresses (RFC 1812, 5.3.7): nobody speaks from them, or only in another family. The host drops a SYN with one unseen
 * (net/ipv4/route.c, ip_route_input_slow; net/ipv6/ip6_input.c, ip6_rcv_core; net/ipv6/tcp_ipv6.c, tcp_v6_conn_request), and nobody may
 * answer it (RFC 1122, 4.2.3.10). 127.0.0.0/8 is not among them, because net.ipv4.conf.*.route_localnet makes the host take it, nor is ::1,
 * which is right at the loopback device.
 */
#ifndef SLUICE_MARTIAN_BPF_H
#define SLUICE_MARTIAN_BPF_H

#define FIRST_BYTE_MULTICAST4 0xe0 /* 224.0.0.0/4 */
#define FIRST_BYTE_MULTICAST6 0xff /* ff00::/8 */

/* Returns non-zero for 0.0.0.0, 224.0.0.0/4 and 255.255.255.255. Linux takes the rest of 0.0.0.0/8 (since 5.3) and of 240.0.0.0/4. */
static __always_inline int ipv4_is_martian(__be32 source)
{
	return !source || (bpf_ntohl(source) >> 24 & 0xf0) == FIRST_BYTE_MULTICAST4 || source == ~0U;
}

/* Returns non-zero if the host drops a SYN between these addresses, whoever sent it. */
__noinline int addresses_are_martian(const struct sluice_pkt *pkt)
{
	if (!pkt)
		return 0;
	if (pkt->ipv4)
		return ipv4_is_martian(pkt->tuple.source.word[3]);
	return bpf_ntohl(pkt->tuple.source.word[0]) >> 24 == FIRST_BYTE_MULTICAST6 ||
	       addr_is_mapped(&pkt->tuple.source) || addr_is_mapped(&pkt->tuple.local);
}

#endif
