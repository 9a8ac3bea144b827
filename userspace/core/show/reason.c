/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of reasons and verdicts, from reasons.def: see reason.h. */
#include <string.h>

#include "reason.h"

static const struct {
	const char *label, *help;
} reasons[] = {
#define PASS(id, label, help) { label, help },
#define REFUSE(id, label, help) { label, help },
#include "reasons.def"
#undef PASS
#undef REFUSE
	{ "limits", "its limits decide" },
};

const char *reason_label(enum sluice_reason why)
{
	return reasons[why <= SLUICE_REASONS ? why : SLUICE_REASONS].label;
}

const char *verdict_label(enum sluice_verdict verdict)
{
	static const char *const labels[] = { "pass", "drop", "reset", "cookie" };

	return labels[verdict & 3];
}

const char *reason_help(enum sluice_reason why)
{
	return reasons[why <= SLUICE_REASONS ? why : SLUICE_REASONS].help;
}

int reason_find(const char *label)
{
	int why;

	for (why = 0; why < SLUICE_REASONS; why++) {
		if (!strcmp(reasons[why].label, label))
			return why;
	}
	return -1;
}
