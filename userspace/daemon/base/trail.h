/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trail: one line in the journal for each order, including refused ones: who gave it, what it was, what came of it. Addresses in it are
 * shown as the policy says. door.c calls it for orders over the socket; loop.c (signals), daemon_ops.c (deadlines) and fleet_settings.c (what
 * another host of the fleet said) for all others.
 */
#ifndef SLUICE_DAEMON_TRAIL_H
#define SLUICE_DAEMON_TRAIL_H

#include "daemon.h"

/* Logs an order from the socket when it is answered. */
void trail_order(struct daemon *dm, const char *verb, const json_t *args, const struct answer *a);
/* Logs an order that did not come over the socket; `by` says who gave it, as "a signal", "the kernel's clock". `err` 0: done. */
void trail_event(struct daemon *dm, const char *verb, const char *by, int err, const char *text);

#endif
