/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One connection to a server: commands go out, and each answer goes to whoever asked, in order. hiredis writes and reads the
 * protocol, libevent waits. hiredis' own asynchronous client is not used: as Debian 12 has it, it resolves names while everything waits,
 * and believes whatever size a server names. Here an answer of more than LINK_ANSWER_MAX bytes, or of more parts than
 * LINK_PARTS_MAX, ends the connection.
 *
 * fleet_session.c opens two of them. It may close a link in no callback of that link.
 */
#ifndef SLUICE_FLEET_LINK_H
#define SLUICE_FLEET_LINK_H

#include <stddef.h>

#include <event2/dns.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "fleet_config.h"

#define LINK_ANSWER_MAX (1 << 20)
#define LINK_PARTS_MAX 8192

struct link;
/* `answer` is valid until this returns; `about` is what came with the question. */
typedef void link_answer(void *owner, void *about, const redisReply *answer);

struct link_owner {
	void *owner;
	/* For messages of a channel: an array of three, and about is NULL. NULL: none is awaited. */
	link_answer *message;
	void (*broken)(void *owner, const char *why); /* called once; after it the link is silent */
	void (*drop)(void *about); /* for a question that nobody will answer; NULL: nothing has to be done */
};

/* Returns NULL without memory. Questions may be asked at once. */
struct link *link_open(struct event_base *base, struct evdns_base *names, const struct server *to,
		       const struct link_owner *o);
/* Returns 0, or -ENOMEM: then `about` is still the caller's. */
int link_ask(struct link *l, link_answer *then, void *about, int argc, const char **argv, const size_t *length);
void link_close(struct link *l); /* NULL is fine */

#endif
