/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits that fit the observed traffic, and the file for conf.d that sets them. */
#ifndef SLUICE_CORE_SUGGEST_H
#define SLUICE_CORE_SUGGEST_H

#include <stdio.h>

#include "policy.h"
#include "suggest_countries.h"

#define SUGGEST_SPARES 1000 /* one source in this many may exceed a limit: an abuser must not set it */
#define SUGGEST_LEAST 100 /* of fewer sources nothing is suggested: some quiet ones are no sample */
#define SUGGEST_ROOM 2 /* times what all sources together, or one, may: all of them together */
#define SUGGEST_CLIENT 64 /* least for a source at a port of mail programs: an office shares an address */

/* Of one histogram of struct sluice_peaks. */
struct suggestion {
	uint32_t sources; /* all that were seen */
	uint32_t refused[SLUICE_PEAKS]; /* by a limit of 2^k */
	unsigned int highest; /* the k whose limit refuses none */
	uint32_t limit; /* the lowest that spares enough; 0: nothing was seen */
};

/* What is suggested for a service. 0: nothing is. */
struct proposal {
	const struct country_shares *countries; /* NULL: none are proposed */
	struct suggestion connections, rate; /* of its sources */
	bool client; /* one of its ports is one that mail programs use */
	uint32_t max_connections, max_connections_per_source;
	struct rate max_rate, max_rate_per_source;
};

void suggest_from(const uint32_t histogram[static SLUICE_PEAKS], struct suggestion *out);
void suggest_service(const struct sluice_service *s, const struct sluice_peaks *peaks, struct proposal *out);
/* A section with the keys that are suggested; nothing where none is. */
void suggest_write(const char *service, const struct proposal *p, FILE *out);

#endif
