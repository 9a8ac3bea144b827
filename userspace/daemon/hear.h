/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where refusals come in: the kernel's ring of events, while anybody wants to hear of them: the memory, or who watches. Each goes to both,
 * as far as they are there.
 */
#ifndef SLUICE_DAEMON_HEAR_H
#define SLUICE_DAEMON_HEAR_H

#include "daemon.h"
#include "refusals.h"

/* Opens or closes the ring, as the policy and those who watch want it. After each change of either; 0 or -errno. */
int hear_follow(struct daemon *dm);
void hear_end(struct daemon *dm); /* whatever anybody wants: the engine or the loop is about to go */

/* watch.c */
/* To everybody who watches. `who`: whole. */
void watch_tell(struct daemon *dm, const struct sluice_event *event, const char *service,
		const struct sluice_addr *who);

/* refusals.c */
void refusals_hear(struct daemon *dm, const struct sluice_event *event, const char *service,
		   const struct sluice_addr *who);
/* What the policy wants of the memory has changed, perhaps: what may be kept no more goes. */
void refusals_follow(struct daemon *dm);
void refusals_tick(struct daemon *dm); /* once a second */
json_t *refusals_of(struct daemon *dm, const struct sluice_addr *a); /* a list, for `export`; NULL without memory */
unsigned int refusals_erase(struct daemon *dm, const struct sluice_addr *a); /* how many entries */
int verb_refusals(struct daemon *dm, const json_t *args, struct answer *a);

/* summary.c: to be called once a minute. */
void refusals_say(struct daemon *dm);

#endif
