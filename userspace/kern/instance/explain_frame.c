/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds the frame of a hypothetical SYN: see explain_frame.h. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <string.h>

#include "addr.h"
#include "explain_frame.h"

static size_t put_ipv4(const struct sluice_tuple *syn, uint8_t *out)
{
	struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP };

	ip.tot_len = htons(sizeof(ip) + sizeof(struct tcphdr));
	ip.saddr = syn->source.word[3];
	ip.daddr = syn->local.word[3];
	memcpy(out, &ip, sizeof(ip));
	return sizeof(ip);
}

static size_t put_ipv6(const struct sluice_tuple *syn, uint8_t *out)
{
	struct ipv6hdr ip = { .version = 6, .hop_limit = 64, .nexthdr = IPPROTO_TCP };

	ip.payload_len = htons(sizeof(struct tcphdr));
	memcpy(&ip.saddr, &syn->source, sizeof(ip.saddr));
	memcpy(&ip.daddr, &syn->local, sizeof(ip.daddr));
	memcpy(out, &ip, sizeof(ip));
	return sizeof(ip);
}

void syn_frame(const struct sluice_tuple *syn, uint8_t out[static SYN_FRAME_ROOM])
{
	struct tcphdr tcp = { .source = syn->source_port, .dest = syn->local_port, .doff = sizeof(tcp) / 4, .syn = 1 };
	bool ipv4 = addr_is_ipv4(&syn->source);
	struct ethhdr ethernet = { .h_proto = htons(ipv4 ? ETH_P_IP : ETH_P_IPV6) };

	tcp.window = htons(64240);
	memcpy(out, &ethernet, sizeof(ethernet));
	out += sizeof(ethernet);
	out += ipv4 ? put_ipv4(syn, out) : put_ipv6(syn, out);
	memcpy(out, &tcp, sizeof(tcp));
}
