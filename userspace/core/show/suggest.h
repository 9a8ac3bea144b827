/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits that fit the observed traffic, and the file for conf.d that sets them. */
#ifndef SLUICE_CORE_SUGGEST_H
#define SLUICE_CORE_SUGGEST_H

#include <stdio.h>

#include "policy.h"
#include "suggest_countries.h"

#define SUGGEST_SPARES 1000 /* one source in this many may exceed a limit: an abuser must not set it */
#define SUGGEST_LEAST 100 /* with fewer sources nothing is suggested: a few quiet ones are no sample */
#define SUGGEST_ROOM 2 /* room for this many times the peak of all, or the limit of one */
#define SUGGEST_CLIENT 64 /* least limit for a source at a port of mail programs: an office shares an address */

/* Made from one histogram of struct sluice_peaks. */
struct suggestion {
	uint32_t sources; /* number of those that were seen */
	uint32_t refused[SLUICE_PEAKS]; /* how many a limit of 2^k would refuse */
	unsigned int highest; /* the k whose limit refuses none */
	uint32_t limit; /* the lowest limit that refuses few enough; 0: nothing was seen */
};

/* What is suggested for a service. 0 means nothing. */
struct proposal {
	const struct country_shares *countries; /* NULL if none are proposed */
	struct suggestion connections, rate; /* for its sources */
	bool client; /* mail programs use one of its ports */
	uint32_t max_connections, max_connections_per_source;
	struct rate max_rate, max_rate_per_source;
};

void suggest_from(const uint32_t histogram[static SLUICE_PEAKS], struct suggestion *out);
void suggest_service(const struct sluice_service *s, const struct sluice_peaks *peaks, struct proposal *out);
/* Writes a section with the suggested keys, or nothing if there are none. */
void suggest_write(const char *service, const struct proposal *p, FILE *out);

#endif
