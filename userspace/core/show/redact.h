/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text that may name addresses - a reason, a value, a message - with each of them shown as the policy shows addresses. What goes to a log
 * comes through here (daemon/base/trail.c): nobody has to know of every message whether it names somebody.
 */
#ifndef SLUICE_CORE_REDACT_H
#define SLUICE_CORE_REDACT_H

#include "privacy.h"

/* NULL without memory. Freed with free(). */
char *redact_text(const struct privacy *v, const char *text);

/* There is an address in it. */
bool redact_finds(const char *text);

#endif
