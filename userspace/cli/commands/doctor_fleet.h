/* SPDX-License-Identifier: BSD-2-Clause */
/* What `doctor` finds of a policy's fleet. */
#ifndef SLUICE_CLI_DOCTOR_FLEET_H
#define SLUICE_CLI_DOCTOR_FLEET_H

#include "cli.h"
#include "doctor.h"

/* Adds nothing if the policy has no fleet. */
void doctor_fleet(const struct call *c, const struct policy *p, struct findings *f);

#endif
