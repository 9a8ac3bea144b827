/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens the files that a policy names. Everything that reads a policy, a list, a database or the state file comes through here, so that
 * none of them can make the daemon wait.
 */
#ifndef SLUICE_CORE_FILES_H
#define SLUICE_CORE_FILES_H

#include <stdbool.h>
#include <sys/stat.h>

#include "diag.h"

/*
 * Opens a regular file, or /dev/null, which counts as an empty one. It never blocks, whatever is there. Returns a descriptor, or -errno
 * with what is wrong and what to do in *why (static).
 */
int file_open(const char *path, const char **why);

/* Whether its content is still what it was at an earlier look, as far as its size and its time say. */
bool file_is_as_before(const struct stat *before, const struct stat *now);
/* Refuses a file that was not: returns -EINVAL, with the remedy in `d`. */
int file_refuse_changed(const char *path, const struct place *at, struct diag *d);

/*
 * Checks that every folder that a pattern leads through can be read: glob(3) treats others as if they were empty. Returns -EINVAL with a
 * message that names the folder. A folder that does not exist is not an error.
 */
int folders_check(const char *pattern, const struct place *at, struct diag *d);

/*
 * Gives up root's right to ignore the permissions of files, for good. sluiced does so before it reads anything, and sluicectl before it
 * checks a policy, so that both can read the same files. Without that right nothing changes.
 */
int files_as_owner(void);
/* The same for a while: doctor reads the policy this way, and then looks at the host with all its rights. */
int files_owner_only(bool only);

#endif
