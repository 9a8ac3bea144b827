/* SPDX-License-Identifier: BSD-2-Clause */
/* What other databases change, country by country: for `geo update`, which shows it. */
#ifndef SLUICE_CORE_GEO_DIFF_H
#define SLUICE_CORE_GEO_DIFF_H

#include "geo.h"

/* A change of address space, by family: IPv4 addresses, IPv6 networks of /64. */
struct geo_change {
	uint16_t country; /* 0: in no database */
	uint64_t gained[SLUICE_FAMILIES], lost[SLUICE_FAMILIES];
};

/* Fills out[] with the countries that change, the most changed first. Returns how many there are, or -ENOMEM. NULL contains nothing. */
int geo_diff(const struct geo *now, const struct geo *next, struct geo_change out[static SLUICE_COUNTRIES]);

#endif
