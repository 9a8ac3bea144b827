/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where refusals come in: the kernel's ring of events, while anybody wants to hear of them: the memory, or who watches. Each goes to both,
 * as far as they are there.
 */
#ifndef SLUICE_DAEMON_HEAR_H
#define SLUICE_DAEMON_HEAR_H

#include "daemon.h"

/* Opens or closes the ring, as the policy and those who watch want it. After each change of either; 0 or -errno. */
int hear_follow(struct daemon *dm);
/* Somebody watches now, or nobody does any more; 0 or -errno. */
int hear_watch(struct daemon *dm, bool on);
void hear_end(struct daemon *dm); /* whatever anybody wants: the engine or the loop is about to go */

#endif
