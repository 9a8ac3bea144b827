/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the addresses that this host cannot do without: see own.h. The daemon's orders and the check of a policy call it; the
 * caller owns the list.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "hidden.h"
#include "internal.h"
#include "list.h"
#include "netlink.h"
#include "own.h"

/* systemd-resolved names itself in the first; the second has the servers that it asks. */
static const char *const resolver_files[] = { "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf" };
/* No packet is sent there: the route to a root name server is the route to the world. */
static const char *const worlds[] = { "193.0.14.129", "2001:7fd::1" };

void owns_free(struct owns *list)
{
	free(list->item);
}

static int own_add(struct owns *list, const struct prefix *p, const char *what)
{
	struct own *more = LIST_ADD(list);

	if (!more)
		return -ENOMEM;
	*more = (struct own){ *p, what };
	return 0;
}

/* A table that says "everything" has been given up: see locals.c. */
static int locals_add(const struct engine *e, struct owns *list)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_prefix_key *key;
	size_t count = 0, i;
	int err = table_read(e->map[MAP_locals], sizeof(*key), sizeof(struct sluice_local), &keys, &values, &count);

	key = keys;
	for (i = 0; i < count && !err; i++) {
		const struct prefix p = { key[i].addr, key[i].prefixlen };

		if (p.len)
			err = own_add(list, &p, OWN_ADDRESS);
	}
	return err;
}

static int resolvers_add(const char *path, struct owns *list)
{
	_cleanup_fclose_ FILE *in = fopen(path, "re");
	struct prefix p = { .len = 128 };
	char line[256], word[64];
	int err = 0;

	while (in && fgets(line, sizeof(line), in) && !err) {
		if (sscanf(line, "nameserver %63[^ %\t\r\n]", word) == 1 && !addr_parse(word, &p.addr))
			err = own_add(list, &p, "a resolver of this host");
	}
	return err;
}

static struct sluice_addr bytes_addr(const void *bytes, size_t size)
{
	struct sluice_addr a = { { 0, 0, htonl(0xffff), 0 } };

	memcpy(size == 4 ? &a.word[3] : a.word, bytes, size == 4 ? 4 : 16);
	return a;
}

/* An IPv4 route may have an IPv6 gateway: then the address follows two bytes of family. */
static int gateway_read(const struct nlattr *attr, void *arg)
{
	const char *bytes = mnl_attr_get_payload(attr);
	struct prefix *gateway = arg;
	size_t size = mnl_attr_get_payload_len(attr);

	if (mnl_attr_get_type(attr) == RTA_GATEWAY && (size == 4 || size == 16))
		*gateway = (struct prefix){ bytes_addr(bytes, size), 128 };
	if (mnl_attr_get_type(attr) == RTA_VIA && size >= 18)
		*gateway = (struct prefix){ bytes_addr(bytes + 2, 16), 128 };
	return MNL_CB_OK;
}

static int route_read(const struct nlmsghdr *answer, void *arg)
{
	return mnl_attr_parse(answer, sizeof(struct rtmsg), gateway_read, arg) < 0 ? MNL_CB_ERROR : MNL_CB_STOP;
}

/* This takes one question, whatever the size of the routing table. */
static int gateway_add(const char *world, struct owns *list)
{
	uint8_t room[NETLINK_ROOM] __attribute__((aligned(8)));
	struct prefix gateway = {};
	struct nlmsghdr *request;
	struct sluice_addr to;
	struct rtmsg *route;
	void *payload;
	bool ipv4;

	if (addr_parse(world, &to))
		return -EINVAL;
	ipv4 = addr_is_ipv4(&to);
	request = netlink_request(room, RTM_GETROUTE, 0, sizeof(*route), &payload);
	route = payload;
	route->rtm_family = ipv4 ? AF_INET : AF_INET6;
	route->rtm_dst_len = ipv4 ? 32 : 128;
	mnl_attr_put(request, RTA_DST, ipv4 ? 4 : 16, ipv4 ? &to.word[3] : to.word);
	if (netlink_ask(NETLINK_ROUTE, NETLINK_HERE, request, route_read, &gateway) || !gateway.len)
		return 0; /* the host has no route to the world, or none through a gateway */
	return own_add(list, &gateway, "this host's gateway");
}

/* Adds those of which every host may have some. */
static int ways_add(struct owns *list)
{
	int err = 0;
	size_t i;

	for (i = 0; i < sizeof(worlds) / sizeof(*worlds) && !err; i++)
		err = gateway_add(worlds[i], list);
	for (i = 0; i < sizeof(resolver_files) / sizeof(*resolver_files) && !err; i++)
		err = resolvers_add(resolver_files[i], list);
	return err;
}

int owns_find(const struct engine *e, const char *session, struct owns *out)
{
	struct prefix p = { .len = 128 };
	int err = locals_add(e, out);

	if (!err && *session && !addr_parse(session, &p.addr))
		err = own_add(out, &p, "your own session");
	return err ?: ways_add(out);
}

static int interface_add(const struct sockaddr *at, struct owns *out)
{
	const void *any = at;
	struct prefix p = { .len = 128 };

	if (at && at->sa_family == AF_INET)
		p.addr = bytes_addr(&((const struct sockaddr_in *)any)->sin_addr, 4);
	else if (at && at->sa_family == AF_INET6)
		p.addr = bytes_addr(&((const struct sockaddr_in6 *)any)->sin6_addr, 16);
	else
		return 0;
	return own_add(out, &p, OWN_ADDRESS);
}

void owns_warn(const struct policy *p, struct diag *d)
{
	__attribute__((cleanup(owns_free))) struct owns owns = {};
	struct ifaddrs *all = NULL, *one;

	if (getifaddrs(&all))
		all = NULL;
	for (one = all; one && !interface_add(one->ifa_addr, &owns); one = one->ifa_next)
		;
	freeifaddrs(all);
	ways_add(&owns); /* what cannot be found out is left out */
	policy_warn(p, &owns, d);
	hidden_warn(p, d);
}
