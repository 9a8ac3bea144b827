/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of data that a policy names: lists of sources, databases of countries and networks. */
#ifndef SLUICE_CORE_DATA_H
#define SLUICE_CORE_DATA_H

#include "policy.h"

/* Both return 0, -ENOMEM, or -EINVAL with messages. */
/*
 * Reads all lists of enabled sets, even those that are read already. If the file of a tolerant list cannot be used, its content is taken
 * from `now` (NULL: from nowhere), and lists_say() says so.
 */
int lists_read(struct policy *p, const struct policy *now, struct diag *d);
/* Reads only those that are not what the sets name now, as when one was enabled live; problems with these are reported at once. */
int lists_complete(struct policy *p, const struct policy *now, struct diag *d);
void lists_say(const struct policy *p, struct diag *d);
/*
 * Sets p->geo unless it is set already: from the files, or from `now` (NULL: none) if that has read the same ones and they are unchanged.
 */
int databases_read(struct policy *p, const struct policy *now, struct diag *d);
/*
 * sluiced, which counts by countries, calls this once: databases_read() then also reads what is installed if a policy names neither a
 * country nor a database. Problems with that are a warning, and hinder no policy. Programs that only check or compare policies are spared
 * the work.
 */
void databases_count_installed(void);

#endif
