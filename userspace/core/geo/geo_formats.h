/* SPDX-License-Identifier: BSD-2-Clause */
/* The formats of databases, one reader each, in geo_text.c and geo_mmdb.c. geo_read.c calls the one that fits. */
#ifndef SLUICE_CORE_GEO_FORMATS_H
#define SLUICE_CORE_GEO_FORMATS_H

#include "geo.h"
#include "geo_load.h"

/*
 * The readers, one for each format. They fill the zeroed out[] with what the bytes say of each kind, and f->skipped. `at` is where the
 * policy names the file. They return 0, -ENOMEM, or -EINVAL with a message, and cut up the text.
 */
int geo_text_read(struct geo_file *f, char *text, const struct place *at, struct spans out[static SLUICE_GEO_KINDS],
		  struct diag *d);
int geo_mmdb_read(struct geo_file *f, const struct geo_bytes *bytes, const struct place *at,
		  struct spans out[static SLUICE_GEO_KINDS], struct diag *d);
bool geo_is_mmdb(const struct geo_bytes *bytes);

#endif
