/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one row of `control`, which says what is in force. The gate follows it with every packet, so it is mapped, and each of its words
 * read and written by one 8-byte access: an update through the system call is a memcpy, of which a packet may see a half, and it would
 * put the other words back to what they were when it was read. Called by whatever puts a policy, a deadline or a watch in force.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "slot.h"
#include "internal.h"

#define WORDS (sizeof(struct sluice_control) / sizeof(__u64))
_Static_assert(sizeof(struct sluice_control) % sizeof(__u64) == 0, "control is made of words");

static void row_unmap(__u64 *word)
{
	munmap(word, sizeof(struct sluice_control));
}
DEFINE_CLEANUP(__u64 *, row_unmap);

static int row_map(const struct engine *e, int protection, __u64 **word)
{
	void *at = mmap(NULL, sizeof(struct sluice_control), protection, MAP_SHARED, e->map[MAP_control], 0);

	if (at == MAP_FAILED)
		return -errno;
	*word = at;
	return 0;
}

/* A map that was opened for reading only cannot be mapped. What two reads find the same was not read in the midst of a store. */
static int row_look(const struct engine *e, struct sluice_control *out)
{
	struct sluice_control again;
	__u32 zero = 0;
	int err;

	do {
		err = bpf_map_lookup_elem(e->map[MAP_control], &zero, out);
		if (!err)
			err = bpf_map_lookup_elem(e->map[MAP_control], &zero, &again);
	} while (!err && memcmp(out, &again, sizeof(again)));
	return err;
}

int control_read(const struct engine *e, struct sluice_control *out)
{
	_cleanup_(row_unmap) __u64 *word = NULL;
	int err = row_map(e, PROT_READ, &word);
	__u64 copy[WORDS] = {};
	size_t i;

	if (err == -EINVAL)
		return row_look(e, out);
	for (i = 0; i < WORDS && !err; i++)
		copy[i] = __atomic_load_n(&word[i], __ATOMIC_ACQUIRE);
	memcpy(out, copy, sizeof(*out));
	return err;
}

int control_store(const struct engine *e, size_t offset, __u64 value)
{
	_cleanup_(row_unmap) __u64 *word = NULL;
	int err = row_map(e, PROT_READ | PROT_WRITE, &word);

	if (!err)
		__atomic_store_n(&word[offset / sizeof(*word)], value, __ATOMIC_SEQ_CST);
	return err;
}

int control_count(const struct engine *e, size_t offset, __u64 *before)
{
	_cleanup_(row_unmap) __u64 *word = NULL;
	int err = row_map(e, PROT_READ | PROT_WRITE, &word);

	if (!err)
		*before = __atomic_fetch_add(&word[offset / sizeof(*word)], 1, __ATOMIC_ACQ_REL);
	return err;
}

static __u64 clock_read(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

__u64 clock_ns(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

__u64 clock_shift(void)
{
	return clock_read(CLOCK_REALTIME) - clock_ns();
}

int slot_read(const struct engine *e, __u32 *slot)
{
	struct sluice_control control;
	int err = control_read(e, &control);

	if (!err)
		*slot = force_slot(control.force, clock_ns());
	return err;
}

bool generation_read(const struct engine *e, struct sluice_generation *g)
{
	__u32 slot;

	return !slot_read(e, &slot) && !bpf_map_lookup_elem(e->map[MAP_generations], &slot, g);
}

enum trial engine_trial(const struct engine *e, unsigned int *ms)
{
	struct sluice_control control;
	__u64 until, now = clock_ns();

	if (control_read(e, &control))
		return TRIAL_NONE;
	until = control.force & SLUICE_FORCE_UNTIL;
	if (ms)
		*ms = until > now ? (until - now + 999999) / 1000000 : 0;
	return !until ? TRIAL_NONE : now < until ? TRIAL_AWAITED : TRIAL_OVER;
}
