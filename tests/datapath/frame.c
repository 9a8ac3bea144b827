/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <string.h>

#include "frame.h"

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

static size_t put_ethernet(const struct frame *f, int ipv4, uint8_t *out)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
	uint16_t type = htons(f->ethertype ? f->ethertype : ipv4 ? ETH_P_IP : ETH_P_IPV6);
	uint16_t tag[2] = { htons(ETH_P_8021Q), htons(100) };
	size_t n = sizeof(macs);
	int i;

	memcpy(out, macs, n);
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
	memset(out + len, 'x', f->payload);
	out[13] = f->flags;
	return len + f->payload;
}

static size_t put_ipv4(const struct frame *f, uint8_t *out)
{
	size_t header = sizeof(struct iphdr) + f->ip_options * 4, len;
	struct iphdr ip = { .version = 4, .ihl = header / 4, .ttl = 64 };

	len = header + put_tcp(f, out + header);
	ip.protocol = f->protocol ? f->protocol : IPPROTO_TCP;
	ip.tot_len = htons(len - f->short_by);
	ip.id = htons(f->id);
	ip.frag_off = htons(f->fragment_offset | (f->first_fragment ? 0x2000 : 0));
	inet_pton(AF_INET, f->from, &ip.saddr);
	inet_pton(AF_INET, f->to, &ip.daddr);
	memcpy(out, &ip, sizeof(ip));
	memset(out + sizeof(ip), 1, f->ip_options * 4); /* NOP */
	return len;
}

static size_t put_extension(uint8_t *out, uint8_t next, uint16_t second, uint16_t id)
{
	uint8_t ext[8] = { next };

	ext[2] = second >> 8;
	ext[3] = second;
	ext[6] = id >> 8;
	ext[7] = id;
	memcpy(out, ext, sizeof(ext));
	return sizeof(ext);
}

static size_t put_ipv6(const struct frame *f, uint8_t *out)
{
	static const uint8_t kinds[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS };
	int fragment = f->first_fragment || f->fragment_offset, i;
	uint8_t last = f->protocol ? f->protocol : IPPROTO_TCP;
	uint8_t after = fragment ? IPPROTO_FRAGMENT : last;
	struct ipv6hdr ip = { .version = 6, .hop_limit = 64 };
	size_t n = sizeof(ip);

	ip.nexthdr = f->extensions ? kinds[0] : after;
	for (i = 0; i < f->extensions; i++)
		n += put_extension(out + n, i + 1 < f->extensions ? kinds[(i + 1) % 4] : after, 0, 0);
	if (fragment)
		n += put_extension(out + n, last, f->fragment_offset << 3 | !!f->first_fragment, f->id);
	n += put_tcp(f, out + n);
	ip.payload_len = htons(n - sizeof(ip) - f->short_by);
	inet_pton(AF_INET6, f->from, &ip.saddr);
	inet_pton(AF_INET6, f->to, &ip.daddr);
	memcpy(out, &ip, sizeof(ip));
	return n;
}

size_t frame_build(const struct frame *f, uint8_t out[static FRAME_ROOM])
{
	int ipv4 = !strchr(f->from, ':');
	size_t n = put_ethernet(f, ipv4, out);

	n += ipv4 ? put_ipv4(f, out + n) : put_ipv6(f, out + n);
	return n - f->cut;
}
