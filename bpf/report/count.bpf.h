/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counts each packet once, under its one reason. */
#ifndef SLUICE_COUNT_BPF_H
#define SLUICE_COUNT_BPF_H

static __always_inline struct sluice_stat *stat_of(__u32 service, enum sluice_reason why)
{
	__u32 index = service * SLUICE_REASONS + why;

	return bpf_map_lookup_elem(&stats, &index);
}

/* Returns the row that counted, or NULL. */
static __always_inline struct sluice_stat *count_packet(__u32 service, enum sluice_reason why, int connection)
{
	struct sluice_stat *s = stat_of(service, why);

	if (!s)
		return NULL;
	s->packets++;
	s->connections += connection;
	return s;
}

static __always_inline void count_refused_from(__u32 service, __u32 leaf)
{
	__u32 index = service * SLUICE_COUNTRIES + SLUICE_LEAF_COUNTRY(leaf);
	__u64 *refused = bpf_map_lookup_elem(&countries, &index);

	if (refused)
		*refused += 1;
}

static __always_inline void origin_count(__u32 service, __u32 leaf)
{
	__u32 origin = SLUICE_LEAF_PRIVATE(leaf) ? SLUICE_ORIGIN_PRIVATE : SLUICE_LEAF_COUNTRY(leaf);
	__u32 index = service * SLUICE_ORIGINS + origin;
	__u64 *admitted = bpf_map_lookup_elem(&admitted_from, &index);

	if (admitted)
		*admitted += 1;
}

/* It is verified once, apart from its callers, because it walks the trie. */
__noinline int origin_find_and_count(const struct sluice_addr *who, __u32 slot, __u32 service)
{
	struct sluice_addr copy;

	if (!who)
		return 0;
	copy = *who;
	origin_count(service, leaf_find(slot, &copy));
	return 0;
}

/*
 * Counts a connection that a service lets in. If the policy needs the trie, the leaf is known already; otherwise it is looked up here, and
 * not for each packet, since only this count needs it.
 */
static __always_inline void count_admitted_from(const struct sluice_view *view, const struct sluice_addr *source)
{
	struct sluice_addr who;

	if (!view->service || !view->generation || !generation_knows_countries(view->generation))
		return;
	if (view->generation->classified) {
		origin_count(view->service, view->leaf);
		return;
	}
	who = translated_of(view->generation, source);
	origin_find_and_count(&who, view->slot, view->service);
}

/* Counts what observe mode let pass. */
static __always_inline struct sluice_stat *count_observed(__u32 service, enum sluice_reason why)
{
	struct sluice_stat *s = stat_of(service, why);

	if (s)
		s->observed++;
	return s;
}

#endif
