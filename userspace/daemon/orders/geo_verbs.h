/* SPDX-License-Identifier: BSD-2-Clause */
/* The copies of databases that are in force; the verbs of `sluicectl geo` stand beside them in geo_verbs.c. */
#ifndef SLUICE_DAEMON_GEO_VERBS_H
#define SLUICE_DAEMON_GEO_VERBS_H

#include "daemon.h"

/* Once a second: what is in force for good is kept (core/geo/geo_keep.h). */
void geo_tick(struct daemon *dm);

#endif
