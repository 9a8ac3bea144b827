/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets that the gate cannot look up. Those of containers are in another namespace. Those of a VRF are in this one, but bound to the VRF
 * (the kernel binds each handshake and connection that begins in a VRF to it, net/ipv4/tcp_input.c, tcp_conn_request), and a lookup from XDP
 * finds what packets of the port itself would reach (net/core/filter.c, bpf_xdp_skc_lookup_tcp): at best a listener that is bound to
 * nothing. Those of IPv6 link-local peers are bound to the device whose stack took their SYN (net/ipv6/tcp_ipv6.c, tcp_v6_init_req), which may
 * be a bridge, a bond or a VLAN above the gate's. So `insides` says which 4-tuples connections of all these have. The tracker writes it;
 * admission asks, and takes for a client's answer what may be one (answered.bpf.h).
 */
#ifndef SLUICE_UNSEEN_BPF_H
#define SLUICE_UNSEEN_BPF_H

/* Notes that a connection has this 4-tuple, as its packets show it. */
static __always_inline void unseen_tuple_note(const struct sluice_tuple *tuple, __u64 cookie)
{
	bpf_map_update_elem(&insides, tuple, &cookie, BPF_ANY);
}

/*
 * Returns non-zero if this 4-tuple belongs to such a connection. One that waits to be taken does not count: it has no socket that packets
 * could reach.
 */
__noinline int unseen_has_tuple(const struct sluice_tuple *tuple)
{
	const struct sluice_connection *c;
	struct sluice_tuple own; /* Linux 6.1 accepts no key that lies in a caller's memory */
	const __u64 *found;
	__u64 cookie;

	if (!tuple)
		return 0;
	own = *tuple;
	found = bpf_map_lookup_elem(&insides, &own);
	if (!found)
		return 0;
	cookie = *found;
	c = bpf_map_lookup_elem(&connections, &cookie);
	return c && !c->waits_s;
}

/* A mapped address has zeros there. */
static __always_inline int addr_is_link_local(const struct sluice_addr *a)
{
	return (a->word[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

/* Returns non-zero if the packet came in where its socket may be one of a VRF. Asked only where control.hidden says that there is such a place. */
__noinline int link_hides(struct xdp_md *ctx)
{
	const struct sluice_answers *a;
	__u32 in = ctx->ingress_ifindex;

	a = bpf_map_lookup_elem(&answers, &in);
	return a && a->hidden;
}

#endif
