/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a frame by RFC 791, 8200, 4302 and 9293, as far as docs/limits.md says that the gate follows it, and says what must
 * become of it. fuzz_gate compares that with what the gate did.
 */
#include <arpa/inet.h>
#include <string.h>

#include "judge.h"

#define PORT 25
#define TAGS 8 /* docs/limits.md: more of these hide where TCP begins, */
#define EXTENSIONS 64 /* and so do more of these */
#define MEMORY (1 << 20)

struct datagram {
	const uint8_t *source, *local;
	size_t addr_len;
	uint8_t *ip, *tcp;
	long have; /* bytes from `tcp` that are in the frame */
	long said; /* bytes from `tcp` that the datagram has by its length field; all that are there if that is 0 */
	uint32_t id;
	long offset; /* of this fragment */
	long head; /* bytes between where offsets count from and `tcp` */
	bool more; /* fragments follow */
	bool group; /* the frame is for a group of hosts */
	bool unsized; /* its length field is 0 */
	bool routed; /* it has a route with stops left */
};

enum reading {
	NO_TCP, /* no TCP, or nothing that the host can read either */
	HIDDEN, /* TCP, if any, is where nobody honest puts it */
	LATER, /* a later fragment */
	TCP, /* begins at datagram.tcp */
};

/* First fragments: hash of addresses and id -> where it ended. Two that share a place only make the judge more tolerant. */
static uint16_t memory[MEMORY];
static bool asked[MEMORY]; /* hash of a 4-tuple -> a SYN of it was seen */

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t addresses_hash(const struct datagram *d, uint32_t hash)
{
	size_t i;

	for (i = 0; i < d->addr_len; i++)
		hash = ((hash ^ d->source[i]) * 16777619u ^ d->local[i]) * 16777619u;
	return hash % MEMORY;
}

static uint16_t *memory_of(const struct datagram *d)
{
	return &memory[addresses_hash(d, 2166136261u ^ d->id)];
}

/* RFC 791, 3.1: looks for a source route whose pointer is not past its end. Options that make no sense name no route. */
static bool ipv4_routed(const uint8_t *ip, long header, long len)
{
	long at = 20;

	while (at < header && at < len && ip[at]) {
		if (ip[at] == 1) {
			at++;
			continue;
		}
		if (at + 2 > header || at + 3 > len || ip[at + 1] < 2)
			return false;
		if (ip[at] == 131 || ip[at] == 137)
			return ip[at + 2] <= ip[at + 1];
		at += ip[at + 1];
	}
	return false;
}

static enum reading ipv4_read(uint8_t *ip, long len, struct datagram *d)
{
	long header, total;

	if (len < 20)
		return NO_TCP;
	header = (ip[0] & 15) * 4;
	total = get16(ip + 2);
	if (ip[0] >> 4 != 4 || header < 20 || ip[9] != 6)
		return NO_TCP;
	d->ip = ip;
	d->source = ip + 12;
	d->local = ip + 16;
	d->addr_len = 4;
	d->tcp = ip + header;
	d->have = len - header;
	d->unsized = !total;
	d->said = (total ? total : len) - header;
	d->id = get16(ip + 4);
	d->offset = (get16(ip + 6) & 0x1fff) * 8;
	d->more = ip[6] & 0x20;
	d->routed = ipv4_routed(ip, header, len);
	return d->offset ? LATER : TCP;
}

/* RFC 8200, RFC 4302: returns the bytes of a header that leads to another one; 0 if a header of this type does not. */
static long extension_len(uint8_t type, const uint8_t *at)
{
	if (type == 44)
		return 8;
	if (type == 51)
		return (at[1] + 2) * 4;
	return type == 0 || type == 43 || type == 60 ? (at[1] + 1) * 8 : 0;
}

static void fragment_read(const uint8_t *header, struct datagram *d)
{
	memcpy(&d->id, header + 4, 4);
	d->offset = get16(header + 2) & 0xfff8;
	d->more |= header[3] & 1;
}

/* Follows the headers of a datagram that ends at `end`, in a frame that ends at `len`. Sets *at to where they lead. */
static enum reading chain_follow(const uint8_t *ip, long len, long end, long *at, struct datagram *d)
{
	static const uint8_t nothing[8];
	const uint8_t *header;
	uint8_t type = ip[6];
	long fragment = 0;
	int i;

