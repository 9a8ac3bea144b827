/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes frames for fuzz_gate: captured ones, and random changes of them. See frames.h. */
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "frames.h"
#include "judge.h"
#include "sockets.h"

#define SEEDS 256

static struct seed seeds[SEEDS];
static size_t seeds_count;
static uint64_t state;

void draws_begin(uint64_t seed)
{
	state = seed;
}

/* xorshift64* (Marsaglia; Vigna). */
static uint32_t draw(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 2685821657736338717ULL) >> 33) % below;
}

size_t seeds_take(int packets)
{
	ssize_t n;

	while (seeds_count < SEEDS &&
	       (n = recv(packets, seeds[seeds_count].bytes, ROOM - 64, MSG_DONTWAIT)) >= ETH_HLEN) {
		seeds[seeds_count++].len = (size_t)n;
	}
	return seeds_count;
}

static void bytes_insert(struct seed *s, size_t at, const void *what, size_t len)
{
	if (at > s->len || s->len + len > ROOM)
		return;
	memmove(s->bytes + at + len, s->bytes + at, s->len - at);
	memcpy(s->bytes + at, what, len);
	s->len += len;
}

/* Inserts an extension header behind the IPv6 header, which then names it. */
static void extension_add(struct seed *s)
{
	static const uint8_t kinds[] = { 0, 43, 44, 51, 60 };
	uint8_t extension[8] = { s->bytes[20] };
	uint16_t len = (uint16_t)(s->bytes[18] << 8 | s->bytes[19]) + 8;

	extension[3] = (uint8_t)(draw(4) ? 0 : draw(3) ? draw(2) : draw(64));
	extension[7] = (uint8_t)draw(4);
	s->bytes[20] = kinds[draw(5)];
	bytes_insert(s, 54, extension, sizeof(extension));
	if (!draw(64))
		return;
	s->bytes[18] = (uint8_t)(len >> 8);
	s->bytes[19] = (uint8_t)len;
}

/* Adds a source route, and fills the rest of the header with options that do nothing. */
static void options_add(struct seed *s)
{
	uint8_t options[40];
	size_t words = draw(10) + 1;

	if (s->bytes[14] != 0x45)
		return;
	memset(options, 1, sizeof(options));
	options[0] = draw(2) ? 131 : 137;
	options[1] = (uint8_t)(draw(4) ? 3 : draw(44));
	options[2] = (uint8_t)draw(8);
	if (draw(2))
		options[0] = 1;
	bytes_insert(s, 34, options, words * 4);
	s->bytes[14] = (uint8_t)(0x45 + words);
	s->bytes[17] += (uint8_t)(draw(16) ? words * 4 : 0);
}

/* Adds headers that frames from a loopback never have. */
static void headers_add(struct seed *s)
{
	static const uint8_t tag[4] = { 0x81, 0, 0, 1 }, outer[4] = { 0x88, 0xa8, 0, 1 };
	bool v6 = s->len > 54 && s->bytes[12] == 0x86;
	uint32_t n;

	if (v6 && !draw(3))
		for (n = draw(8) ? draw(3) + 1 : draw(70); n; n--)
			extension_add(s);
	if (!v6 && !draw(6) && s->len > 34)
		options_add(s);
	if (!draw(4))
		for (n = draw(6) ? 1 : draw(11); n; n--)
			bytes_insert(s, 12, draw(2) ? tag : outer, 4);
}

static size_t tcp_of(const struct seed *s)
{
	return s->len > 54 && s->bytes[12] == 0x86 ? 54 : 34;
}

