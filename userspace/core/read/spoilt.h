/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was refused while a policy was read. A refused policy is still checked as a whole, so that all mistakes are reported at once:
 * these records keep the consequences of one mistake from being reported as another. The reader writes them, check.c and data.c read them.
 */
#ifndef SLUICE_CORE_SPOILT_H
#define SLUICE_CORE_SPOILT_H

#include "schema.h"

/* Notes that a key (NULL: unknown which) of this section was refused. Returns 0 or -ENOMEM. */
int section_spoil(struct policy *p, enum section section, const char *title, const struct setting *key);
/* Was this key refused, or an unknown one? */
bool section_is_spoilt(const struct policy *p, enum section section, const char *title, const char *key);

#endif
