/* SPDX-License-Identifier: BSD-2-Clause */
/* All bytes of a database file, decompressed if it is a gzip file, without their meaning. The readers of geo.h begin here. */
#ifndef SLUICE_CORE_GEO_LOAD_H
#define SLUICE_CORE_GEO_LOAD_H

#include <stddef.h>
#include <sys/stat.h>

#include "diag.h"

struct geo_bytes {
	char *at; /* with a NUL at the end; freed with free() */
	size_t count;
	struct stat was; /* the file's state when it was read */
};

/* Returns 0, -ENOMEM, or -EINVAL with a message at `at`; if the file has to be unpacked, the message names the program for that. */
int geo_load(const char *path, const struct place *at, struct geo_bytes *out, struct diag *d);

#endif
