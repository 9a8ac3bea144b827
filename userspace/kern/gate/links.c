/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces that go away and come back, and addresses that come and go, by one netlink socket. What comes back has a new number, and no
 * gate; what an address is decides whether packets to it are judged (locals.c).
 */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "internal.h"
#include "netlink.h"

struct guarded {
	char interface[IF_NAMESIZE];
	unsigned int index; /* as of the last look; 0: it is away */
	bool lost; /* it is there without its gate, and that was reported */
	struct guarded *next;
};

static struct guarded *guarded_find(const struct engine *e, const char *interface)
{
	struct guarded *g = e->guarded;

	while (g && strcmp(g->interface, interface))
		g = g->next;
	return g;
}

bool link_is_away(const struct engine *e, const char *interface)
{
	return !if_nametoindex(interface) && guarded_find(e, interface);
}

bool link_is_guarded(const struct engine *e, unsigned int index)
{
	const struct guarded *g = e->guarded;

	while (g && g->index != index)
		g = g->next;
	return index && g;
}

unsigned int link_for(const struct engine *e, const struct sluice_addr *local)
{
	struct sluice_prefix_key key = { .prefixlen = 128, .addr = *local };
	const struct guarded *g = e->guarded;
	struct sluice_local is;

	while (g && !g->index)
		g = g->next;
	if (!bpf_map_lookup_elem(e->map[MAP_locals], &key, &is) && link_is_guarded(e, is.ifindex))
		return is.ifindex;
	return g ? g->index : 0;
}

bool engine_link_away(const struct engine *e, const char *interface, struct diag *d)
{
	bool away = link_is_away(e, interface);
	char pin[PIN_PATH_LEN], now[IF_NAMESIZE];

	gate_pin(e->instance, interface, pin);
	if (away && gate_place(interface, pin))
		diag_add(d, "interface %s is called %s now, and is still guarded: name that in `interfaces`", interface,
			 gate_interface(interface, pin, now));
	else if (away)
		diag_add(d, "interface %s is absent: it will be guarded when it comes back", interface);
	return away;
}

int engine_link_note(struct engine *e, const char *interface, unsigned int index)
{
	struct guarded *g = guarded_find(e, interface);

	if (!g) {
		g = calloc(1, sizeof(*g));
		if (!g)
			return -ENOMEM;
		snprintf(g->interface, sizeof(g->interface), "%s", interface);
		g->next = e->guarded;
		e->guarded = g;
	}
	g->index = index;
	return 0;
}

static int link_recall(const char *interface, const char *pin, void *arg)
{
	(void)pin;
	return engine_link_note(arg, interface, if_nametoindex(interface));
}

int links_recall(struct engine *e)
{
	return pins_each_gate(e->instance, link_recall, e);
}

void links_forget(struct engine *e)
{
	struct guarded *g;

	while ((g = e->guarded)) {
		e->guarded = g->next;
		free(g);
	}
	if (e->links >= 0)
		close(e->links);
	e->links = -1;
}

int engine_links(struct engine *e)
{
	struct sockaddr_nl all = { .nl_family = AF_NETLINK,
				   .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
						RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE };

	if (e->links < 0)
		e->links = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (e->links < 0 || bind(e->links, (struct sockaddr *)&all, sizeof(all)))
		return -errno;
	return e->links;
}

/* On a router, routes change all the time; only local ones matter here. */
static int message_read(const struct nlmsghdr *message, void *arg)
{
	bool *moved = arg;

	if ((message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE) || route_is_local(message))
		*moved = true;
	return MNL_CB_OK;
}

bool engine_links_moved(struct engine *e)
{
	char room[32768] __attribute__((aligned(8)));
	bool moved = false;
	ssize_t n;

	while ((n = recv(e->links, room, sizeof(room), 0)) >= 0 || errno == ENOBUFS || errno == EINTR) {
		if (n < 0)
			moved = true; /* some messages were lost */
		else
			mnl_cb_run(room, n, 0, 0, message_read, &moved);
	}
	return moved;
}

bool engine_links_back(struct engine *e, const struct policy *p, struct diag *d)
{
	struct guarded *g;
	unsigned int index;
	bool back = false;
	size_t i;

	for (i = 0; i < p->interfaces.count; i++) {
		g = guarded_find(e, p->interfaces.item[i]);
		index = if_nametoindex(p->interfaces.item[i]);
		if (!g || g->index == index)
			continue;
		g->index = index;
		if (engine_link_away(e, g->interface, d))
			continue;
		diag_add(d, "interface %s is back", g->interface);
		back = true;
	}
	return back;
}

/* An interface of the policy that no gate was ever at is not among them: then an order failed, and said so. */
void engine_links_lost(struct engine *e, const struct policy *p, struct diag *d)
{
	char pin[PIN_PATH_LEN];
	struct guarded *g;
	bool lost;
	size_t i;

	for (i = 0; i < p->interfaces.count; i++) {
		g = guarded_find(e, p->interfaces.item[i]);
		if (!g || !g->index)
			continue;
		gate_pin(e->instance, g->interface, pin);
		lost = !strcmp(gate_mode(g->interface, pin), "detached");
		if (lost && !g->lost)
			diag_add(
				d,
				"interface %s: the gate is no longer attached: nothing is judged there until `sluicectl -i %s "
				"reload`; `bpftool net` shows what is attached",
				g->interface, e->instance);
		g->lost = lost;
	}
}
