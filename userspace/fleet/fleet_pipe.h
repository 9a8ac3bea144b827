/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of the socket pair to sluiced (fleet_wire.h). What sluiced says goes to whoever opened the pipe; what is said to it waits
 * here while it does not read. When sluiced ends, the loop does. main.c opens it, fleet_store.c writes to it.
 */
#ifndef SLUICE_FLEET_PIPE_H
#define SLUICE_FLEET_PIPE_H

#include <stdbool.h>

#include <event2/event.h>

#include "fleet_wire.h"

struct pipe;

struct pipe_owner {
	void *owner;
	void (*config)(void *owner, const char *text, size_t length);
	void (*exchange)(void *owner, const struct fleet_want *row, size_t count);
	void (*policy)(void *owner, const char *text, size_t length);
	void (*look)(void *owner, const struct fleet_need *row, size_t count);
	void (*put)(void *owner, const struct fleet_record *row, size_t count);
};

struct pipe *pipe_open(struct event_base *base, int fd, const struct pipe_owner *o);
void pipe_close(struct pipe *p);
/* `rows` have fleet_row_size(type) bytes each. While much waits, messages that may be repeated later are lost. */
void pipe_send(struct pipe *p, enum fleet_type type, const void *rows, size_t count);
/* For records, which are not repeated: a caller who has many of them asks first. */
bool pipe_has_room(const struct pipe *p);
/* Sets whether it reads; while it does not, sluiced keeps what it has to say. */
void pipe_read_on(struct pipe *p, bool on);

#endif
