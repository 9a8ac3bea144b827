/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds frames from their descriptions: see frame.h. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>

#include "frame.h"

#define CHAIN_ROOM 128

static uint32_t sum16(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

uint16_t frame_tcp_checksum(const uint8_t *ip, size_t len)
{
	size_t header = ip[0] >> 4 == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	uint32_t sum;

	sum = ip[0] >> 4 == 4 ? sum16(ip + 12, 8, 0) : sum16(ip + 8, 32, 0);
	sum += IPPROTO_TCP + (len - header);
	return fold(sum16(ip + header, len - header, sum));
}

static void put16(uint8_t *out, uint16_t value)
{
	out[0] = value >> 8;
	out[1] = (uint8_t)value;
}

/* Puts the checksum into a segment of `room` bytes, less what the datagram lacks. Its field must be 0. */
static void sum_tcp(const struct frame *f, const void *addresses, size_t addresses_len, uint8_t *tcp, size_t room)
{
	size_t len = room > (size_t)f->short_by ? room - f->short_by : 0;
	uint32_t pseudo = sum16(addresses, addresses_len, IPPROTO_TCP + len);
	uint16_t sum = f->sums == SUM_TCP_PSEUDO ? ~fold(pseudo) : fold(sum16(tcp, len, pseudo));

	put16(tcp + 16, f->sums == SUM_TCP_WRONG ? sum ^ 0x1000 : sum);
}

static size_t put_ethernet(const struct frame *f, int ipv4, uint8_t *out)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
	uint16_t type = htons(f->ethertype ? f->ethertype : ipv4 ? ETH_P_IP : ETH_P_IPV6);
	uint16_t tag[2] = { htons(ETH_P_8021Q), htons(100) };
	size_t n = sizeof(macs);
	int i;

	memcpy(out, macs, n);
	out[0] |= !!f->group;
	if (f->vlan_tags > 2)
		tag[1] = 0;
	for (i = 0; i < f->vlan_tags; i++) {
		tag[0] = htons(f->vlan_tags == 2 && !i ? ETH_P_8021AD : ETH_P_8021Q);
		memcpy(out + n, tag, 4);
		n += 4;
	}
	memcpy(out + n, &type, 2);
	return n + 2;
}

static size_t put_tcp(const struct frame *f, uint8_t *out)
{
	struct tcphdr tcp = { .source = htons(f->from_port ? f->from_port : 40000), .dest = htons(f->to_port) };
	size_t len = sizeof(tcp) + f->tcp_options * 4;

	tcp.seq = htonl(f->seq);
	tcp.ack_seq = htonl(f->ack_seq);
	tcp.doff = f->data_offset ? f->data_offset : (int)len / 4;
	tcp.window = htons(64000);
	memcpy(out, &tcp, sizeof(tcp));
	memset(out + sizeof(tcp), 1, f->tcp_options * 4); /* NOP */
	if (f->fast_open) {
		out[sizeof(tcp)] = 34;
		out[sizeof(tcp) + 1] = f->fast_open;
	}
	memset(out + len, 'x', f->payload);
	out[13] = f->flags;
	return len + f->payload;
}

static size_t put_ipv4(const struct frame *f, uint8_t *out)
{
	size_t header = sizeof(struct iphdr) + f->ip_options * 4 + !!f->source_route * 8, len;
	const uint8_t route[8] = { 1, 131, 7, f->source_route == 1 ? 4 : 8, 203, 0, 113, 9 };
	struct iphdr ip = { .version = f->version ?: 4, .ihl = header / 4, .ttl = 64 };

	len = header + put_tcp(f, out + header);
	ip.protocol = f->protocol ? f->protocol : IPPROTO_TCP;
	ip.tot_len = htons(f->unsized ? 0 : len - f->short_by);
	ip.id = htons(f->id);
	ip.frag_off = htons(f->fragment_offset | (f->first_fragment ? 0x2000 : 0));
	inet_pton(AF_INET, f->from, &ip.saddr);
	inet_pton(AF_INET, f->to, &ip.daddr);
	memcpy(out, &ip, sizeof(ip));
	memset(out + sizeof(ip), 1, f->ip_options * 4); /* NOP */
	if (f->source_route)
		memcpy(out + header - 8, route, 8);
	put16(out + 10, fold(sum16(out, header, 0)) ^ (f->sums == SUM_IP_WRONG));
	sum_tcp(f, &ip.saddr, 8, out + header, len - header);
	return len;
}

/* `type` is a letter of frame.chain. */
static size_t put_extension(const struct frame *f, char type, uint8_t *out, uint8_t next)
{
	size_t units = f->extension_len + 1;

	if (type == 'f' || type == 'F')
		units = 1;
	memset(out, 0, units * 8);
	out[0] = next;
	if (type != 'f' && type != 'F')
		out[1] = type == 'a' ? units * 2 - 2 : units - 1;
	out[3] = type == 'R'; /* segments left */
	if (type == 'F') {
		put16(out + 2, f->fragment_offset << 3 | !!f->first_fragment);
		put16(out + 6, f->id);
	}
	return units * 8;
}

static uint8_t protocol_of(const struct frame *f, char type)
{
	static const char letters[] = "hdrRafF";
	static const uint8_t protocols[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS,	IPPROTO_ROUTING, IPPROTO_ROUTING,
					     IPPROTO_AH,      IPPROTO_FRAGMENT, IPPROTO_FRAGMENT };

	return type ? protocols[strchr(letters, type) - letters] : f->protocol ? f->protocol : IPPROTO_TCP;
}

/* Writes frame.extensions, frame.chain and the fragment's own header as letters. */
static void chain_of(const struct frame *f, char out[static CHAIN_ROOM])
{
	int i, n = 0;

	for (i = 0; i < f->extensions; i++)
		out[n++] = "hdrd"[i % 4];
	n += snprintf(out + n, CHAIN_ROOM - n, "%s", f->chain ?: "");
	out[n] = (f->first_fragment || f->fragment_offset) && !strchr(f->chain ?: "", 'F') ? 'F' : 0;
	out[n + 1] = 0;
}

static size_t put_ipv6(const struct frame *f, uint8_t *out)
{
	struct ipv6hdr ip = { .version = f->version ?: 6, .hop_limit = 64 };
	size_t n = sizeof(ip), tcp;
	char chain[CHAIN_ROOM];
	const char *c;

	chain_of(f, chain);
	ip.nexthdr = protocol_of(f, *chain);
	for (c = chain; *c; c++)
		n += put_extension(f, *c, out + n, protocol_of(f, c[1]));
	tcp = n;
	n += put_tcp(f, out + n);
	ip.payload_len = htons(f->unsized ? 0 : n - sizeof(ip) - f->short_by);
	inet_pton(AF_INET6, f->from, &ip.saddr);
	inet_pton(AF_INET6, f->to, &ip.daddr);
	memcpy(out, &ip, sizeof(ip));
	sum_tcp(f, &ip.saddr, 32, out + tcp, n - tcp);
	return n;
}

size_t frame_build(const struct frame *f, uint8_t out[static FRAME_ROOM])
{
	int ipv4 = !strchr(f->from, ':');
	size_t n = put_ethernet(f, ipv4, out);

	n += ipv4 ? put_ipv4(f, out + n) : put_ipv6(f, out + n);
	return n - f->cut;
}
