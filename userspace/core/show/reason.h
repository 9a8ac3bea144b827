/* SPDX-License-Identifier: BSD-2-Clause */
/* Reasons and verdicts as words, the same in answers, metrics and logs. */
#ifndef SLUICE_CORE_REASON_H
#define SLUICE_CORE_REASON_H

#include "abi.h"

/* The label and the sentence of a reason, from reasons.def; "limits" if none has decided. */
const char *reason_label(enum sluice_reason why);
const char *verdict_label(enum sluice_verdict verdict);
const char *reason_help(enum sluice_reason why);
/* Returns the reason with a label, or -1. */
int reason_find(const char *label);

#endif
