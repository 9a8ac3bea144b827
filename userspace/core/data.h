/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of data that a policy names: lists of sources, databases of countries and networks. */
#ifndef SLUICE_CORE_DATA_H
#define SLUICE_CORE_DATA_H

#include "policy.h"

/* Both: 0, -ENOMEM, or -EINVAL with messages. */
int lists_read(struct policy *p, struct diag *d);
/* Sets p->geo, where it is not set already: from the files, or from `now` (NULL: none) where that has read the same ones and they are unchanged. */
int databases_read(struct policy *p, const struct policy *now, struct diag *d);

#endif
