/* SPDX-License-Identifier: BSD-2-Clause */
/* Drops the rights that a process no longer needs once it is set up. sluiced, its keeper and sluice-fleet call it. */
#ifndef SLUICE_DAEMON_RIGHTS_H
#define SLUICE_DAEMON_RIGHTS_H

#include "diag.h"

enum rights {
	RIGHTS_DAEMON, /* CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON */
	RIGHTS_KEEPER, /* also CAP_SYS_ADMIN, and to start sluice-fleet as nobody: see keeper.h */
	/*
	 * sluice-fleet: sockets, memory and the clock; no file is opened. As user nobody where it may change to that; where it stays root
	 * it makes no UNIX socket, because what listens there (systemd, sluiced) may do for root what it is told.
	 */
	RIGHTS_NONE,
};

/* User nobody, by number, and of no group; the order matters: only root can drop groups. 0 or -errno. */
int rights_become_nobody(void);
/* For good: capabilities, new privileges, system calls. 0, or -errno with a message. */
int rights_drop(enum rights left, struct diag *d);

#endif
