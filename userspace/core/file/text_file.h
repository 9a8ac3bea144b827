/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole text files in memory. */
#ifndef SLUICE_CORE_TEXT_FILE_H
#define SLUICE_CORE_TEXT_FILE_H

#include <stddef.h>

#include "diag.h"

/*
 * Reads a file of at most `limit` bytes; *out is NUL-terminated and freed with free(). Anything but text (a NUL or another
 * control byte) is -EINVAL with a message at its line. Messages name `at` where the file itself cannot be read.
 */
int text_file_read(const char *path, size_t limit, const struct place *at, char **out, struct diag *d);
/* The same for what others write: of control bytes only a NUL is refused, the others are for the reader of their line. */
int text_file_read_odd(const char *path, size_t limit, const struct place *at, char **out, struct diag *d);

/* The check alone, of text that is in memory; `odd`: of what others write. */
int text_check(const char *path, const char *text, size_t len, bool odd, struct diag *d);

/*
 * Replaces the content of `path` by `text`: a reader, at any time and after a crash, finds the old file or the new one,
 * whole. Made with `mode`. -errno with a message that names what failed; then the old file stands.
 */
int text_file_replace(const char *path, const char *text, unsigned int mode, struct diag *d);
/* Removes it for good. A file that does not exist is not an error. */
int text_file_remove(const char *path, struct diag *d);

#endif
