/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of the steps, from steps.def: see step.h. */
#include "step.h"

static const struct {
	const char *name, *question;
	unsigned long long reasons; /* a bit for each */
} steps[] = {
#define STEP(id, name, call, asked, question, reasons) { name, question, 0 reasons },
#define REASON(id) | 1ULL << SLUICE_##id
#include "steps.def"
#undef REASON
#undef STEP
};

const char *step_name(enum sluice_step step)
{
	return steps[step].name;
}

const char *step_question(enum sluice_step step)
{
	return steps[step].question;
}

/* SLUICE_STEPS: nothing has decided. */
static enum sluice_step step_of(enum sluice_reason why)
{
	int step = 0;

	while (step < SLUICE_STEPS && !(steps[step].reasons >> why & 1))
		step++;
	return step;
}

const char *step_result(enum sluice_step step, enum sluice_reason reason, enum sluice_reason observed)
{
	enum sluice_step decided = step_of(reason), noted = step_of(observed);

	if (step == decided)
		return "decided";
	if (step == noted)
		return "observed";
	/* a refusal that is only observed ends the order, a ban that is only observed does not */
	return step > decided || (reason == SLUICE_OBSERVE && step > noted) ? "not-reached" : "passed";
}
