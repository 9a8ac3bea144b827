/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SLUICE_CORE_REGISTRY_H
#define SLUICE_CORE_REGISTRY_H

#include "compile.h"

/* The index of a name in [from, to), given to it if it has none, and marked used; -ENOSPC: all are taken. */
int registry_name(struct registry *reg, const char *name, unsigned int from, unsigned int to);

/* How many indexes in [from, to) have a name. */
unsigned int registry_count(const struct registry *reg, unsigned int from, unsigned int to);

#endif
