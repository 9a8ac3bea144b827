/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A part of abi.h: the reasons of reasons.def as numbers, which of them refuse, and which let a connection in. */
#ifndef SLUICE_REASONS_H
#define SLUICE_REASONS_H

enum sluice_reason {
#define PASS(id, label, help) SLUICE_##id,
#define REFUSE(id, label, help) SLUICE_##id,
#include "reasons.def"
#undef PASS
#undef REFUSE
	SLUICE_REASONS,
	/* No check has decided yet. This is never counted and never leaves the packet path. */
	SLUICE_UNDECIDED = SLUICE_REASONS,
};

/* One bit for each reason that is a refusal. */
static const unsigned long long SLUICE_REFUSALS = 0
#define PASS(id, label, help)
#define REFUSE(id, label, help) | 1ULL << SLUICE_##id
#include "reasons.def"
#undef PASS
#undef REFUSE
	;

static inline int reason_refuses(enum sluice_reason why)
{
	return SLUICE_REFUSALS >> why & 1;
}

/* Returns non-zero if a connection that begins with this is let in. */
static inline int reason_admits(enum sluice_reason why)
{
	return why == SLUICE_ADMITTED || why == SLUICE_ALLOWED || why == SLUICE_OBSERVE || why == SLUICE_COOKIE_VALID;
}

#endif
