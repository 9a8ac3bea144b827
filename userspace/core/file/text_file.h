/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole text files in memory. */
#ifndef SLUICE_CORE_TEXT_FILE_H
#define SLUICE_CORE_TEXT_FILE_H

#include <stddef.h>

#include "diag.h"

/*
 * Reads a file of at most `limit` bytes; *out is NUL-terminated and freed with free(). If it is not text (it has a NUL or another control
 * byte), returns -EINVAL with a message at that line. If the file itself cannot be read, messages name `at`.
 */
int text_file_read(const char *path, size_t limit, const struct place *at, char **out, struct diag *d);
/* The same for files that sluice keeps itself. Only what is no text file, or too long, is -EINVAL; other errors: it could not be read. */
int text_file_read_own(const char *path, size_t limit, const struct place *at, char **out, struct diag *d);
/* The same for files that others write: of the control bytes only NUL is refused; their reader judges the others. */
int text_file_read_odd(const char *path, size_t limit, const struct place *at, char **out, struct diag *d);

/* Does only the check, on text in memory; `odd`: others wrote it. */
int text_check(const char *path, const char *text, size_t len, bool odd, struct diag *d);

/*
 * Replaces the content of `path` by `text`, with `mode`: a reader, at any time and after a crash, finds the whole old file or the whole new
 * one. Returns -errno with a message that names what failed; then the old file stays.
 */
int text_file_replace(const char *path, const char *text, unsigned int mode, struct diag *d);
/* Removes it for good. A file that does not exist is not an error. */
int text_file_remove(const char *path, struct diag *d);

#endif
