/* SPDX-License-Identifier: BSD-2-Clause */
/* Netlink requests to the kernel, by libmnl. Nothing outside kern/ includes it. */
#ifndef SLUICE_KERN_NETLINK_H
#define SLUICE_KERN_NETLINK_H

#include <libmnl/libmnl.h>

#define NETLINK_ROOM 1024 /* of a request */
#define NETLINK_ANSWER 65536 /* room for answers */

/* Begins a request in `room`, with `extra` bytes after the header; these are zero, and at *payload. */
struct nlmsghdr *netlink_request(void *room, unsigned int type, unsigned int flags, size_t extra, void **payload);
#define NETLINK_HERE -1

/*
 * Sends it on this bus through the socket `by` (NETLINK_HERE: one of this network namespace), and calls `each` for each answer (MNL_CB_OK:
 * continue). Returns 0, or -errno, which may be the kernel's.
 */
int netlink_ask(int bus, int by, struct nlmsghdr *request, mnl_cb_t each, void *arg);
/* The same, here, for a dump that the kernel narrows to what the request's header says. */
int netlink_ask_strictly(int bus, struct nlmsghdr *request, mnl_cb_t each, void *arg);
bool route_is_local(const struct nlmsghdr *message); /* for a message about a route */

#endif
