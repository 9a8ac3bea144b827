/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of refusals: what goes into it, who may read it, its file. core/memory/refusals.h is the table itself. hear.c fills it, the verbs
 * `refusals`, `export` and `erase` read it.
 */
#ifndef SLUICE_DAEMON_REFUSALS_MEMORY_H
#define SLUICE_DAEMON_REFUSALS_MEMORY_H

#include "daemon.h"
#include "refusals.h"

/* remember.c */
void refusals_hear(struct daemon *dm, const struct sluice_event *event, const char *service,
		   const struct sluice_addr *who);
/* What the policy wants of the memory may have changed: removes what must not be kept any more. */
void refusals_follow(struct daemon *dm);
void refusals_age(struct daemon *dm); /* removes what is older than may be kept */

/* refusals.c */
void refusals_tick(struct daemon *dm); /* once a second */
/* Returns a list, for `export`; NULL without memory. */
json_t *refusals_of(struct daemon *dm, const struct sluice_addr *a);
uint32_t refusals_span(const struct daemon *dm); /* the seconds that the memory goes back; 0: nothing is remembered */
const char *refusals_form(const struct daemon *dm); /* how much of an address it keeps: a word of the policy (static) */
/* Erases also in the file, at once. Returns how many entries. */
unsigned int refusals_erase(struct daemon *dm, const struct sluice_addr *a, struct diag *d);

/* refusals_file.c: the memory over a restart */
void refusals_load(struct daemon *dm); /* at the start: loads what an earlier daemon kept and may be kept still */
void refusals_store(struct daemon *dm); /* once a second: stores it if it has changed, and that is due */
void refusals_save(struct daemon *dm); /* at the end */
/* `count` of its entries were erased: none of them is in the file after this; failures are reported. */
void refusals_erase_file(struct daemon *dm, size_t count, struct diag *d);

/* summary.c: to be called once a minute. */
void refusals_say(struct daemon *dm);

#endif
