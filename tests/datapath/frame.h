/* SPDX-License-Identifier: BSD-2-Clause */
/* Ethernet frames with TCP inside, described in words of the protocol. */
#ifndef SLUICE_TESTS_FRAME_H
#define SLUICE_TESTS_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_ROOM 8192

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };

/* Zero means what is usual. */
struct frame {
	const char *from, *to; /* both IPv4 or both IPv6 */
	uint16_t from_port, to_port;
	uint8_t flags;
	uint32_t seq, ack_seq;
	int vlan_tags; /* 1: 802.1Q, 2: 802.1Q in 802.1ad, more: priority tags */
	int ip_options; /* 32-bit words, IPv4 */
	int source_route; /* IPv4: 1: a loose one with a stop left, 2: without */
	int extensions; /* IPv6: hop-by-hop, destination options ... this many */
	/* IPv6: these, one a letter: (h)op-by-hop, (d)estination options, (r)outing, (R)outing on, (a)uthentication, (f)ragment that is
	 * whole, (F)ragment, else the last one where there is one */
	const char *chain;
	int extension_len; /* of each in `chain`, in 8-byte units beyond the first */
	int first_fragment; /* more fragments follow */
	int fragment_offset; /* in 8-byte units */
	int tcp_options; /* 32-bit words */
	int payload; /* bytes */
	int cut; /* bytes missing at the end of the frame */
	int short_by; /* bytes that the datagram lacks of its segment, and says so; the frame is padded instead */
	int data_offset; /* TCP's header length in 32-bit words, whatever it is */
	uint16_t id; /* of the datagram, for its fragments */
	int protocol; /* instead of TCP */
	int ethertype; /* instead of IP */
	int version; /* of IP, instead of what it is */
	int unsized; /* the datagram says that it is 0 bytes long */
	int group; /* to a group of hosts */
	enum { SUMS_RIGHT, SUM_IP_WRONG, SUM_TCP_WRONG, SUM_TCP_PSEUDO } sums; /* PSEUDO: of the pseudo header alone */
};

/* Length of the frame in `out`. */
size_t frame_build(const struct frame *f, uint8_t out[static FRAME_ROOM]);
/* Internet checksum (RFC 1071) of the TCP segment in an IP packet without options; 0 when it is right. */
uint16_t frame_tcp_checksum(const uint8_t *ip, size_t len);

#endif
