/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole text files in memory. */
#ifndef SLUICE_CORE_TEXT_H
#define SLUICE_CORE_TEXT_H

#include <stddef.h>

#include "diag.h"

/*
 * Reads a file of at most `limit` bytes; *out is NUL-terminated and freed with free(). Anything but text (a NUL or another
 * control byte) is -EINVAL with a message at its line. Messages name `at` where the file itself cannot be read.
 */
int text_read(const char *path, size_t limit, const struct place *at, char **out, struct diag *d);

#endif
