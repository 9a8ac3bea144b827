/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of refusals as a file that outlives the daemon. Text, one a line:
 *
 *   sluice-refusals VERSION SAVED SINCE
 *   refused SOURCE SERVICE REASON VERDICT FIRST LAST COUNT STANDS_FOR       the last of each reason first
 *   end CRC32
 *
 * SOURCE is what was kept of the address, possibly "h-" and a hash. SAVED and SINCE are seconds of CLOCK_REALTIME, FIRST and LAST
 * nanoseconds. daemon/memory/refusals_file.c says when it is written and which entries may still be kept.
 */
#ifndef SLUICE_CORE_REFUSALS_KEEP_H
#define SLUICE_CORE_REFUSALS_KEEP_H

#include "list.h"
#include "refusals.h"

#define REFUSALS_VERSION 1
/* The longest line and the largest file: what is written can be read back. */
#define REFUSALS_LINE (8 + ADDR_TEXT_LEN + SLUICE_NAME_LEN + 32 + 8 + 4 * 21)
#define REFUSALS_BYTES ((REFUSALS_MOST + 2UL) * REFUSALS_LINE)

struct refusals_kept {
	uint64_t saved, since; /* seconds; when writing, `saved` is the present */
	int64_t shift_ns; /* when writing: CLOCK_REALTIME minus the memory's clock */
	struct refusals *memory; /* when writing: the content */
	/* When reading: the entries, with times of CLOCK_REALTIME; the last of each reason comes first. */
	LIST(struct refusal) items;
};

/* Returns 0 or -ENOMEM; *out is freed with free(). */
int refusals_write(const struct refusals_kept *k, char **out);
/*
 * Returns 0, -ENOMEM, or -EINVAL with what is wrong in *why (static). What was read is freed with refusals_kept_free(), even after a
 * failure.
 */
int refusals_parse(const char *text, struct refusals_kept *k, const char **why);
void refusals_kept_free(struct refusals_kept *k);

#endif
