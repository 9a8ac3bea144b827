/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second process that keeps the one right that sluiced needs but should not have. To examine and replace the programs on
 * an interface, a process needs a descriptor by a program's id, and the kernel gives that only to CAP_SYS_ADMIN. The keeper reads nothing but
 * its pipe to sluiced, does six things, and ends with sluiced. One of the six is to start the process that talks to a fleet's store; another is to
 * enter the network namespaces of containers and open what lists their sockets. It passes on only such descriptors, and the number of the namespace.
 */
#ifndef SLUICE_DAEMON_KEEPER_H
#define SLUICE_DAEMON_KEEPER_H

#include "daemon.h"

/* Call it before anything is opened, so that the keeper holds nothing. Returns 0 or -errno. */
int keeper_begin(struct daemon *dm);
/* From now on the keeper enters namespaces for the engine. */
void keeper_lend(struct daemon *dm);
void keeper_end(struct daemon *dm);
/*
 * Do what engine_attach(), engine_exchange(), engine_bury() and engine_unload() do; the pins must be there. -EPIPE: the keeper is gone or
 * does not answer in time, and is not asked again; a restart brings it back.
 */
int keeper_attach(struct daemon *dm, const struct policy *p, const struct policy *also, struct diag *d);
int keeper_exchange(struct daemon *dm, struct diag *d);
int keeper_bury(struct daemon *dm, struct diag *d);
/* Returns 0 if the keeper is there and answers. Call it before anything is begun that only the keeper can end. */
int keeper_ask(struct daemon *dm, struct diag *d);
/* Starts sluice-fleet, and returns sluiced's end of its socket, or -errno. If not `wanted`, ends it, and returns 0 or -errno. */
int keeper_fleet(struct daemon *dm, bool wanted, struct diag *d);
int keeper_unload(struct daemon *dm, struct diag *d);

#endif
