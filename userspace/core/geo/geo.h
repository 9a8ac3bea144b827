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

/* One database, as it was read. It may be of countries, of networks, or of both. */
struct geo_file {
	char *path; /* owned */
	const char *format; /* "mmdb" or "text" */
	char *beside; /* another file that it needs, owned; NULL: none */
	struct stat was, beside_was; /* when they were read */
	uint64_t built; /* CLOCK_REALTIME, seconds: what the file says, else when it was written */
	uint32_t entries[SLUICE_GEO_KINDS][SLUICE_FAMILIES];
	uint32_t skipped; /* rows that say nothing that can be used */
	const struct geo_pace *pace; /* how often such a one is published */
	bool kept; /* it is the last good content, since the file cannot be used (geo_keep.h) */
};

/* All databases of a policy, laid over each other. Shared by policies, and never changed. */
struct geo {
	unsigned int holders;
	struct spans by_kind[SLUICE_GEO_KINDS]; /* country number (see country.h) or ASN; 0: in no database */
	uint32_t entries[SLUICE_GEO_KINDS][SLUICE_FAMILIES]; /* spans that are not 0 */
	uint64_t built; /* of the newest; 0: no database */
	struct geo_file *file;
	size_t files;
};

void geo_file_clear(struct geo_file *f); /* frees what it owns, not itself */
/* A file of it cannot be used, and its last good content is used instead. */
bool geo_is_kept(const struct geo *g);
/* Is `g` what reading these would give: the same files, unchanged? NULL never is. */
bool geo_is_of(const struct geo *g, char *const *path, size_t count);
/* One holder more; NULL stays NULL. */
struct geo *geo_hold(struct geo *g);
/* One holder less; the last one frees. NULL is fine. */
void geo_free(struct geo *g);

/*
 * May what has `next` entries follow what has `now`? -EINVAL with a message when a family is gone or more than half of it:
 * then the file is more likely torn than the internet. Kinds that `now` has not are never missed.
 */
int geo_check(const uint32_t now[SLUICE_GEO_KINDS][SLUICE_FAMILIES],
	      const uint32_t next[SLUICE_GEO_KINDS][SLUICE_FAMILIES], struct diag *d);

#endif
