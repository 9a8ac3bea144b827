/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <string.h>

#include "judge.h"

#define PORT 25
#define MEMORY (1 << 20)

struct datagram {
	const uint8_t *source, *local;
	size_t addr_len;
	const uint8_t *tcp;
	long have; /* bytes from `tcp` that are in the frame */
	long said; /* bytes from `tcp` that the datagram has, by its own account */
	uint32_t id;
	long offset; /* of this fragment */
	long head; /* bytes between where offsets count from and `tcp` */
	bool more;
};

/* First fragments: hash of addresses and id -> where it ended. Two that share a place widen the judge's tolerance only. */
static uint16_t memory[MEMORY];

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint16_t *memory_of(const struct datagram *d)
{
	uint32_t hash = 2166136261u ^ d->id;
	size_t i;

	for (i = 0; i < d->addr_len; i++)
		hash = ((hash ^ d->source[i]) * 16777619u ^ d->local[i]) * 16777619u;
	return &memory[hash % MEMORY];
}

/* RFC 791. False: no TCP, or not to be understood. */
static bool ipv4_read(const uint8_t *ip, long len, struct datagram *d)
{
	long header, total;

	if (len < 20)
		return false;
	header = (ip[0] & 15) * 4;
	total = get16(ip + 2);
	if (header < 20 || ip[9] != 6)
		return false;
	d->source = ip + 12;
	d->local = ip + 16;
	d->addr_len = 4;
	d->tcp = ip + header;
	d->have = len - header;
	d->said = total - header;
	d->id = get16(ip + 4);
	d->offset = (get16(ip + 6) & 0x1fff) * 8;
	d->more = ip[6] & 0x20;
	return true;
}

/* RFC 8200, RFC 4302: header types that go on to another one. */
static long extension_len(uint8_t type, const uint8_t *at)
{
	if (type == 44)
		return 8;
	if (type == 51)
		return (at[1] + 2) * 4;
	return type == 0 || type == 43 || type == 60 ? (at[1] + 1) * 8 : -1;
}

static bool ipv6_read(const uint8_t *ip, long len, struct datagram *d)
{
	long at = 40, step, fragment = 0;
	uint8_t type;
	int i;

	if (len < 40)
		return false;
	type = ip[6];
	d->source = ip + 8;
	d->local = ip + 24;
	d->addr_len = 16;
	for (i = 0; type != 6; i++) {
		if (i == 8 || at + 8 > len)
			return false;
		step = extension_len(type, ip + at);
		if (step < 0)
			return false;
		if (type == 44) {
			memcpy(&d->id, ip + at + 4, 4);
			d->offset = get16(ip + at + 2) & 0xfff8;
			d->more = ip[at + 3] & 1;
			fragment = at + 8;
		}
		type = ip[at];
		at += step;
		if (d->offset)
			break;
	}
	d->head = fragment ? at - fragment : 0;
	d->tcp = ip + at;
	d->have = len - at;
	d->said = 40 + get16(ip + 4) - at;
	return true;
}

static bool frame_read(const uint8_t *frame, size_t size, struct datagram *d)
{
	long len = (long)size, at = 14;
	uint16_t type;
	int tags;

	memset(d, 0, sizeof(*d));
	if (len < at)
		return false;
	type = get16(frame + 12);
	for (tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); tags++) {
		if (len < at + 4)
			return false;
		type = get16(frame + at + 2);
		at += 4;
	}
	if (type == 0x0800)
		return ipv4_read(frame + at, len - at, d);
	return type == 0x86dd && ipv6_read(frame + at, len - at, d);
}

static bool source_denied(const struct datagram *d)
{
	static const uint8_t v4[] = { 198, 51, 100 }, v6[] = { 0x20, 0x01, 0x0d, 0xb8, 0x0b, 0xad };
	static const uint8_t mapped[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100 };

	if (d->addr_len == 4)
		return !memcmp(d->source, v4, sizeof(v4));
	return !memcmp(d->source, v6, sizeof(v6)) || !memcmp(d->source, mapped, sizeof(mapped));
}

/* RFC 9293, 3.10.7: what no TCP sends. */
static bool flags_impossible(bool fin, bool syn, bool rst, bool ack)
{
	if (fin + syn + rst > 1)
		return true;
	return !syn && !rst && !ack;
}

static enum opinion segment_judge(const struct datagram *d, bool guarded)
{
	const uint8_t *tcp = d->tcp;
	bool fin = tcp[13] & 1, syn = tcp[13] & 2, rst = tcp[13] & 4, ack = tcp[13] & 16;
	long header = (tcp[12] >> 4) * 4;

	if (header < 20 || header > d->said || flags_impossible(fin, syn, rst, ack) || source_denied(d))
		return MUST_DROP;
	if (!memcmp(d->source, d->local, d->addr_len) && get16(tcp) == PORT)
		return MUST_DROP; /* land */
	if (syn && !ack)
		return d->more || d->said > header ? MUST_DROP : MAY_ANSWER;
	return guarded ? MAY_EITHER : MUST_PASS;
}

enum opinion judge(const uint8_t *frame, size_t len, bool guarded)
{
	struct datagram d;

	if (!frame_read(frame, len, &d))
		return MUST_PASS;
	if (d.offset)
		return d.offset < *memory_of(&d) ? MAY_EITHER : MUST_PASS;
	if (d.have < 8 || d.said < 8 || get16(d.tcp + 2) != PORT)
		return MUST_PASS; /* its port cannot be seen, or is another */
	if (d.said < 20)
		return MUST_DROP; /* RFC 1858: the header is in pieces, or not there */
	if (d.have < 20)
		return MUST_PASS; /* cut on the way: not ours to judge */
	if (d.more && d.head + d.said > *memory_of(&d))
		*memory_of(&d) = (uint16_t)(d.head + d.said);
	return segment_judge(&d, guarded);
}
