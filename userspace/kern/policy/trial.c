/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel side does by its own clock, without a daemon: an unconfirmed policy is reverted, and a gate whose daemon
 * was stopped opens. The previous slot is left as it was until then.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "compile.h"
#include "slot.h"
#include "internal.h"

int engine_policy_path(const struct engine *e, bool other, char path[static SLUICE_PATH_LEN])
{
	struct sluice_identity who;
	__u32 zero = 0, slot;
	int err = slot_read(e, &slot);

	if (!err)
		err = bpf_map_lookup_elem(e->map[MAP_identity], &zero, &who);
	if (!err)
		memcpy(path, who.policy[other ? !slot : slot], SLUICE_PATH_LEN);
	return err;
}

/* Keeps the slot that is in force now for good. */
static int force_write(struct engine *e, __u32 slot)
{
	return force_store(e, slot);
}

/* Reports it, without failing: which policy is in force is settled already. */
static void untidy_say(int err, struct diag *d)
{
	if (err)
		diag_add(d, "that is done, but a part of the other policy stays loaded until the next commit: %s",
			 strerror(-err));
}

/* Frees names that only the other slot used. What an earlier daemon began stays until the next commit. */
static int names_settle(struct engine *e, bool back)
{
	if (!e->used_before)
		return 0;
	if (back)
		memcpy(e->registry->used, e->used_before, SLUICE_MAX_TOTALS * sizeof(*e->used_before));
	free(e->used_before);
	e->used_before = NULL;
	return registry_retire(e);
}

int engine_confirm(struct engine *e, struct diag *d)
{
	enum trial trial = engine_trial(e, NULL);
	__u32 slot;
	int err;

	if (trial != TRIAL_AWAITED) {
		diag_add(d, trial == TRIAL_NONE ? "no policy awaits a confirmation"
						: "too late: the previous policy is in force again");
		return trial == TRIAL_NONE ? -ENOENT : -ETIME;
	}
	err = slot_read(e, &slot);
	if (!err)
		err = force_write(e, slot);
	if (err)
		return err;
	err = trie_drop(e, !slot);
	if (!err)
		err = names_settle(e, false);
	untidy_say(err, d);
	return 0;
}

static int revert_note(const struct engine *e)
{
	struct sluice_identity who;
	__u32 zero = 0;
	int err = bpf_map_lookup_elem(e->map[MAP_identity], &zero, &who);

	who.reverts++;
	who.reverted_s = time(NULL);
	return err ? err : bpf_map_update_elem(e->map[MAP_identity], &zero, &who, BPF_ANY);
}

static int peaks_settle(const struct engine *e, __u32 slot)
{
	_cleanup_free_ struct sluice_service *row = calloc(SLUICE_MAX_SERVICES, sizeof(*row));
	int err = 0;
	__u32 id, index;

	if (!row)
		return -ENOMEM;
	for (id = 1; id < SLUICE_MAX_SERVICES && !err; id++) {
		index = slot * SLUICE_MAX_SERVICES + id;
		err = bpf_map_lookup_elem(e->map[MAP_services], &index, &row[id]);
	}
	return err ? err : peaks_write(e, row);
}

int engine_revert(struct engine *e, struct diag *d)
{
	struct sluice_control control;
	__u32 slot;
	long drift;
	int err;

	if (engine_trial(e, NULL) == TRIAL_NONE) {
		diag_add(d, "no policy awaits a confirmation: there is nothing to revert");
		return -ENOENT;
	}
	err = control_read(e, &control);
	slot = !(control.force & SLUICE_FORCE_SLOT);
	if (!err)
		err = force_write(e, slot);
	if (err)
		return err;
	err = revert_note(e);
	if (!err)
		err = trie_drop(e, !slot);
	if (!err)
		err = peaks_settle(e, slot);
	if (!err)
		err = engine_audit(e, &drift, d);
	if (!err)
		err = names_settle(e, true);
	untidy_say(err, d);
	return 0;
}

static int open_write(const struct engine *e, __u64 open_ns)
{
	return CONTROL_STORE(e, open_ns, open_ns);
}

int engine_stand_open_in(struct engine *e, unsigned int seconds)
{
	return open_write(e, clock_ns() + seconds * 1000000000ULL);
}

int engine_stand_guard(struct engine *e)
{
	return open_write(e, 0);
}
