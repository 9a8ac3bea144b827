/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's end of the socket to sluice-fleet: starts it by the keeper, again where it ends, and takes its messages apart. Nothing that
 * it says is believed here but that it is whole; what it means is for whoever hears it.
 */
#ifndef SLUICE_DAEMON_FLEET_HELPER_H
#define SLUICE_DAEMON_FLEET_HELPER_H

#include "daemon.h"
#include "fleet_wire.h"

/* Who is told. Each function is given `arg`. */
struct fleet_ear {
	void (*state)(void *arg, const struct fleet_state *state);
	void (*lease)(void *arg, const struct fleet_lease *lease);
	void (*need)(void *arg, uint64_t key);
	void (*records)(void *arg, const struct fleet_record *rows, size_t count);
	void (*hosts)(void *arg, const char *text, size_t len);
	void (*held)(void *arg, const char *text, size_t len);
	void (*gone)(void *arg, const char *why); /* what was sent may be lost; the process is started again */
	void (*odd)(void *arg); /* a message that made no sense */
};

struct fleet_helper;

/*
 * `config` is the text of FLEET_CONFIG; it is taken over. Returns NULL without memory. The process is started before this returns, or a
 * second later.
 */
struct fleet_helper *fleet_helper_new(struct daemon *dm, char *config, const struct fleet_ear *ear, void *arg);
void fleet_helper_free(struct fleet_helper *h); /* ends the process; NULL is fine */
/* Returns 0; -EAGAIN: not now; -EPIPE: the process is not there. */
int fleet_helper_send(struct fleet_helper *h, const struct fleet_want *rows, size_t count);
int fleet_helper_put(struct fleet_helper *h, const struct fleet_record *rows, size_t count);

/*
 * What this host tells others about its policy from now on (FLEET_POLICY). It is taken over, and sent again to a process that is started
 * again.
 */
void fleet_helper_policy(struct fleet_helper *h, char *text);
void fleet_helper_look(struct fleet_helper *h, const struct fleet_need *rows,
		       size_t count); /* if it has no time, nothing is sent */

#endif