	for (i = 0; extension_len(type, nothing); i++) {
		if (*at + 8 > end || *at + 8 > len)
			return d->more && end <= len ? HIDDEN : NO_TCP;
		if (type == 44) {
			fragment_read(ip + *at, d);
			fragment = *at + 8;
		}
		if (d->offset)
			return LATER;
		if (i == EXTENSIONS)
			return HIDDEN;
		d->routed |= type == 43 && ip[*at + 3];
		header = ip + *at;
		*at += extension_len(type, header);
		type = header[0];
	}
	d->head = fragment ? *at - fragment : 0;
	return type == 6 ? TCP : NO_TCP;
}

static enum reading ipv6_read(uint8_t *ip, long len, struct datagram *d)
{
	enum reading reading;
	long at = 40, end;

	if (len < 40 || ip[0] >> 4 != 6)
		return NO_TCP;
	d->ip = ip;
	d->source = ip + 8;
	d->local = ip + 24;
	d->addr_len = 16;
	d->unsized = !get16(ip + 4);
	end = d->unsized ? len : 40 + get16(ip + 4);
	reading = chain_follow(ip, len, end, &at, d);
	d->tcp = ip + at;
	d->have = len - at;
	d->said = end - at;
	return reading;
}

static enum reading frame_read(uint8_t *frame, size_t size, struct datagram *d)
{
	long len = (long)size, at = 14;
	uint16_t type;
	int tags;

	memset(d, 0, sizeof(*d));
	if (len < at)
		return NO_TCP;
	d->group = frame[0] & 1;
	type = get16(frame + 12);
	for (tags = 0; type == 0x8100 || type == 0x88a8; tags++) {
		if (tags == TAGS)
			return HIDDEN;
		if (len < at + 4)
			return NO_TCP;
		type = get16(frame + at + 2);
		at += 4;
	}
	if (type == 0x0800)
		return ipv4_read(frame + at, len - at, d);
	return type == 0x86dd ? ipv6_read(frame + at, len - at, d) : NO_TCP;
}

static bool source_denied(const struct datagram *d)
{
	static const uint8_t v4[] = { 198, 51, 100 }, v6[] = { 0x20, 0x01, 0x0d, 0xb8, 0x0b, 0xad };
	static const uint8_t mapped[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100 };

	if (d->addr_len == 4)
		return !memcmp(d->source, v4, sizeof(v4));
	return !memcmp(d->source, v6, sizeof(v6)) || !memcmp(d->source, mapped, sizeof(mapped));
}

/* RFC 1071: the sum, not its complement. */
static uint16_t sum(const uint8_t *at, long len, uint32_t so_far)
{
	long i;

	for (i = 0; i < len; i++)
		so_far += i & 1 ? at[i] : (uint32_t)at[i] << 8;
	while (so_far >> 16)
		so_far = (so_far & 0xffff) + (so_far >> 16);
	return (uint16_t)so_far;
}

static uint16_t pseudo_sum(const struct datagram *d)
{
	uint32_t length = 6 + (uint32_t)(d->said >> 16) + (uint32_t)(d->said & 0xffff);

	return sum(d->source, (long)d->addr_len, sum(d->local, (long)d->addr_len, length));
}

/* Says whether the host drops it for its checksums. A checksum of only the pseudo header is one that the sender's card would complete. */
static bool sums_wrong(const struct datagram *d)
{
	if (d->addr_len == 4 && sum(d->ip, d->tcp - d->ip, 0) != 0xffff)
		return true;
	if (d->have < d->said)
		return true;
	return sum(d->tcp, d->said, pseudo_sum(d)) != 0xffff && get16(d->tcp + 16) != pseudo_sum(d);
}

/* RFC 9293, 3.10.7: says whether no TCP sends these flags. */
static bool flags_impossible(const uint8_t *tcp)
{
	bool fin = tcp[13] & 1, syn = tcp[13] & 2, rst = tcp[13] & 4, ack = tcp[13] & 16;

	if (fin + syn + rst > 1)
		return true;
	return !syn && !rst && !ack;
}

static bool is_land(const struct datagram *d)
{
	return !memcmp(d->source, d->local, d->addr_len) && get16(d->tcp) == PORT;
}

static bool is_mapped(const uint8_t *address)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(address, prefix, sizeof(prefix));
}

/* RFC 1122, 3.2.1.3 and RFC 4291, 2.7: says whether nobody speaks from there. An IPv4 address in an IPv6 header is nobody's, either. */
static bool is_martian(const struct datagram *d)
{
	static const uint8_t nobody[4], everybody[4] = { 255, 255, 255, 255 };

	if (d->addr_len == 16)
		return d->source[0] == 0xff || is_mapped(d->source) || is_mapped(d->local);
	return !memcmp(d->source, nobody, sizeof(nobody)) || d->source[0] >> 4 == 14 ||
	       !memcmp(d->source, everybody, sizeof(everybody));
}

