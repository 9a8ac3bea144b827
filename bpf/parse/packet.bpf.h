/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is known about a packet. The files of this room fill in what it says; the order of checks, admission and cookie.bpf.h add what becomes
 * of it (cookie, fresh, connected, waits, unproven). Everybody else only reads it.
 */
#ifndef SLUICE_PACKET_BPF_H
#define SLUICE_PACKET_BPF_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

struct sluice_pkt {
	struct sluice_tuple tuple;
	__u16 local_port; /* tuple.local_port in host order */
	__u16 ip_offset; /* offset of the IP header from the start of the frame */
	__u32 tcp_offset;
	__u32 tcp_end; /* where the datagram ends */
	__u16 fragment_start; /* where the payload begins from which fragment offsets count */
	__u16 fragment_offset; /* offset of a later fragment, in bytes */
	__u32 fragment_id;
	__u32 cookie; /* number of the SYN-ACK that answers */
	__be32 seq, ack_seq;
	__u8 header_len; /* length of TCP's header, in bytes */
	__u8 flags; /* flags of TCP: FIN, SYN, RST, PSH, ACK, URG from the lowest bit on */
	__u8 ipv4;
	__u8 syn; /* it asks for a connection: SYN without ACK */
	__u8 ack; /* it has ACK without RST, and can complete a handshake, even with a SYN (net/ipv4/tcp_minisocks.c, tcp_check_req) */
	__u8 syn_ack;
	__u8 rst;
	__u8 fresh; /* it is the first SYN of its connection, not sent again; or it brought its cookie back */
	__u8 more; /* it is a first fragment, and others follow */
	__u8 short_header; /* the datagram, or its first fragment, ends before TCP's header does */
	__u8 group; /* it was sent to a group of hosts: no TCP accepts it then */
	__u8 unsized; /* its length field says 0, and it fills the frame: a large segment made on this host or by its guests */
	__u8 rerouted; /* it names another destination, where it goes from here */
	__u8 connected; /* a client that is not spoofed believes in its connection, so a refusal tells it */
	__u8 waits; /* its lease may still come: a refusal tells the client nothing, and it sends again */
	__u8 unproven; /* a SYN that charges nothing until its client has answered */
};

#define HEADERS_REACH 0xff /* headers that begin further from the start of the frame are read by a helper */

/* Returns non-zero if the frame's first buffer, which ends at `end`, has all of this word. */
static __always_inline int frame_has(const __be32 *word, void *end)
{
	barrier_var(end); /* clang would reckon with pointers, which the verifier does not follow */
	return (void *)(word + 1) <= end;
}

#endif
