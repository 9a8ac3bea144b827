/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds out who a sender is, in the same way as bpf/source/translated.bpf.h: under a translator's prefix of the policy in force, the IPv4 address inside.
 * All code that answers questions about an address calls it.
 */
#include <arpa/inet.h>
#include <string.h>

#include "addr.h"
#include "internal.h"
#include "tables.h"

static bool inner_find(const struct sluice_translated *t, const struct sluice_addr *a, struct sluice_addr *out)
{
	uint64_t high = (uint64_t)ntohl(a->word[0]) << 32 | ntohl(a->word[1]);
	uint64_t low = (uint64_t)ntohl(a->word[2]) << 32 | ntohl(a->word[3]);
	uint32_t inner = low;

	if (t->bits == 96 ? high != t->high || low >> 32 != t->low : (high ^ t->high) >> (64 - t->bits))
		return false;
	if (t->bits == 64)
		inner = low << 8 >> 32;
	else if (t->bits < 64)
		inner = (high << t->bits | low << 8 >> (64 - t->bits)) >> 32;
	*out = (struct sluice_addr){ { 0, 0, htonl(0xffff), htonl(inner) } };
	return true;
}

struct sluice_addr engine_who(const struct engine *e, const struct sluice_addr *a, bool *translated)
{
	struct sluice_generation g;
	struct sluice_addr inner;
	unsigned int i;

	if (translated)
		*translated = false;
	if (addr_is_ipv4(a) || !generation_read(e, &g))
		return *a;
	for (i = 0; i < g.translated_count && i < SLUICE_MAX_TRANSLATED; i++) {
		if (!inner_find(&g.translated[i], a, &inner))
			continue;
		if (translated)
			*translated = true;
		return inner;
	}
	return *a;
}

int engine_source(const struct engine *e, const struct sluice_addr *a, struct prefix *out)
{
	struct sluice_generation g;
	const struct sluice_addr who = engine_who(e, a, NULL), *mask;
	__u32 slot;
	unsigned int i;
	int err;

	err = slot_read(e, &slot);
	if (!err)
		err = bpf_map_lookup_elem(e->map[MAP_generations], &slot, &g);
	if (err)
		return err;
	mask = addr_is_ipv4(&who) ? &g.mask4 : &g.mask6;
	out->len = 0;
	for (i = 0; i < 4; i++) {
		out->addr.word[i] = who.word[i] & mask->word[i];
		out->len += __builtin_popcount(mask->word[i]);
	}
	return 0;
}

/* Nothing is inside a prefix that is shorter than a translator's, or that cuts through the octet that is no part of the address. */
bool engine_who_prefix(const struct engine *e, struct prefix *p)
{
	struct sluice_generation g;
	struct sluice_addr inner;
	unsigned int i, bits, len;

	if (addr_is_ipv4(&p->addr) || !generation_read(e, &g))
		return false;
	for (i = 0; i < g.translated_count && i < SLUICE_MAX_TRANSLATED; i++) {
		bits = g.translated[i].bits;
		len = p->len > bits ? p->len - bits : 0;
		len -= bits < 96 && p->len > 64 ? (len < 8 ? len : 8) : 0; /* bits 64 to 71 (RFC 6052, 2.2) */
		if (!len || !inner_find(&g.translated[i], &p->addr, &inner))
			continue;
		*p = (struct prefix){ inner, len < 32 ? 96 + len : 128 };
		return true;
	}
	return false;
}
