/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies of the databases in force; geo_verbs.c also has the verbs of `sluicectl geo`. */
#ifndef SLUICE_DAEMON_GEO_VERBS_H
#define SLUICE_DAEMON_GEO_VERBS_H

#include "daemon.h"

/* Once a second: keeps a copy of what is in force for good (core/geo/geo_keep.h). */
void geo_tick(struct daemon *dm);

#endif
