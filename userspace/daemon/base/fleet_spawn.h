/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starts sluice-fleet, which speaks to the store of a fleet (core/fleet/fleet_wire.h): a process of no rights, that ends with its starter or
 * when the other end of its socket is closed. Called in the keeper, since sluiced itself can start nothing.
 */
#ifndef SLUICE_DAEMON_FLEET_SPAWN_H
#define SLUICE_DAEMON_FLEET_SPAWN_H

#include "diag.h"

/* The end of its socket that is sluiced's, or -errno with a message. One that was started before ends. */
int fleet_spawn(struct diag *d);
/* Ends it, if there is one. */
void fleet_spawn_end(void);

#endif
