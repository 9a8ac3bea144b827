/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums over the reasons of one service: what status, metrics and the page call admitted, refused and observed. */
#ifndef SLUICE_CORE_SUMS_H
#define SLUICE_CORE_SUMS_H

#include "abi.h"

__u64 sum_admitted(const struct sluice_stat stats[static SLUICE_REASONS]);
struct sum_refusals {
	__u64 refused;
	__u64 observed; /* what observe mode let pass although a limit or list refuses it */
};

struct sum_refusals sum_refusals(const struct sluice_stat stats[static SLUICE_REASONS]);

#endif
