/* SPDX-License-Identifier: BSD-2-Clause */
/* The sections of a policy, and the one way to access their content. Reader, dump, plan and live settings use it. */
#ifndef SLUICE_CORE_SECTION_H
#define SLUICE_CORE_SECTION_H

#include "policy.h"

/* From SECTION_SERVICE on they have a title, and there may be many; the keys of the others are those of struct policy itself. */
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

/* It has no title: its struct is struct policy. */
bool section_is_single(enum section section);
/* The struct number `i` of a section, in the order of the files; NULL: there are fewer. A section with a title begins with its name. */
void *section_at(const struct policy *p, enum section section, size_t i);
/* Its title; "" of a single section. */
const char *section_title(enum section section, const void *base);
/* The one of this title (of a single section: any); NULL: none. */
void *section_find(const struct policy *p, enum section section, const char *title);
/* Says that the policy has no service (or source-set) of this title, and which one it has that is like it. -EINVAL. */
int section_missing(const struct policy *p, enum section section, const char *title, struct diag *d);

/* The section of this name; the one that was most likely meant. SECTIONS: none. */
enum section section_named(const char *name);
enum section section_like(const char *name);

#endif
