/* SPDX-License-Identifier: BSD-2-Clause */
/* What would happen to a SYN from an address, and which line of the policy decides: for the verb `explain`. Changes nothing. */
#ifndef SLUICE_DAEMON_EXPLAIN_H
#define SLUICE_DAEMON_EXPLAIN_H

#include "daemon.h"

struct question {
	struct prefix about; /* for a prefix, its first address is asked about */
	const char *service;
	long port; /* 0: the service's first */
	const struct privacy *eyes; /* whose they are who ask: see redact_json() */
};

/* Says what would become of a SYN, why, and by which rule. Returns 0, -EINVAL with a message if the question makes no sense, or -errno. */
int explain_json(struct daemon *dm, const struct question *q, json_t **out, bool *later, struct diag *d);

#endif
