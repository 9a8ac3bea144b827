/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Judges a remembered refusal by another policy. Dry runs call it, for what observe mode would have refused. Pure.
 */
#ifndef SLUICE_CORE_RETRIAL_H
#define SLUICE_CORE_RETRIAL_H

#include "impact.h"

struct retrial {
	bool known; /* false: it cannot be known, and `why` means nothing */
	enum sluice_reason why; /* why it would be refused; SLUICE_UNDECIDED: it would be let in */
};

/*
 * A refusal of `source` for the reason `was`. Limits are compared with those in force now: of one that is higher then, only `peak` tells, the
 * most connections that the source is known to have had (0: not known). A prefix whose addresses would not all fare alike cannot be told.
 */
struct retrial forecast_again(const struct forecast *f, const struct prefix *source, const char *service,
			      enum sluice_reason was, uint32_t peak);

#endif
