/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs of `sluicectl geo`, and the copies of databases that are in force. */
#ifndef SLUICE_DAEMON_GEO_VERBS_H
#define SLUICE_DAEMON_GEO_VERBS_H

#include "daemon.h"

int verb_geo_status(struct daemon *dm, const json_t *args, struct answer *a);
/* "dry": only say what would change; "force": also take what looks torn. */
int verb_geo_update(struct daemon *dm, const json_t *args, struct answer *a);

/* Once a second: what is in force for good is kept (core/geo/geo_keep.h). */
void geo_tick(struct daemon *dm);

#endif
