/* SPDX-License-Identifier: BSD-2-Clause */
/* The sections of a policy, and the one way to access their content. Reader, dump, plan and live settings use it. */
#ifndef SLUICE_CORE_SECTION_H
#define SLUICE_CORE_SECTION_H

#include "policy.h"

/* From SECTION_SERVICE on, sections have a title, and there may be many; the keys of the others are members of struct policy itself. */
enum section {
	SECTION_TOP,
	SECTION_SOURCES,
	SECTION_PRIVACY,
	SECTION_GEOIP,
	SECTION_FLOOD,
	SECTION_METRICS,
	SECTION_LOG,
	SECTION_FLEET,
	SECTION_SERVICE,
	SECTION_SET,
	SECTION_CONTAINER,
	SECTIONS
};

extern const char *const section_names[SECTIONS]; /* "" for the top level */

/* Whether it has no title: its struct is struct policy then. */
bool section_is_single(enum section section);
/*
 * Returns struct number `i` of a section, in the order of the files, or NULL if there are fewer. A section with a title begins with its
 * name.
 */
void *section_at(const struct policy *p, enum section section, size_t i);
/* Returns its title, or "" for a single section. */
const char *section_title(enum section section, const void *base);
/* Returns the one with this title (for a single section, any), or NULL. */
void *section_find(const struct policy *p, enum section section, const char *title);
/* Says that the policy has no service (or source-set) of this title, and which similar one it has. Returns -EINVAL. */
int section_missing(const struct policy *p, enum section section, const char *title, struct diag *d);

/* Returns the section of this name. The other function returns the one that was most likely meant. SECTIONS: none. */
enum section section_named(const char *name);
enum section section_like(const char *name);

#endif
