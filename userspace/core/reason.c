/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "reason.h"

static const struct {
	const char *label, *help;
	bool refuses;
} reasons[] = {
#define PASS(id, label, help) { label, help, false },
#define REFUSE(id, label, help) { label, help, true },
#include "reasons.def"
#undef PASS
#undef REFUSE
	{ "limits", "its limits decide", false },
};

const char *reason_label(enum sluice_reason why)
{
	return reasons[why <= SLUICE_REASONS ? why : SLUICE_REASONS].label;
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

bool reason_refuses(enum sluice_reason why)
{
	return why < SLUICE_REASONS && reasons[why].refuses;
}
