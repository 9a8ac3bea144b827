/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starts sluice-fleet, which speaks to the store of a fleet (core/fleet/fleet_wire.h): a process of no rights, that ends with its starter or
 * when the other end of its socket is closed. Called in the keeper, since sluiced itself can start nothing.
 */
#ifndef SLUICE_DAEMON_FLEET_SPAWN_H
#define SLUICE_DAEMON_FLEET_SPAWN_H

#include "diag.h"

/* Returns sluiced's end of its socket, or -errno with a message. A process that was started before ends. */
int fleet_spawn(struct diag *d);
/* Ends the process, if there is one. */
void fleet_spawn_end(void);

#endif
