/* SPDX-License-Identifier: BSD-2-Clause */
/* May XDP answer on an interface, and if not, why? The one place that decides, for the gate, status and doctor. */
#ifndef SLUICE_KERN_ANSWERS_H
#define SLUICE_KERN_ANSWERS_H

#include "internal.h"
#include "link.h"
#include "tables.h"

/* Decides this as far as it depends on the link itself; `generic` is the mode of the gate there. Fills all of *out except its loops. */
void answers_plan(const struct link_view *l, const struct link_places *all, bool generic, struct sluice_answers *out);
const char *answers_why_text(enum sluice_answers_why why); /* static; "" if XDP answers */
const char *answers_remedy(enum sluice_answers_why why); /* static */
/* Reads what the kernel side does on this interface, and what came of it. */
int answers_read(const struct engine *e, const char *interface, struct interface_status *out);

#endif
