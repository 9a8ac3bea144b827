/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file of the state directory, INSTANCE.ENDING, in which the daemon keeps what would otherwise be lost with it: the memory of refusals
 * (refusals_file.c), the history (history_day.c). It is read once, at the start, and written after a change, but no more often than this file
 * says. It never blocks anything: problems with it go to the log.
 *
 * Also the clock for such a memory: setting the host's clock does not move it, and it continues where that of the last daemon ended. It
 * equals CLOCK_REALTIME at the start, unless that is earlier than the time at which the file was written.
 */
#ifndef SLUICE_DAEMON_KEEP_H
#define SLUICE_DAEMON_KEEP_H

#include "daemon.h"

#define KEEP_SECOND 1000000000ULL /* clocks count nanoseconds */

/* A kind of thing that is kept this way. */
struct keep_kind {
	const char *ending; /* "refusals" */
	const char *what; /* for example "the memory of refusals" */
	size_t limit; /* most bytes of the file */
	unsigned int seconds; /* it is not written more often */
	/* Makes the content, freed with free(), or NULL: then there is nothing to keep, and the file goes. Returns 0 or -ENOMEM. */
	int (*write)(const struct daemon *dm, char **text);
	/* Takes over what was kept. Returns 0, -ENOMEM, or -EINVAL with *why (static). *saved is when it was written, by CLOCK_REALTIME. */
	int (*read)(struct daemon *dm, const char *text, uint64_t *saved, const char **why);
};

/* Called at the start. A file that is torn, or that belongs to somebody else, is set aside as .torn, and reported. */
void keep_load(struct daemon *dm, struct keep *k, const struct keep_kind *kind);
/* Once a second. */
void keep_tick(const struct daemon *dm, struct keep *k, const struct keep_kind *kind);
/* Writes now; failures are reported in `d`. */
int keep_write(const struct daemon *dm, struct keep *k, const struct keep_kind *kind, struct diag *d);
/* Removes the file, whatever it contained. */
int keep_remove(const struct daemon *dm, const struct keep_kind *kind, struct diag *d);
/* Writes with the next tick, however recent the last write is. */
void keep_soon(struct keep *k);

/*
 * Renames a file that is of no use, so that it is out of the way; `lost` is what that means. -EINVAL: it makes no sense, for the reason `why`,
 * and becomes .torn. Any other error: it may be whole, but could not be read; it is kept as .unread, and the log says how to bring it back.
 * state.c calls it, too.
 */
void file_set_aside(const char *path, int err, const char *why, const char *lost);

uint64_t keep_now(const struct keep *k); /* by its clock */
int64_t keep_real_shift(const struct keep *k); /* CLOCK_REALTIME minus its clock, in whole seconds */

#endif
