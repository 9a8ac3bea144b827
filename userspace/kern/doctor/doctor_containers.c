/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of doctor about containers: do they exist, and what listens in them? It enters their namespaces itself. */
#include <string.h>

#include "containers.h"
#include "doctor.h"
#include "internal.h"
#include "sockets.h"

static bool address_is_its(const struct policy_container *c, const struct sluice_addr *a)
{
	size_t i;

	for (i = 0; i < c->addresses.count; i++) {
		if (!memcmp(&c->addresses.item[i], a, sizeof(*a)))
			return true;
	}
	return !c->addresses.count || address_is_any(a);
}

/* Notes on which ports of the container somebody listens in one namespace. */
static int ports_hear(const struct policy_container *c, int bus, bool heard[static SLUICE_SERVICE_PORTS])
{
	_cleanup_free_ struct socket_seen *list = NULL;
	size_t count = 0, i;
	int err = sockets_listening(bus, &list, &count);
	unsigned int j;

	for (i = 0; i < count && !err; i++) {
		for (j = 0; j < c->ports_count; j++)
			heard[j] |= list[i].local_port == c->ports[j].inside && address_is_its(c, &list[i].local);
	}
	return err;
}

static int netns_look(const struct policy_container *c, struct netns_fds *out, struct diag *d)
{
	struct sluice_container sought = { .addresses_count = c->addresses.count };

	snprintf(sought.netns, sizeof(sought.netns), "%s", c->netns);
	if (c->addresses.count)
		memcpy(sought.addresses, c->addresses.item, c->addresses.count * sizeof(*c->addresses.item));
	return netns_enter("", &sought, NETNS_SOCKETS, out, d);
}

static void ports_tell(const struct policy_container *c, const bool heard[static SLUICE_SERVICE_PORTS],
		       struct findings *f)
{
	unsigned int i, n = 0;

	for (i = 0; i < c->ports_count; i++) {
		n += heard[i];
		if (!heard[i])
			finding_add(f, FINDING_WARNING, "container",
				    "start the server there, or name the port it uses: HOST:CONTAINER",
				    "container %s: nothing listens on its port %u, port %u of the host", c->name,
				    c->ports[i].inside, c->ports[i].host);
	}
	if (n == c->ports_count)
		finding_add(f, FINDING_GOOD, "container", "", "container %s: every port has a listener", c->name);
}

static void container_look(const struct policy_container *c, struct findings *f)
{
	_cleanup_netns_ struct netns_fds spaces = {};
	bool heard[SLUICE_SERVICE_PORTS] = {};
	_cleanup_diag_ struct diag d = {};
	int err = netns_look(c, &spaces, &d);
	size_t i, there = 0;

	for (i = 0; i < spaces.count && !err; i++) {
		if (spaces.item[i].fd < 0)
			continue;
		there++;
		err = ports_hear(c, spaces.item[i].fd, heard);
	}
	if (err)
		finding_add(f, FINDING_WARNING, "container", "run doctor as root", "container %s: %s", c->name,
			    strerror(-err));
	else if (!there)
		finding_add(f, FINDING_WARNING, "container",
			    "start it, or correct netns and addresses: sluiced looks for it every second",
			    "container %s is away: %s", c->name,
			    d.count ? d.item[0].text : "no network namespace with that name has one of its addresses");
	else
		ports_tell(c, heard, f);
}

void doctor_containers(const struct policy *p, struct findings *f)
{
	size_t i;

	for (i = 0; i < p->containers.count; i++)
		container_look(&p->containers.item[i], f);
}
