/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two connections to one server: one asks, the other hears what other hosts need. The session greets the server, beats, and passes
 * exchanges on. fleet_store.c opens one at a time; it may close it in none of the calls of session_owner.
 */
#ifndef SLUICE_FLEET_SESSION_H
#define SLUICE_FLEET_SESSION_H

#include <stdbool.h>

#include <event2/dns.h>
#include <event2/event.h>

#include "fleet_config.h"
#include "fleet_info.h"
#include "fleet_script.h"

struct session;

struct session_owner {
	void *owner;
	/* The server answered a beat. new_epoch: it may lack what it was told before; the first time, too. */
	void (*beat)(void *owner, const struct beat *b, bool new_epoch, unsigned rtt_us);
	void (*leases)(void *owner, const struct fleet_lease *row, size_t count);
	void (*needs)(void *owner, const struct fleet_need *row, size_t count);
	void (*held)(void *owner, const char *text); /* FLEET_HELD */
	void (*records)(void *owner, const struct fleet_record *row, size_t count);
	bool (*room_for_records)(void *owner); /* for another page of them */
	void (*put)(void *owner); /* session_put() may have room again */
	void (*silent)(void *owner); /* four beats were not answered; the answer may still come */
	void (*failed)(void *owner, const char *why); /* called once; after it the session does nothing */
};

/* Returns NULL without memory. `c` and `to` outlive it; so does *policy, the text of FLEET_POLICY, which may change meanwhile. */
struct session *session_open(struct event_base *base, struct evdns_base *names, const struct config *c,
			     const struct server *to, char *const *policy, const struct session_owner *o);
void session_close(struct session *x); /* NULL is fine */
/* While it is not ready, rows are lost: the beat that makes it ready says so. */
void session_exchange(struct session *x, const struct fleet_want *row, size_t count);
/* Asks who holds these. If it is not ready, or has much to answer, the question is skipped. */
void session_look(struct session *x, const struct fleet_need *row, size_t count);
void session_put(struct session *x, const struct fleet_record *row, size_t count); /* the same */
bool session_has_room(const struct session *x); /* for another message of rows */
const struct server_info *session_info(const struct session *x);

#endif
