/* SPDX-License-Identifier: BSD-2-Clause */
/* Drops the rights that a process no longer needs once it is set up. sluiced, its keeper and sluice-fleet call it. */
#ifndef SLUICE_DAEMON_RIGHTS_H
#define SLUICE_DAEMON_RIGHTS_H

#include "diag.h"

enum rights {
	RIGHTS_DAEMON, /* CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON */
	RIGHTS_KEEPER, /* these, CAP_SYS_ADMIN, and what it takes to start sluice-fleet as nobody: see keeper.h */
	/*
	 * sluice-fleet: sockets, memory and the clock, but no files. It runs as user nobody if it may change to that. If it stays root, it
	 * makes no UNIX socket, because what listens there (systemd, sluiced) may do for root what it is told.
	 */
	RIGHTS_NONE,
};

/* Becomes user nobody, by number, in no group. The order matters: only root can drop groups. Returns 0 or -errno. */
int rights_become_nobody(void);
/* Gives up for good: capabilities, new privileges, system calls. Returns 0, or -errno with a message. */
int rights_drop(enum rights left, struct diag *d);

#endif
