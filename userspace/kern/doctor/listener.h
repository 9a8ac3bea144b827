/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the process that listens on a port: doctor calls it, and prove.c does for the address of the metrics. */
#ifndef SLUICE_KERN_LISTENER_H
#define SLUICE_KERN_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#define LISTENER_NAME 16 /* the kernel's length of a process name, with its end */

/* Returns the name of a process that has the socket, or "?" if none can be seen. */
void listener_owner(uint32_t inode, char name[static LISTENER_NAME]);
/* Is a sluiced the only process that can be seen to listen on this port? */
bool listener_is_ours(uint16_t port);

#endif
