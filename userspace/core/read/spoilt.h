/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was refused while a policy was read. A policy that is refused is still checked as a whole, so that all mistakes are named at once:
 * these keep the consequences of one mistake from being told as another. The reader notes them, check.c and data.c ask.
 */
#ifndef SLUICE_CORE_SPOILT_H
#define SLUICE_CORE_SPOILT_H

#include "schema.h"

/* A key (NULL: nobody knows which) of this section was refused; 0 or -ENOMEM. */
int section_spoil(struct policy *p, enum section section, const char *title, const struct setting *key);
/* Was this key, or one that nobody knows? */
bool section_is_spoilt(const struct policy *p, enum section section, const char *title, const char *key);

#endif
