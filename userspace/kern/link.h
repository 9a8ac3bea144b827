/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel and the driver say of one interface. Nothing outside kern/ includes it. */
#ifndef SLUICE_KERN_LINK_H
#define SLUICE_KERN_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <net/if.h>

struct link_view {
	unsigned int index, mtu;
	bool up;
	char kind[16]; /* "vlan", "bond", "bridge", "veth" ...; "" for hardware */
	char port_of[16]; /* kind of its master: "bond", "bridge"; "": it has none */
	char master[IF_NAMESIZE];
	char driver[32]; /* "": it does not say */
	bool lro;
	unsigned int queues, queues_max; /* receiving; 0: it does not say */
	bool features_known; /* Linux 6.1 does not tell, 6.12 does */
	uint64_t features; /* LINK_XDP_* */
};

#define LINK_XDP_BASIC 1U /* native XDP */
#define LINK_XDP_SG 32U /* frames of several pages */

/* 0, -ENODEV, or another error of the kernel. */
int link_view(const char *name, struct link_view *out);

#endif
