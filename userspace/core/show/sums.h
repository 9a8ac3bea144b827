/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums over the reasons of one service: what status, metrics and the page call admitted, refused and observed. */
#ifndef SLUICE_CORE_SUMS_H
#define SLUICE_CORE_SUMS_H

#include "abi.h"

__u64 sum_admitted(const struct sluice_stat stats[static SLUICE_REASONS]);
/* In connections: `observed` of a row counts packets, and most of a connection that is only observed are not its first. */
struct sum_refusals {
	__u64 refused;
	__u64 observed; /* observe mode let them in although a limit or list refuses them */
};

struct sum_refusals sum_refusals(const struct sluice_stat stats[static SLUICE_REASONS]);

#endif
