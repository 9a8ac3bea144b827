/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares what two hosts say of their policies (FLEET_POLICY of fleet_wire.h). Used by fleet_script.c. Pure. */
#ifndef SLUICE_FLEET_POLICY_H
#define SLUICE_FLEET_POLICY_H

#include <jansson.h>

/* Returns the keys that both have with different values: a list of at most POLICY_DIFFERS_MOST texts. `other` may be anything. */
#define POLICY_DIFFERS_MOST 4
json_t *policy_differs(const char *own, const char *other);

#endif
