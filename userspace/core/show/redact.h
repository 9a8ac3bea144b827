/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows each address in a text (a reason, a value, a message) in the form that the policy allows. Everything that goes to a log
 * passes through here (daemon/base/trail.c), so nobody needs to know which messages contain an address. So does what somebody typed
 * (reasons, owners, values) where an answer shows it to others than root.
 */
#ifndef SLUICE_CORE_REDACT_H
#define SLUICE_CORE_REDACT_H

#include <jansson.h>

#include "privacy.h"

/* Returns NULL without memory. Freed with free(). */
char *redact_text(const struct privacy *v, const char *text);
/* The same for an order, in which a ban of one address must not look like one of its /24: "192.0.2.0/24 (a /32)". */
char *redact_order(const struct privacy *v, const char *text);

/* The same for somebody who sees what `eyes` may, or the whole text if that is NULL. */
char *redact_seen(const struct privacy *eyes, const char *text);
json_t *redact_json(const struct privacy *eyes, const char *text);

/* Whether there is an address in it. */
bool redact_finds(const char *text);

#endif
