/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs of `sluicectl geo`. */
#ifndef SLUICE_DAEMON_GEO_VERBS_H
#define SLUICE_DAEMON_GEO_VERBS_H

#include "daemon.h"

int verb_geo_status(struct daemon *dm, const json_t *args, struct answer *a);
/* "dry": only say what would change; "force": also take what looks torn. */
int verb_geo_update(struct daemon *dm, const json_t *args, struct answer *a);

#endif
