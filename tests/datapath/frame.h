/* SPDX-License-Identifier: BSD-2-Clause */
/* Ethernet frames with TCP inside, described in words of the protocols. Tests of the gate and the bench build them. */
#ifndef SLUICE_TESTS_FRAME_H
#define SLUICE_TESTS_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_ROOM 8192

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };

/* Zero means the usual value everywhere. */
struct frame {
	const char *from, *to; /* both IPv4 or both IPv6 */
	uint16_t from_port, to_port;
	uint8_t flags;
	uint32_t seq, ack_seq;
	int vlan_tags; /* 1 is 802.1Q, 2 is 802.1Q in 802.1ad, more are priority tags */
	int ip_options; /* 32-bit words, IPv4 */
	int source_route; /* a loose one of IPv4: 1 has a stop left, 2 has none */
	int extensions; /* so many headers of IPv6, in the order hdrdhdrd... of the letters below */
	/* Headers of IPv6, one a letter: (h)op-by-hop, (d)estination options, (r)outing, (R)outing with a stop left, (a)uthentication,
	 * (f)ragment that is whole, (F)ragment. If `chain` has no F, the header of a fragment comes last. */
	const char *chain;
	int extension_len; /* length of each in `chain`, in 8-byte units beyond the first */
	int first_fragment; /* more fragments follow */
	int fragment_offset; /* in 8-byte units */
	int tcp_options; /* 32-bit words */
	int fast_open; /* an option of so many bytes: 2 asks for a cookie, 10 bring one of 8 bytes back; it stands among the tcp_options */
	int payload; /* bytes */
	int cut; /* bytes missing at the end of the frame */
	int short_by; /* bytes of its segment that the datagram lacks, as its length says; the frame is padded instead */
	int data_offset; /* TCP's header length in 32-bit words, instead of the real one */
	uint16_t id; /* the datagram's, which its fragments share */
	int protocol; /* instead of TCP */
	int ethertype; /* instead of IP */
	int version; /* IP's, instead of the real one */
	int unsized; /* the datagram's header says that it is 0 bytes long */
	int group; /* the frame is sent to a group of hosts */
	enum {
		SUMS_RIGHT,
		SUM_IP_WRONG,
		SUM_TCP_WRONG,
		SUM_TCP_PSEUDO
	} sums; /* PSEUDO sums up the pseudo header alone */
};

/* Builds the frame in `out`. Returns its length. */
size_t frame_build(const struct frame *f, uint8_t out[static FRAME_ROOM]);
/* Returns the internet checksum (RFC 1071) over the TCP segment in an IP packet without options, which is 0 if its checksum is right. */
uint16_t frame_tcp_checksum(const uint8_t *ip, size_t len);

#endif