static bool local_is_loopback(const struct datagram *d)
{
	static const uint8_t one[16] = { [15] = 1 };

	return d->addr_len == 4 ? d->local[0] == 127 : !memcmp(d->local, one, sizeof(one));
}

/*
 * Says whether it has data, or an option of RFC 7413 or 6994: then the host may make a connection of it at once. Bytes that only look like
 * such an option count, too.
 */
static bool opens_fast(const struct datagram *d, long header)
{
	return d->said > header || memchr(d->tcp + 20, 34, (size_t)header - 20) ||
	       memchr(d->tcp + 20, 254, (size_t)header - 20);
}

/* Says whether a SYN of its 4-tuple came before this one. */
static bool asks_again(const struct datagram *d)
{
	bool *place = &asked[addresses_hash(d, 2166136261u ^ get16(d->tcp))], again = *place;

	*place = true;
	return again;
}

/* Judges a sound SYN that no socket owns. The limit must refuse it only if its address is certainly one of the host's own. */
static enum opinion newcomer_judge(const struct datagram *d, const struct circumstances *now)
{
	if (!now->full)
		return MAY_ANSWER;
	if (now->lately(d->source, d->local, d->addr_len, d->tcp))
		return MAY_EITHER;
	return local_is_loopback(d) ? MUST_DROP : MAY_EITHER;
}

/* Judges a segment. If a socket owns it, only its source is judged, whatever its flags are and whatever the limits say. */
static enum opinion segment_judge(const struct datagram *d, const struct circumstances *now)
{
	bool asks = (d->tcp[13] & 18) == 2; /* SYN without ACK */
	long header = (d->tcp[12] >> 4) * 4;

	if (d->routed || header < 20 || header > d->said || flags_impossible(d->tcp) || is_land(d) || source_denied(d))
		return MUST_DROP;
	if (d->unsized && (asks || d->more))
		return MUST_DROP;
	if (asks && d->more)
		return MUST_DROP;
	if (asks &&
	    (sums_wrong(d) || is_martian(d))) /* a full limit is asked first, and lets through what a socket may own */
		return now->full ? MAY_EITHER : MUST_DROP;
	if (asks && asks_again(d) &&
	    opens_fast(d, header)) /* its handshake may hold no slot for what the host makes of it */
		return MAY_ANYTHING;
	if (now->owned(d->source, d->local, d->addr_len, d->tcp))
		return asks && now->full && opens_fast(d, header) ? MAY_EITHER : MUST_PASS;
	if (asks)
		return newcomer_judge(d, now);
	return MAY_EITHER; /* no socket owns it, and so many of them are a flood */
}

enum opinion judge(uint8_t *frame, size_t len, const struct circumstances *now)
{
	enum reading reading;
	struct datagram d;

	reading = frame_read(frame, len, &d);
	if (reading == NO_TCP)
		return MUST_PASS;
	if (reading == HIDDEN)
		return MUST_DROP;
	if (reading == LATER)
		return d.offset < *memory_of(&d) ? MAY_EITHER : MUST_PASS;
	if (d.said < 8)
		return d.more ? MUST_DROP : MUST_PASS; /* no ports: another fragment has them, or none has */
	if (d.have < (d.said < 20 ? 8 : 20))
		return MUST_PASS; /* it was cut on the way, and cannot be judged */
	if (get16(d.tcp + 2) != PORT || d.group)
		return MUST_PASS;
	if (d.said < 20)
		return MUST_DROP; /* RFC 1858: the header is in pieces, or missing */
	if (d.more && d.head + d.said > *memory_of(&d))
		*memory_of(&d) = (uint16_t)(d.head + d.said);
	return segment_judge(&d, now);
}

void sums_mend(uint8_t *frame, size_t len)
{
	struct datagram d;

	if (frame_read(frame, len, &d) != TCP || d.said < 20 || d.have < d.said)
		return;
	if (d.addr_len == 4) {
		put16(d.ip + 10, 0);
		put16(d.ip + 10, (uint16_t)~sum(d.ip, d.tcp - d.ip, 0));
	}
	put16(d.tcp + 16, 0);
	put16(d.tcp + 16, (uint16_t)~sum(d.tcp, d.said, pseudo_sum(&d)));
}
