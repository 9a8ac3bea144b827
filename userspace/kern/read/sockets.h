/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP sockets of this network namespace and of containers, as the kernel lists them (sock_diag), and their end. */
#ifndef SLUICE_KERN_SOCKETS_H
#define SLUICE_KERN_SOCKETS_H

#include <stddef.h>
#include <stdint.h>

#include <linux/inet_diag.h>

#include "addr.h"
#include "cover.h"
#include "policy.h"

struct engine;

struct socket_seen {
	struct sluice_addr local,
		remote; /* IPv4 in mapped form; a listener has no remote. For a container: the host's */
	uint16_t local_port, remote_port;
	unsigned int state; /* TCP_ESTABLISHED ... */
	uint32_t inode;
	struct inet_diag_sockid id; /* as the kernel wants it back, with its family */
	uint8_t family;
	int bus; /* sockets.c's */
};

/* Reads a list that the caller frees with free(), through a NETNS_SOCKETS of a namespace, or -1 for this one. Returns 0 or -errno. */
int sockets_listening(int bus, struct socket_seen **out, size_t *count);
/* Connections and handshakes of sources in `from` with the services of `policy`. */
struct sought {
	const struct cover *from;
	const struct policy *policy;
	const struct policy_service *service; /* with this one; NULL: with any */
	bool allowed_too; /* otherwise those that are allowed live are left out */
	struct engine *engine; /* ... there; and it knows the containers */
};
int sockets_of(const struct sought *what, struct socket_seen **out, size_t *count);
bool address_is_any(const struct sluice_addr *a); /* whether a listener there serves all addresses */
const char *socket_state(const struct socket_seen *s); /* static text */
/* Returns the service that a local address and port belong to, or NULL. */
const struct policy_service *service_at(const struct policy *p, const struct sluice_addr *local, uint16_t port);

/* Whether this kernel can end a connection: returns 0, -EOPNOTSUPP, or what else prevents it (-EPERM). */
int sockets_can_end(void);
/*
 * Ends everything that sockets_of() finds, until that finds nothing: a handshake may become a connection meanwhile. Each peer gets a RST.
 * *ended is valid even after a failure.
 */
int sockets_end(const struct sought *what, size_t *ended);

#endif
