/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of a dry run that judges again whom observe mode would have refused. */
#ifndef SLUICE_DAEMON_OBSERVED_H
#define SLUICE_DAEMON_OBSERVED_H

#include "daemon.h"
#include "impact.h"
#include "tables.h"

/*
 * Says what would become, under the future policy, of those that observe mode would have refused, as far as the memory of refusals knows
 * them. `tracked` is all sources of sources_tracked(). NULL without memory.
 */
json_t *observed_json(struct daemon *dm, const struct forecast *f, const struct source_status *tracked, size_t count);

#endif
