/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel and the driver say about one interface. Nothing outside kern/ includes it. */
#ifndef SLUICE_KERN_LINK_H
#define SLUICE_KERN_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <net/if.h>

struct link_view {
	unsigned int index, mtu, type /* ARPHRD_* */, master_index;
	bool up;
	char kind[16]; /* "vlan", "bond", "bridge", "veth" ...; "" for hardware */
	char port_of[16]; /* the kind of its master: "bond", "bridge"; "": it has none */
	char master[IF_NAMESIZE];
	char driver[32]; /* "" if it does not say */
	bool lro, takes_tags_off; /* takes VLAN tags off what it receives */
	unsigned int queues, queues_max; /* receiving; 0 if it does not say */
	bool features_known; /* Linux 6.12 reports them, 6.1 does not */
	uint64_t features; /* LINK_XDP_* */
};

#define LINK_XDP_BASIC 1U /* native XDP */
#define LINK_XDP_SG 32U /* frames of several pages */

/* How a link is related to others, for all links of this namespace. */
struct link_place {
	unsigned int index, below, master; /* `below` is of a VLAN device or the like, `master` of a port; 0: none */
	char kind[16];
	bool filters_vlans; /* a bridge */
	uint16_t vlan; /* tag of a VLAN device */
};

struct link_places {
	struct link_place *item;
	size_t count, room;
};

/*
 * Returns an enum sluice_frames, or -EOPNOTSUPP if its packets begin with something else, or with what depends on the packet, or if there
 * are none (the kernel gives a VRF packets behind where XDP is), so that nothing can be judged there.
 */
int link_frames(const struct link_view *l);
const char *link_unguarded_why(const struct link_view *l); /* why that is so; static, "": it is not so */

int links_read(struct link_places *out); /* out->item is freed with free() */
const struct link_place *link_place(const struct link_places *all, unsigned int index); /* NULL: there is none */

/*
 * Says why it gets no better than generic XDP, as far as that can be known, for status and doctor. Static text; "": the driver may do
 * better.
 */
const char *link_generic_why(const struct link_view *l);

/* Returns 0, -ENODEV, or another error of the kernel. */
int link_view(const char *name, struct link_view *out);

#endif
