/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The steps of steps.def as numbers, and the proof that each reason belongs to exactly one of them. Userspace includes this. */
#ifndef SLUICE_STEPS_H
#define SLUICE_STEPS_H

#include "reasons.h"

enum sluice_step {
#define STEP(id, name, call, asked, question, reasons) SLUICE_STEP_##id,
#include "steps.def"
#undef STEP
	SLUICE_STEPS,
};

/* As many rows as there are reasons, and each reason in one of them: so none is there twice. */
#define STEP(id, name, call, asked, question, reasons) reasons
#define REASON(id) +1
_Static_assert(0
#include "steps.def"
		       == SLUICE_REASONS,
	       "a reason belongs to more than one step of steps.def, or to none");
#undef REASON
#define REASON(id) | 1ULL << SLUICE_##id
_Static_assert((0
#include "steps.def"
		) == (1ULL << SLUICE_REASONS) - 1,
	       "a reason belongs to no step of steps.def");
#undef REASON
#undef STEP

#endif