/* Changes the fields that matter: flags, lengths, fragments, ports, addresses. */
static void fields_change(struct seed *s)
{
	size_t tcp = tcp_of(s);

	if (s->len < tcp + 20)
		return;
	if (draw(2))
		s->bytes[tcp + 13] = (uint8_t)draw(64);
	if (!draw(6))
		s->bytes[tcp + 12] = (uint8_t)(draw(16) << 4);
	if (!draw(6))
		s->bytes[tcp == 54 ? 19 : 17] = (uint8_t)draw(80);
	if (!draw(40))
		memset(s->bytes + (tcp == 54 ? 18 : 16), 0, 2);
	if (tcp == 34 && !draw(4)) {
		s->bytes[20] = (uint8_t)(draw(2) << 5);
		s->bytes[21] = (uint8_t)(draw(2) ? 0 : draw(8));
		s->bytes[19] = (uint8_t)draw(4);
	}
	if (!draw(3))
		memcpy(s->bytes + tcp + 2, draw(4) ? "\0\x19" : "\0\x16", 2);
	if (!draw(8))
		memcpy(s->bytes + (tcp == 54 ? 22 : 26), tcp == 54 ? "\x20\x01\x0d\xb8\x0b\xad" : "\xc6\x33\x64",
		       tcp == 54 ? 6 : 3);
	if (!draw(4))
		s->bytes[tcp == 54 ? 37 : 29] = (uint8_t)draw(256);
}

/* Gives it the 4-tuple of a socket, if that has the same family. */
static void tuple_borrow(struct seed *s)
{
	const struct tuple *t = sockets_tuple(draw(64));
	size_t tcp = tcp_of(s), at = tcp == 54 ? 22 : 26;

	if (s->len < tcp + 20 || t->addr_len != (tcp == 54 ? 16 : 4))
		return;
	memcpy(s->bytes + at, t->source, t->addr_len);
	memcpy(s->bytes + at + t->addr_len, t->local, t->addr_len);
	memcpy(s->bytes + tcp, t->ports, sizeof(t->ports));
}

static void mutate(struct seed *s)
{
	uint32_t i, n;

	fields_change(s);
	if (!draw(3))
		tuple_borrow(s);
	headers_add(s);
	if (!draw(64))
		s->bytes[0] ^= 1;
	if (draw(4))
		sums_mend(s->bytes, s->len);
	if (!draw(3))
		for (i = 0, n = draw(8) + 1; i < n; i++)
			s->bytes[draw((uint32_t)s->len)] ^= (uint8_t)(1 << draw(8));
	if (!draw(8))
		s->len = draw((uint32_t)s->len) + 1;
	else if (!draw(16))
		s->len += draw(64);
	if (s->len < ETH_HLEN)
		s->len = ETH_HLEN; /* the least that a test run takes */
	if (!draw(32))
		for (i = 0; i < s->len; i++)
			s->bytes[i] = (uint8_t)draw(256);
	if (s->len > ROOM - 64)
		s->len = ROOM - 64;
}

void frame_draw(struct seed *s)
{
	const struct seed *from = &seeds[draw((uint32_t)seeds_count)];

	memcpy(s->bytes, from->bytes, from->len);
	s->len = from->len;
	mutate(s);
}

void syn_draw(struct seed *s)
{
	const struct seed *from = &seeds[draw((uint32_t)seeds_count)];

	frame_draw(s);
	if (draw(3)) {
		memcpy(s->bytes, from->bytes, from->len);
		s->len = from->len;
		if (!draw(4))
			fields_change(s);
		if (!draw(16))
			tuple_borrow(s);
	}
	if (s->len > 54 && draw(8))
		s->bytes[tcp_of(s) + 13] = 2;
}

/* Says whether it is a SYN without ACK. */
static bool asks(const struct seed *s)
{
	return s->len > 54 && (s->bytes[tcp_of(s) + 13] & 0x12) == 2;
}

void segment_draw(struct seed *s)
{
	const struct seed *from = &seeds[draw((uint32_t)seeds_count)];

	do {
		memcpy(s->bytes, from->bytes, from->len);
		s->len = from->len;
		if (draw(4))
			fields_change(s);
		if (!draw(3))
			tuple_borrow(s);
		if (!draw(4))
			s->bytes[draw(54)] ^= (uint8_t)(1 << draw(8));
		if (s->len > 54 && draw(4))
			s->bytes[tcp_of(s) + 13] = (uint8_t)(draw(4) ? 16 | draw(2) << 3 : draw(64));
	} while (asks(s));
}
