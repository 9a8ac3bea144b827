/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gate repeats standing refusals (bpf/lane.bpf.h). Code that changes what verdicts depend on shuts the lane first, and opens it when the
 * change is in force: in another epoch, in which earlier notes are no longer valid. Commits, trials, live bans and allows, and a start call
 * this. The daemon calls it once a second to keep the set as large as the sources need, and no larger: a small set stays in the
 * processor's caches. A process that dies in between leaves the lane shut, which only costs time.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"
#include "tables.h"

/* Sources per line: half of its places, so that hardly any line is ever full. */
#define LINE_SOURCES (SLUICE_REFUSALS_WAYS / 2)

/* Returns the number of lines, which is the same for both families. */
static __u32 lines_of(const struct engine *e)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(e->map[MAP_refusals], &info, &len) ? 0 : info.max_entries;
}

static unsigned int bits_most(const struct engine *e)
{
	return lane_bits((uint64_t)lines_of(e) * LINE_SOURCES);
}

unsigned int lane_bits(uint64_t sources)
{
	unsigned int bits = SLUICE_LANE_BITS_LEAST;

	while (bits < SLUICE_LANE_BITS_MOST && (1ULL << bits) * LINE_SOURCES < sources)
		bits++;
	return bits;
}

static int refusals_wipe(const struct engine *e, enum map_id family)
{
	size_t size = (size_t)lines_of(e) * sizeof(struct sluice_refusals);
	void *at = size ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, e->map[family], 0) : MAP_FAILED;

	if (at == MAP_FAILED)
		return -errno;
	memset(at, 0, size);
	munmap(at, size);
	return 0;
}

int lane_shut(const struct engine *e)
{
	return CONTROL_STORE(e, lane, 0);
}

/* Returns how many bits of an IPv6 address make a source; 0: no word can express that, or some addresses are sources of IPv4. */
static unsigned int lane_prefix(const struct engine *e)
{
	struct sluice_generation g;

	if (!generation_read(e, &g) || g.translated_count || g.mask6.word[2])
		return 0;
	return __builtin_popcount(g.mask6.word[0]) + __builtin_popcount(g.mask6.word[1]);
}

/* For IPv6 a line has half as many places, so there are twice as many lines, if there is room for them. */
static __u64 lane_word(const struct engine *e, __u32 epoch, __u64 number)
{
	unsigned int bits6 = e->lane_bits < bits_most(e) ? e->lane_bits + 1 : e->lane_bits;

	return SLUICE_LANE(epoch, e->lane_bits, bits6, lane_prefix(e), number);
}

/* Epochs are reused: before the first one returns, nothing is left of its last time. */
void lane_open(struct engine *e)
{
	__u64 number = 0;
	__u32 epoch;

	if (!e->lane_bits)
		e->lane_bits = SLUICE_LANE_BITS_LEAST;
	if (control_count(e, offsetof(struct sluice_control, lane_number), &number))
		return;
	epoch = number % SLUICE_LANE_EPOCHS + 1;
	if (epoch == 1 && (refusals_wipe(e, MAP_refusals) || refusals_wipe(e, MAP_refusals6)))
		return;
	CONTROL_STORE(e, lane, lane_word(e, epoch, number));
}

/* Grows at once, but shrinks only if a quarter would do: each change forgets what was noted. */
void lane_fit(struct engine *e)
{
	unsigned int bits, most = bits_most(e);
	uint64_t sources;

	if (tally_read(e, SLUICE_TALLY_SOURCES, &sources))
		return;
	bits = lane_bits(sources);
	if (bits > most)
		bits = most;
	if (bits == e->lane_bits || bits + 1 == e->lane_bits)
		return;
	e->lane_bits = bits;
	if (!lane_shut(e))
		lane_open(e);
}

int force_store(struct engine *e, __u64 force)
{
	int err = lane_shut(e);

	if (!err)
		err = CONTROL_STORE(e, force, force);
	lane_open(e);
	return err;
}
