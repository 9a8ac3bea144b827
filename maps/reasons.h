/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef SLUICE_REASONS_H
#define SLUICE_REASONS_H

enum sluice_reason {
#define PASS(id, label, help) SLUICE_##id,
#define REFUSE(id, label, help) SLUICE_##id,
#include "reasons.def"
#undef PASS
#undef REFUSE
	SLUICE_REASONS,
	/* Never counted, never leaves the packet path: no check has decided yet. */
	SLUICE_UNDECIDED = SLUICE_REASONS,
};

#define SLUICE_FIRST_REFUSAL SLUICE_BANNED

#endif
