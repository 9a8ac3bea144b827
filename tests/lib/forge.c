/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forge -i INTERFACE -m DST_MAC -s SOURCES [-f KIND] [-n COUNT] [-r PER_SECOND] [-p LOW-HIGH] [-S SEED] ADDR PORT: sends TCP
 * segments that belong to no connection: from any source address and a random port of the range, with random
 * sequence numbers. KIND is syn, fin (FIN+ACK), rst, rstack (RST+ACK), ack, synack, mix (all but syn and
 * synack), or any (any flags but a bare SYN). Prints {"sent": N}.
 */
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "tool.h"

#define SYN 0x02
#define FIN_ACK 0x11
#define RST 0x04
#define RST_ACK 0x14
#define ACK 0x10

struct kind {
	const char *name;
	uint8_t flags[4];
	unsigned int count;
};

static const struct kind kinds[] = {
	{ "syn", { SYN }, 1 },		{ "fin", { FIN_ACK }, 1 }, { "rst", { RST }, 1 },
	{ "rstack", { RST_ACK }, 1 },	{ "ack", { ACK }, 1 },	   { "mix", { FIN_ACK, RST, RST_ACK, ACK }, 4 },
	{ "synack", { SYN | ACK }, 1 }, { "any", { 0 }, 0 },
};

struct forge {
	int fd;
	struct sockaddr_ll out;
	uint8_t mac[ETH_ALEN], to_mac[ETH_ALEN];
	struct tool_addrs sources;
	union tool_addr target;
	const struct kind *kind;
	unsigned int low, high, seed;
};

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t sum16(const uint8_t *at, size_t len, uint32_t sum)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Writes the IP header before a bare TCP header, and returns the offset of that. *addrs and *addrs_len are for the checksum. */
static size_t ip_put(const struct forge *f, uint8_t *ip, const union tool_addr *from, uint8_t **addrs,
		     size_t *addrs_len)
{
	if (from->any.sa_family == AF_INET6) {
		ip[0] = 0x60;
		put16(ip + 4, 20);
		ip[6] = IPPROTO_TCP;
		ip[7] = 64;
		memcpy(ip + 8, &from->v6.sin6_addr, 16);
		memcpy(ip + 24, &f->target.v6.sin6_addr, 16);
		*addrs = ip + 8;
		*addrs_len = 32;
		return 40;
	}
	ip[0] = 0x45;
	put16(ip + 2, 40);
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	memcpy(ip + 12, &from->v4.sin_addr, 4);
	memcpy(ip + 16, &f->target.v4.sin_addr, 4);
	put16(ip + 10, fold(sum16(ip, 20, 0)));
	*addrs = ip + 12;
	*addrs_len = 8;
	return 20;
}

static uint8_t flags_draw(struct forge *f)
{
	unsigned int drawn = (unsigned int)rand_r(&f->seed);
	uint8_t any = (drawn >> 4) & 0x3f;

	if (f->kind->count)
		return f->kind->flags[drawn % f->kind->count];
	return (any & (SYN | ACK)) == SYN && !(any & 5) ? ACK : any;
}

static void segment_send(struct forge *f, size_t turn)
{
	const union tool_addr *from = &f->sources.list[turn % f->sources.count];
	bool v6 = from->any.sa_family == AF_INET6;
	uint8_t frame[ETH_HLEN + 40 + 20] = { 0 }, *tcp, *addrs;
	size_t addrs_len, at;
	uint32_t number = (uint32_t)rand_r(&f->seed) << 16 ^ (uint32_t)rand_r(&f->seed);

	memcpy(frame, f->to_mac, ETH_ALEN);
	memcpy(frame + ETH_ALEN, f->mac, ETH_ALEN);
	put16(frame + 12, v6 ? ETH_P_IPV6 : ETH_P_IP);
	at = ETH_HLEN + ip_put(f, frame + ETH_HLEN, from, &addrs, &addrs_len);
	tcp = frame + at;
	put16(tcp, f->low + (unsigned int)rand_r(&f->seed) % (f->high - f->low + 1));
	memcpy(tcp + 2, v6 ? &f->target.v6.sin6_port : &f->target.v4.sin_port, 2);
	memcpy(tcp + 4, &number, 4);
	number = number * 2654435761U + 1;
	memcpy(tcp + 8, &number, 4);
	tcp[12] = 5 << 4;
	tcp[13] = flags_draw(f);
	put16(tcp + 14, 64240);
	put16(tcp + 16, fold(sum16(tcp, 20, sum16(addrs, addrs_len, IPPROTO_TCP + 20))));
	sendto(f->fd, frame, at + 20, 0, (struct sockaddr *)&f->out, sizeof(f->out));
}

static void forge_open(struct forge *f, const char *interface, const char *mac)
{
	struct ifreq ask = { 0 };
	unsigned int m[ETH_ALEN], i;

	if (sscanf(mac, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != ETH_ALEN)
		tool_die(mac, "not a MAC address");
	for (i = 0; i < ETH_ALEN; i++)
		f->to_mac[i] = (uint8_t)m[i];
	f->fd = (int)tool_ok(socket(AF_PACKET, SOCK_RAW, 0), "packet socket");
	snprintf(ask.ifr_name, sizeof(ask.ifr_name), "%s", interface);
	tool_ok(ioctl(f->fd, SIOCGIFHWADDR, &ask), interface);
	memcpy(f->mac, ask.ifr_hwaddr.sa_data, ETH_ALEN);
	f->out.sll_family = AF_PACKET;
	f->out.sll_ifindex = (int)if_nametoindex(interface);
}

static void forge_run(struct forge *f, size_t count, size_t per_second)
{
	uint64_t start = tool_now_us(), due, now;
	size_t i;

	for (i = 0; i < count; i++) {
		due = per_second ? start + i * 1000000 / per_second : 0;
		now = tool_now_us();
		if (due > now + 500)
			usleep((useconds_t)(due - now));
		segment_send(f, i);
	}
	printf("{\"sent\": %zu}\n", count);
}

static const struct kind *kind_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	tool_die(name, "no such kind of segment");
	return NULL;
}

int main(int argc, char **argv)
{
	static struct forge f = { .kind = &kinds[0], .low = 1024, .high = 65535, .seed = 1 };
	const char *interface = NULL, *mac = NULL;
	size_t count = 1, rate = 0;
	int c;

	while ((c = getopt(argc, argv, "i:m:s:f:n:r:p:S:")) != -1) {
		switch (c) {
		case 'i':
			interface = optarg;
			break;
		case 'm':
			mac = optarg;
			break;
		case 's':
			f.sources = tool_addrs_parse(optarg);
			break;
		case 'f':
			f.kind = kind_find(optarg);
			break;
		case 'n':
			count = strtoul(optarg, NULL, 10);
			break;
		case 'r':
			rate = strtoul(optarg, NULL, 10);
			break;
		case 'p':
			sscanf(optarg, "%u-%u", &f.low, &f.high);
			break;
		case 'S':
			f.seed = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		default:
			return 2;
		}
	}
	if (optind + 2 != argc || !interface || !mac || !f.sources.count || f.low > f.high)
		tool_die("usage",
			 "forge -i INTERFACE -m DST_MAC -s SOURCES [-f KIND] [-n COUNT] [-r PER_SECOND] ADDR PORT");
	f.target = tool_addr_parse(argv[optind], (uint16_t)atoi(argv[optind + 1]));
	forge_open(&f, interface, mac);
	forge_run(&f, count, rate);
	return 0;
}
