/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One packet, one reason. */
#ifndef SLUICE_COUNT_BPF_H
#define SLUICE_COUNT_BPF_H

static __always_inline struct sluice_stat *stat_of(__u32 service, enum sluice_reason why)
{
	__u32 index = service * SLUICE_REASONS + why;

	return bpf_map_lookup_elem(&stats, &index);
}

/* The row that counted, or NULL. */
static __always_inline struct sluice_stat *count_packet(__u32 service, enum sluice_reason why, int connection)
{
	struct sluice_stat *s = stat_of(service, why);

	if (!s)
		return NULL;
	s->packets++;
	s->connections += connection;
	return s;
}

static __always_inline void count_country(__u32 service, __u32 country)
{
	__u32 index = service * SLUICE_COUNTRIES + country;
	__u64 *refused = bpf_map_lookup_elem(&countries, &index);

	if (refused)
		*refused += 1;
}

/* What observe mode let pass. */
static __always_inline struct sluice_stat *count_observed(__u32 service, enum sluice_reason why)
{
	struct sluice_stat *s = stat_of(service, why);

	if (s)
		s->observed++;
	return s;
}

#endif
