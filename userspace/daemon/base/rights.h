/* SPDX-License-Identifier: BSD-2-Clause */
/* What a process of sluiced may still do once it is set up. */
#ifndef SLUICE_DAEMON_RIGHTS_H
#define SLUICE_DAEMON_RIGHTS_H

#include "diag.h"

enum rights {
	RIGHTS_DAEMON, /* CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON */
	RIGHTS_KEEPER, /* also CAP_SYS_ADMIN: see keeper.h */
};

/* For good: capabilities, new privileges, system calls. 0, or -errno with a message. */
int rights_drop(enum rights left, struct diag *d);

#endif
