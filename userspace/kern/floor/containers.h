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

#define NETNS_MAX 128 /* of one container section: as many descriptors go through a socket at once */

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
int netns_fds_add(struct netns_fds *s, uint64_t cookie, int fd); /* owns the fd, also on failure (-ENOMEM) */
/*
 * The namespaces that the section names, entered one by one. Those that are not there are no error, and of those that cannot be
 * entered `d` says why; -ENOTRECOVERABLE: this thread is in none of its own any more. 0 or -errno.
 */
int netns_enter(const char *instance, const struct sluice_container *c, enum netns_opens what, struct netns_fds *out,
		struct diag *d);

/* For a process that has another one enter, instead of calling netns_enter(). */
typedef int (*netns_ask)(void *arg, const struct sluice_container *c, enum netns_opens what, struct netns_fds *out,
			 struct diag *d);
void engine_netns_by(struct engine *e, netns_ask ask, void *arg);
/* Whether a namespace of the policy in force came or went since the last time it was asked. Enters none: for each second. */
bool engine_netns_moved(struct engine *e);

/* Opens something in every namespace of the containers of the policy in force, each once and not in the host's own. */
int engine_netns(struct engine *e, enum netns_opens what, struct netns_fds *out, struct diag *d);
/* As the tracker does it: whether a container's address and port are published; then they become the host's. */
bool published_find(const struct engine *e, uint64_t netns, struct sluice_addr *local, uint16_t *port);

/* A container section of the policy in force, as the last audit found it. */
struct container_status {
	char name[SLUICE_NAME_LEN];
	int namespaces; /* -1: not checked */
	char why[256]; /* of those that could not be entered; "" */
};

/* *out is freed with free(). */
int containers_read(const struct engine *e, struct container_status **out, size_t *count);

#endif
