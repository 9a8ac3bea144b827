/* SPDX-License-Identifier: BSD-2-Clause */
/* The clients of the control socket: control.c keeps the list, watch.c sends refusals to those that watch. */
#ifndef SLUICE_DAEMON_CLIENTS_H
#define SLUICE_DAEMON_CLIENTS_H

#include <event2/bufferevent.h>

#include "daemon.h"

struct client {
	struct daemon *daemon;
	LIST_ENTRY(client) next;
	struct bufferevent *stream;
	uid_t uid;
	pid_t pid;
	unsigned int idle; /* seconds in which nothing came and nothing was sent */
	size_t unsent; /* bytes that were unsent a second ago */
	json_t *request; /* a request that waits for the bytes behind it; NULL: none */
	size_t body_len;
	json_t *later; /* a request that will be asked again, when the verb knows more; NULL: none */
	struct event *again;
	unsigned int rounds; /* how often it has waited; a request waits only once */
	bool answered;
	bool watching;
};

unsigned int clients_watching(const struct daemon *dm); /* how many */
/* Sends a line to this client; if memory runs out, a line that says so. */
void client_line_send(struct client *c, const json_t *line);
/* Sends a line to all clients that watch; a client that reads too slowly misses some. */
void clients_publish(struct daemon *dm, const json_t *line);

#endif
