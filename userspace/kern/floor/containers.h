/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network namespaces of containers. Entering one needs CAP_SYS_ADMIN, which the daemon has given up: the keeper, which has it, passes on
 * descriptors that were opened there.
 */
#ifndef SLUICE_KERN_CONTAINERS_H
#define SLUICE_KERN_CONTAINERS_H

#include <stddef.h>
#include <stdint.h>

#include "engine.h"

#define NETNS_MAX 128 /* most namespaces of one container section: as many descriptors pass through a socket at once */

/* What is opened in a namespace: the audit's iterator, to be read once, or a netlink socket that lists and ends its sockets. */
enum netns_opens { NETNS_AUDIT, NETNS_SOCKETS };

struct netns_fd {
	uint64_t cookie;
	int fd; /* owned; -1: none of the container's addresses is there now */
};

struct netns_fds {
	struct netns_fd *item;
	size_t count, room;
};

void netns_fds_free(struct netns_fds *s);
#define _cleanup_netns_ __attribute__((cleanup(netns_fds_free)))
int netns_fds_add(struct netns_fds *s, uint64_t cookie, int fd); /* owns the fd, even on failure (-ENOMEM) */
/*
 * Enters the namespaces that the section names, one by one. Missing ones are no error; `d` says why others cannot be entered. Returns 0,
 * -ENOTRECOVERABLE if this thread could not return to its own namespace, or -errno.
 */
int netns_enter(const char *instance, const struct sluice_container *c, enum netns_opens what, struct netns_fds *out,
		struct diag *d);

/* For a process that has another one enter, instead of calling netns_enter() itself. */
typedef int (*netns_ask)(void *arg, const struct sluice_container *c, enum netns_opens what, struct netns_fds *out,
			 struct diag *d);
void engine_netns_by(struct engine *e, netns_ask ask, void *arg);
/* Whether a namespace of the policy in force came or went since the last call. It enters none, and is meant to be called every second. */
bool engine_netns_moved(struct engine *e);

/* Opens something in every namespace of the containers of the policy in force, each once, except the host's own. */
int engine_netns(struct engine *e, enum netns_opens what, struct netns_fds *out, struct diag *d);
/* Whether a container's address and port are published, as the tracker decides it; if so, they are replaced by the host's. */
bool published_find(const struct engine *e, uint64_t netns, struct sluice_addr *local, uint16_t *port);

/* A container section of the policy in force, as the last audit found it. */
struct container_status {
	char name[SLUICE_NAME_LEN];
	int namespaces; /* -1: not checked */
	char why[256]; /* why some could not be entered; "" if all could */
};

/* *out is freed with free(). */
int containers_read(const struct engine *e, struct container_status **out, size_t *count);

#endif
