/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of data that a policy names: lists of sources, databases of countries and networks. */
#ifndef SLUICE_CORE_DATA_H
#define SLUICE_CORE_DATA_H

#include "policy.h"

/* Both: 0, -ENOMEM, or -EINVAL with messages. */
/*
 * All lists of the sets that are enabled, also where they are read already. What cannot be used of those that are read as tolerant is taken
 * from `now` (NULL: from nowhere), and lists_say() says so.
 */
int lists_read(struct policy *p, const struct policy *now, struct diag *d);
/* Only those that are not what the sets name now, as where one was enabled live; what is wrong with these is said at once. */
int lists_complete(struct policy *p, const struct policy *now, struct diag *d);
void lists_say(const struct policy *p, struct diag *d);
/* Sets p->geo, where it is not set already: from the files, or from `now` (NULL: none) where that has read the same ones and they are unchanged. */
int databases_read(struct policy *p, const struct policy *now, struct diag *d);
/*
 * Said once by sluiced, which counts by countries: databases_read() then also reads what is installed where a policy names neither a country nor a
 * database. What is wrong with that is a warning, and hinders no policy. Who only checks or compares policies is spared the work.
 */
void databases_count_installed(void);

#endif
