/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sluice-fleet: speaks to the store that the hosts of a fleet share, for sluiced, which starts it and has the other end of descriptor 3.
 * It has no rights: what a hostile server makes of it can say wrong numbers to sluiced (fleet_wire.h), and nothing else.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/dns.h>
#include <event2/event.h>

#include "cleanup.h"
#include "diag.h"
#include "fleet_pipe.h"
#include "fleet_store.h"
#include "protocol.h"
#include "rights.h"

DEFINE_CLEANUP(struct store *, store_free);
DEFINE_CLEANUP(struct pipe *, pipe_close);

/* What waited for an address until names_free() ends in a last turn of the loop. */
static void base_free(struct event_base *base)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
}
DEFINE_CLEANUP(struct event_base *, base_free);

static void names_free(struct evdns_base *names)
{
	evdns_base_free(names, 1);
}
DEFINE_CLEANUP(struct evdns_base *, names_free);

/* Failures are reported to sluiced (struct fleet_state), and not to standard error, whatever that is. */
static void say_nothing(int severity, const char *text)
{
	(void)severity;
	(void)text;
}

static bool is_pipe(int fd)
{
	socklen_t size = sizeof(int);
	int type = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_SEQPACKET;
}

/* Files are opened before the rights are given up: /etc/resolv.conf and /etc/hosts. */
static int run(void)
{
	_cleanup_(base_free) struct event_base *base = event_base_new();
	_cleanup_(names_free) struct evdns_base *names =
		base ? evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE)
		     : NULL;
	_cleanup_(store_free) struct store *store = names ? store_new(base, names) : NULL;
	_cleanup_(pipe_close) struct pipe *pipe = NULL;
	const struct pipe_owner owner = { store, store_configure, store_exchange, store_policy, store_look, store_put };
	_cleanup_diag_ struct diag d = {};

	if (!store || !(pipe = pipe_open(base, FLEET_FD, &owner))) {
		fputs(FLEET_PROGRAM ": no memory, or no epoll\n", stderr);
		return EXIT_FAILED;
	}
	store_speak_to(store, pipe);
	if (rights_drop(RIGHTS_NONE, &d)) {
		fprintf(stderr, FLEET_PROGRAM ": %s\n", d.item[0].text);
		return EXIT_FAILED;
	}
	return event_base_dispatch(base) < 0 ? EXIT_FAILED : EXIT_DONE;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "-V"))
		return puts(FLEET_PROGRAM " " SLUICE_VERSION) < 0 ? EXIT_FAILED : EXIT_DONE;
	if (argc != 1 || !is_pipe(FLEET_FD)) {
		fputs(FLEET_PROGRAM " is started by sluiced, and speaks to nobody else\n", stderr);
		return EXIT_BAD;
	}
	event_set_log_callback(say_nothing);
	return run();
}
