/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions to the kernel by libmnl. Nothing outside kern/ includes it. */
#ifndef SLUICE_KERN_NETLINK_H
#define SLUICE_KERN_NETLINK_H

#include <libmnl/libmnl.h>

#define NETLINK_ROOM 1024 /* of a request */
#define NETLINK_ANSWER 65536 /* room for answers */

/* A request in `room`, of `extra` bytes after the header; these are zero, and at *payload. */
struct nlmsghdr *netlink_request(void *room, unsigned int type, unsigned int flags, size_t extra, void **payload);
/* Sends it on this bus and calls `each` for each answer (MNL_CB_OK: go on). 0, or -errno, also the kernel's. */
int netlink_ask(int bus, struct nlmsghdr *request, mnl_cb_t each, void *arg);

#endif
