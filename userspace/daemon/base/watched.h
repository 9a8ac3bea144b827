/* SPDX-License-Identifier: BSD-2-Clause */
/* The events that the loop always waits for: signals, timers, and the descriptors through which the kernel reports. loop.c adds them. */
#ifndef SLUICE_DAEMON_WATCHED_H
#define SLUICE_DAEMON_WATCHED_H

#include "daemon.h"

/* `every` is the period of a clock. Returns 0 or -ENOMEM. */
int watched_add(struct daemon *dm, int number, short what, event_callback_fn f, const struct timeval *every);
void watched_let_go(struct daemon *dm); /* removes those of the engine's descriptors, before it closes them */
void watched_free(struct daemon *dm);

#endif
