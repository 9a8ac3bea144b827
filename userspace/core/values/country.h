/* SPDX-License-Identifier: BSD-2-Clause */
/* Countries by their two letters (ISO 3166-1 alpha-2), as numbers that fit a leaf: see SLUICE_LEAF_COUNTRY. */
#ifndef SLUICE_CORE_COUNTRY_H
#define SLUICE_CORE_COUNTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"

#define COUNTRY_WORDS ((SLUICE_COUNTRIES + 63) / 64)

struct countries {
	uint64_t bit[COUNTRY_WORDS];
	uint64_t named[COUNTRY_WORDS]; /* those that are not only there as members of a group */
	unsigned int count;
};

/* Reads two letters in any case; -EINVAL: it is not two letters. ZZ is 0. */
int country_parse(const char *text, uint16_t *out);
/*
 * Reads what a database says: a country that a policy can name (UK is GB); 0 for what means none there (nothing, "-", "??", "None", the
 * codes of proxies and satellites: A1, A2, O1, T1) and for two letters that are no country's (any more). -EINVAL: neither.
 */
int country_of_data(const char *text, uint16_t *out);
/* Does such a country exist? ZZ does, and so do XK (Kosovo), EU and AP, which databases use. */
bool country_exists(uint16_t country);
const char *country_text(uint16_t country, char buf[static 3]);

void countries_add(struct countries *c, uint16_t country);
bool countries_have(const struct countries *c, uint16_t country);
bool countries_name(const struct countries *c, uint16_t country);
/*
 * Adds the members of a group, in any case: EU27, EEA, EFTA, or a continent by its name (its code is a country's). -ENOENT: there is no
 * such group.
 */
int countries_add_group(struct countries *c, const char *name);

#endif
