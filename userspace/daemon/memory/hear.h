/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receives refusals from the kernel's ring of events while anybody wants them: the memory, or clients that watch. Each refusal goes to
 * both, if they are there.
 */
#ifndef SLUICE_DAEMON_HEAR_H
#define SLUICE_DAEMON_HEAR_H

#include "daemon.h"

/* Opens or closes the ring, as the policy and clients that watch want it. Call it after each change of either; returns 0 or -errno. */
int hear_follow(struct daemon *dm);
/* Call when the first client watches, or the last one stops; 0 or -errno. */
int hear_watch(struct daemon *dm, bool on);
void hear_end(struct daemon *dm); /* whatever anybody wants: the engine or the loop is about to go */

#endif
