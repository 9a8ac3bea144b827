/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps of the gate's order of checks (maps/steps.def) as words, and how far a packet came in that order. */
#ifndef SLUICE_CORE_STEP_H
#define SLUICE_CORE_STEP_H

#include "steps.h"

const char *step_name(enum sluice_step step);
/* What it asks, in a sentence. */
const char *step_question(enum sluice_step step);
/*
 * What became of a packet at a step, in a word. "decided": this step gave the verdict. "observed": this step would have refused the packet,
 * if that were enforced (`observed` is that refusal; SLUICE_UNDECIDED: none). "passed", "not-reached": the steps before, and the others.
 */
const char *step_result(enum sluice_step step, enum sluice_reason reason, enum sluice_reason observed);

#endif
