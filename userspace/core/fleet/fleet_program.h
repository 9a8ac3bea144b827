/* SPDX-License-Identifier: BSD-2-Clause */
/* Where sluice-fleet is. */
#ifndef SLUICE_CORE_FLEET_PROGRAM_H
#define SLUICE_CORE_FLEET_PROGRAM_H

#include "diag.h"

/* Returns a descriptor of it, or -errno with a message. It looks beside the program that asks, and where it is installed. */
int fleet_program_open(struct diag *d);

#endif
