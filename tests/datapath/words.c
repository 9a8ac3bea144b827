/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads and writes the maps `refusals` and `refusals6`: see words.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "internal.h"
#include "words.h"

#define LINES (1U << SLUICE_LANE_BITS_LEAST)

__u64 lane_of(struct gate *g)
{
	struct sluice_control now;

	assert_int_equal(control_read(g->engine, &now), 0);
	return now.lane;
}

static enum map_id map_of(bool ipv6)
{
	return ipv6 ? MAP_refusals6 : MAP_refusals;
}

static __u64 word_at(const struct sluice_refusals *line, bool ipv6, __u32 way)
{
	return ipv6 ? line->word6[way] : line->word[way];
}

static unsigned int family_find(struct gate *g, bool ipv6, struct word *last)
{
	const size_t size = LINES * sizeof(struct sluice_refusals);
	__u32 epoch = SLUICE_LANE_EPOCH(lane_of(g)), i, n, ways = ipv6 ? SLUICE_REFUSALS_WAYS6 : SLUICE_REFUSALS_WAYS;
	struct sluice_refusals *set = mmap(NULL, size, PROT_READ, MAP_SHARED, g->engine->map[map_of(ipv6)], 0);
	unsigned int count = 0;
	__u64 word;

	assert_ptr_not_equal(set, MAP_FAILED);
	for (i = 0; i < LINES; i++)
		for (n = 0; n < ways; n++) {
			word = word_at(&set[i], ipv6, n);
			if (!epoch || SLUICE_LANE_EPOCH(word) != epoch)
				continue;
			*last = (struct word){ ipv6, i, n, word };
			count++;
		}
	munmap(set, size);
	return count;
}

unsigned int words_find(struct gate *g, struct word *last)
{
	unsigned int ipv4 = family_find(g, false, last);

	return ipv4 + family_find(g, true, last);
}

static void line_put(struct gate *g, const struct word *w, const struct sluice_refusals *line)
{
	assert_int_equal(bpf_map_update_elem(g->engine->map[map_of(w->ipv6)], &w->line, line, BPF_ANY), 0);
}

void word_put(struct gate *g, const struct word *w)
{
	__u64 lane = lane_of(g), word = (w->word & ~(__u64)SLUICE_LANE_EPOCHS) | SLUICE_LANE_EPOCH(lane);
	struct sluice_refusals line = {};

	if (w->ipv6)
		line.word6[w->way] = word;
	else
		line.word[w->way] = word;
	line_put(g, w, &line);
	assert_int_equal(CONTROL_STORE(g->engine, lane_noted, lane), 0);
}

void words_drop(struct gate *g, const struct word *w)
{
	static const struct sluice_refusals none;

	line_put(g, w, &none);
}
