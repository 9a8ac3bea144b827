/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads country and network databases: data.c and the daemon call it for those of a policy. */
#ifndef SLUICE_CORE_GEO_READ_H
#define SLUICE_CORE_GEO_READ_H

#include "geo.h"

/*
 * Reads `count` databases; where two speak of an address, the later one is right. `at` is where the policy names them. One that cannot be
 * used is replaced by its last good content, where that is kept; then `d` says both.
 * 0, -ENOMEM, or -EINVAL with messages that name file and line. *out is given back with geo_free().
 */
int geo_read(char *const *path, size_t count, const struct place *at, struct geo **out, struct diag *d);

#endif
