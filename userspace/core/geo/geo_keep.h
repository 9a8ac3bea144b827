/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last good content of each database: a copy in the state directory, under the instance's name, so that it outlives the file. geo.c reads
 * it if the file cannot be read, or is implausibly smaller; sluiced writes it when a database is in force. The program sets the directory
 * once, when it starts.
 */
#ifndef SLUICE_CORE_GEO_KEEP_H
#define SLUICE_CORE_GEO_KEEP_H

#include <limits.h>

#include "geo.h"

/* Keeps copies in DIR/INSTANCE.geo-...; without this call none are kept or read. */
void geo_keep_at(const char *dir, const char *instance);
/* An operator insists: a file that can be read is accepted, however small it is. */
void geo_keep_insist(bool on);
bool geo_keep_insists(void);
/* Finds the copy of this file. Returns -ENOENT if there is none. */
int geo_kept_path(const char *path, char out[static PATH_MAX]);
/* Whether the copy is of exactly this state of the file. */
bool geo_kept_is(const struct geo_file *f);
/*
 * Copies what `g` was read from if that is not kept yet, and forgets everything that it was not read from. Returns -errno with a message.
 */
int geo_keep(const struct geo *g, struct diag *d);

#endif
