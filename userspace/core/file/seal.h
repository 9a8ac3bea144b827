/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text whose last line, "end CRC32", is the checksum of all lines before it. It shows whether a file of the state directory was cut short, or
 * written by somebody else. state.c, list_keep.c, refusals_keep.c, history_keep.c and the daemon's fleet_file.c know the content of such files.
 */
#ifndef SLUICE_CORE_SEAL_H
#define SLUICE_CORE_SEAL_H

#include <stddef.h>
#include <stdio.h>

#define SEAL_LATEST 8000000000ULL /* seconds of the epoch: no file may claim a later time */

/* Seals the lines that `write` makes of `what`. Returns 0 or -ENOMEM; *out is freed with free(). */
int seal_write(void (*write)(const void *what, FILE *out), const void *what, char **out);
/* Returns the length of the lines before the seal, or -1 if the seal is missing, or not that of these lines. */
long seal_check(const char *text);
/* Returns the lines without the seal; freed with free(). -EINVAL with *why (static), or -ENOMEM. */
int seal_open(const char *text, char **lines, const char **why);

#endif
