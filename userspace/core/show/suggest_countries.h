/* SPDX-License-Identifier: BSD-2-Clause */
/* Which countries the connections of a service come from, and the allow-countries that would fit: proposed in comments, never put in force. */
#ifndef SLUICE_CORE_SUGGEST_COUNTRIES_H
#define SLUICE_CORE_SUGGEST_COUNTRIES_H

#include <stdio.h>

#include "country.h"

#define SUGGEST_COUNTRY_PERCENT 1 /* a country with a smaller share is not proposed */

struct country_share {
	uint16_t country; /* 0: in no database */
	uint64_t count;
};

struct country_shares {
	uint64_t sample; /* sum of all counts: connections that were let in */
	struct country_share item[SLUICE_COUNTRIES]; /* most first */
	size_t count;
	size_t kept; /* how many of them are proposed, from the first on; 0: none */
	uint64_t left; /* connections of the others, which such a key would have refused */
	const char *why; /* why nothing is proposed, as a sentence (static) */
};

/*
 * By country number. `client`: mail programs connect there; `named`: its policy names countries already; `enough`: it has seen a sufficient
 * sample of sources.
 */
void suggest_countries(const uint64_t counts[static SLUICE_COUNTRIES], bool client, bool named, bool enough,
		       struct country_shares *out);
/* Writes comment lines; `seconds` is how long counting took. */
void suggest_countries_write(const struct country_shares *s, uint64_t seconds, FILE *out);

/* Writes the key, as a comment in its section. */
void suggest_countries_key(const struct country_shares *s, FILE *out);

#endif
