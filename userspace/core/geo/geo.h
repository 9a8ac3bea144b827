/* SPDX-License-Identifier: BSD-2-Clause */
/* Which country and which network (ASN) an address belongs to, from databases on disk. */
#ifndef SLUICE_CORE_GEO_H
#define SLUICE_CORE_GEO_H

#include <stdbool.h>
#include <sys/stat.h>

#include "abi.h"
#include "diag.h"
#include "spans.h"

struct geo_pace; /* geo_age.h */

/* One database, as it was read. It may contain countries, networks, or both. */
struct geo_file {
	char *path; /* owned */
	const char *format; /* "mmdb" or "text" */
	char *beside; /* another file that it needs, owned; NULL: none */
	struct stat was, beside_was; /* their state when they were read */
	uint64_t built; /* CLOCK_REALTIME, seconds: what the file says, otherwise when it was written */
	uint32_t entries[SLUICE_GEO_KINDS][SLUICE_FAMILIES];
	uint32_t skipped; /* rows that contain nothing usable */
	const struct geo_pace *pace; /* how often such a database is published */
	bool kept; /* it is the last good content, because the file cannot be used (geo_keep.h) */
};

/* All databases of a policy, on top of each other. Policies share it, and it never changes. */
struct geo {
	unsigned int holders;
	struct spans by_kind[SLUICE_GEO_KINDS]; /* country number (see country.h) or ASN; 0: in no database */
	uint32_t entries[SLUICE_GEO_KINDS][SLUICE_FAMILIES]; /* number of spans that are not 0 */
	uint64_t built; /* that of the newest; 0: no database */
	struct geo_file *file;
	size_t files;
};

void geo_file_clear(struct geo_file *f); /* frees what it owns, but not itself */
/* Whether a file of it cannot be used, so that its last good content is used instead. */
bool geo_is_kept(const struct geo *g);
/* Would reading these files give `g`: are they the same files, unchanged? Never true for NULL. */
bool geo_is_of(const struct geo *g, char *const *path, size_t count);
/* Adds a holder; NULL stays NULL. */
struct geo *geo_hold(struct geo *g);
/* Removes a holder; the last one frees it. NULL is fine. */
void geo_free(struct geo *g);

/*
 * May data with `next` entries replace data with `now`? Returns -EINVAL with a message if a family is gone, or more than half of it: then
 * the file is more likely torn than the internet. Kinds that `now` does not have are never missed.
 */
int geo_check(const uint32_t now[SLUICE_GEO_KINDS][SLUICE_FAMILIES],
	      const uint32_t next[SLUICE_GEO_KINDS][SLUICE_FAMILIES], struct diag *d);

#endif
