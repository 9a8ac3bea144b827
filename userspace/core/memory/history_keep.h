/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The history as a file that outlives the daemon. Text, one a line:
 *
 *   sluice-history VERSION SAVED
 *   known AGO COUNT                                       minutes in which somebody looked: COUNT of them, the last one AGO
 *   line NAME|- AGO ADMITTED OBSERVED REFUSED...          the counters as of the last look, which was AGO; a number for each group
 *   row AGO CONNECTIONS PEAK ADMITTED OBSERVED REFUSED... of the line above; none where all are 0
 *   end CRC32
 *
 * SAVED is in seconds of CLOCK_REALTIME, AGO in minutes before that.
 */
#ifndef SLUICE_CORE_HISTORY_KEEP_H
#define SLUICE_CORE_HISTORY_KEEP_H

#include "history.h"

#define HISTORY_VERSION 1
/* The longest line and the largest file: what is written can be read back. */
#define HISTORY_ROW (8 + SLUICE_NAME_LEN + (3 + HISTORY_GROUPS) * 21UL)
#define HISTORY_BYTES ((HISTORY_LINES + 1UL) * (HISTORY_MINUTES + 1UL) * HISTORY_ROW)

/* Returns 0 or -ENOMEM; *out is freed with free(). `saved` is the present time. */
int history_write(const struct history *h, uint64_t saved, char **out);
/*
 * Reads into an empty one, whose minute is then that of *saved. Returns 0, -ENOMEM, or -EINVAL with what is wrong in *why (static): then it
 * has to be freed.
 */
int history_parse(const char *text, struct history *h, uint64_t *saved, const char **why);

#endif
