/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store as this host sees it: one server of those that sluiced named, by two connections (one hears what other hosts need). It
 * beats, exchanges, and tells sluiced of all that changes. A server that fails, is a replica, loads its data or answers what it should
 * not is left for the next, ever slower; main.c makes it, fleet_pipe.c brings it what sluiced says.
 */
#ifndef SLUICE_FLEET_STORE_H
#define SLUICE_FLEET_STORE_H

#include <event2/dns.h>
#include <event2/event.h>

#include "fleet_pipe.h"

struct store;

struct store *store_new(struct event_base *base, struct evdns_base *names);
/* Sets where it reports; called once, before anything else. */
void store_speak_to(struct store *s, struct pipe *p);
void store_free(struct store *s);
/* The functions of a pipe_owner. */
void store_configure(void *store, const char *text, size_t length);
void store_exchange(void *store, const struct fleet_want *row, size_t count);
void store_policy(void *store, const char *text, size_t length);
void store_look(void *store, const struct fleet_need *row, size_t count);
void store_put(void *store, const struct fleet_record *row, size_t count);

#endif
