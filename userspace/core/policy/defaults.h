/* SPDX-License-Identifier: BSD-2-Clause */
/* A policy and its sections with default values: code that reads, copies or compares policies starts from these. */
#ifndef SLUICE_CORE_DEFAULTS_H
#define SLUICE_CORE_DEFAULTS_H

#include "section.h"

/* Makes a policy with the defaults and nothing in it; NULL without memory. Freed with policy_free(). */
struct policy *policy_new(void);
/* Returns the section of this title, made with its defaults if it is new, or NULL without memory. */
void *section_open(struct policy *p, enum section section, const char *title, const struct place *at);

#endif
