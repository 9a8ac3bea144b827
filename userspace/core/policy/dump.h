/* SPDX-License-Identifier: BSD-2-Clause */
/* struct policy -> the grammar it was read from. What is written parses to an equal policy. */
#ifndef SLUICE_CORE_DUMP_H
#define SLUICE_CORE_DUMP_H

#include <stdio.h>

#include "policy.h"

/* Returns 0, or -EIO if the stream failed. */
int policy_dump(const struct policy *p, FILE *out);

#endif
