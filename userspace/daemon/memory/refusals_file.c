/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of refusals in the state directory: INSTANCE.refusals, for root only. It contains no more than the memory: what may no longer be
 * kept disappears with the next write, and what is erased disappears at once.
 */
#include <string.h>

#include "refusals_memory.h"
#include "keep.h"
#include "refusals_keep.h"

static int memory_write(const struct daemon *dm, char **text)
{
	const struct keep *file = &dm->refusals_file;
	struct refusals_kept k = { .shift_ns = keep_real_shift(file), .memory = dm->refusals };

	if (!refusals_sums(dm->refusals).entries)
		return 0;
	k.saved = (keep_now(file) + k.shift_ns) / KEEP_SECOND;
	k.since = (dm->refusals_since_ns + k.shift_ns) / KEEP_SECOND;
	return refusals_write(&k, text);
}

/* The file has the latest first, so this reads from its end. */
static int memory_read(struct daemon *dm, const char *text, uint64_t *saved, const char **why)
{
	__attribute__((cleanup(refusals_kept_free))) struct refusals_kept k = {};
	int err = refusals_parse(text, &k, why);
	size_t i;

	for (i = err ? 0 : k.items.count; i-- > 0;)
		refusals_put(dm->refusals, &k.items.item[i]);
	if (err)
		return err;
	dm->refusals_since_ns = k.since * KEEP_SECOND;
	*saved = k.saved;
	return 0;
}

static const struct keep_kind kind = {
	.ending = "refusals",
	.what = "the memory of refusals",
	.limit = REFUSALS_BYTES,
	.seconds = 60,
	.write = memory_write,
	.read = memory_read,
};

void refusals_load(struct daemon *dm)
{
	keep_load(dm, &dm->refusals_file, &kind);
	refusals_age(dm);
	refusals_follow(dm);
}

void refusals_store(struct daemon *dm)
{
	keep_tick(dm, &dm->refusals_file, &kind);
}

void refusals_save(struct daemon *dm)
{
	refusals_age(dm);
	dm->refusals_file.next = 0;
	refusals_store(dm);
}

void refusals_erase_file(struct daemon *dm, size_t count, struct diag *d)
{
	struct keep *file = &dm->refusals_file;

	if ((!count && !file->dirty) || !keep_write(dm, file, &kind, d))
		return;
	if (!keep_remove(dm, &kind, d))
		diag_add(d,
			 "the file of remembered refusals is removed instead; it is written again when there is room");
}
