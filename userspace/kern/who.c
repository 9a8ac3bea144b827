/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who a sender is, as bpf/inner.bpf.h says: behind a prefix of the policy in force the IPv4 address inside. And by which keys it is
 * counted. Called by whoever is asked about an address.
 */
#include <arpa/inet.h>
#include <string.h>

#include "addr.h"
#include "internal.h"
#include "tables.h"

static bool generation_read(const struct engine *e, struct sluice_generation *g)
{
	__u32 slot;

	return !slot_read(e, &slot) && !bpf_map_lookup_elem(e->map[MAP_generations], &slot, g);
}

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

int source_key(const struct engine *e, const struct sluice_addr *a, unsigned int service,
	       struct sluice_source_key *source, struct sluice_source_key *network)
{
	struct sluice_addr who = engine_who(e, a, NULL);
	const struct sluice_aggregate *as;
	struct lookup_status look;
	int err = lookup_read(e, &who, service, &look);

	if (err)
		return err;
	as = &look.rule.aggregate[addr_is_ipv4(&who) ? SLUICE_IPV4 : SLUICE_IPV6];
	*source = (struct sluice_source_key){ addr_mask(&who, as->source_bits), service, as->source_bits };
	*network = (struct sluice_source_key){ addr_mask(&who, as->network_bits), service, as->network_bits,
					       SLUICE_LEVEL_NETWORK };
	return 0;
}
