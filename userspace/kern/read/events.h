/* SPDX-License-Identifier: BSD-2-Clause */
/* Refusals as they happen; a sample when there are many. */
#ifndef SLUICE_KERN_EVENTS_H
#define SLUICE_KERN_EVENTS_H

#include "engine.h"

struct events;

/*
 * From now on the gate reports refusals: at most about `per_second` of each reason. events_close() ends that; NULL is fine. An instance can
 * have only one at a time.
 */
int events_open(struct engine *e, unsigned int per_second, void (*tell)(const struct sluice_event *event, void *arg),
		void *arg, struct events **out);
void events_close(struct events *v);
int events_fd(const struct events *v); /* readable when there is something to read */
int events_read(struct events *v); /* calls tell() for each; 0 or -errno */
/* Nobody watches: clears what a daemon left that died while somebody did. */
int events_off(struct engine *e);

#endif
