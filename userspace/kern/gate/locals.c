/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps the table `locals`: which addresses are this host's own, as its routing tables say (so AnyIP and VRFs count, too), and which
 * interface has each. The daemon fills it before any gate is attached, and again whenever links.c hears of a change.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "internal.h"
#include "list.h"
#include "netlink.h"

#define TRIES 4 /* most tries of a dump during which the tables changed */

struct local {
	struct sluice_prefix_key key;
	struct sluice_local is;
};

struct locals {
	struct local *item;
	size_t count, room;
	bool failed;
};

static void locals_free(struct locals *l)
{
	free(l->item);
}

static int local_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sluice_prefix_key));
}

struct route {
	const struct nlattr *to;
	unsigned int link;
};

static int attr_read(const struct nlattr *attr, void *arg)
{
	struct route *r = arg;

	if (mnl_attr_get_type(attr) == RTA_DST)
		r->to = attr;
	if (mnl_attr_get_type(attr) == RTA_OIF)
		r->link = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int route_read(const struct nlmsghdr *answer, void *arg)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(answer);
	bool ipv4 = route->rtm_family == AF_INET;
	struct locals *all = arg;
	struct route r = {};
	struct local *l;

	if (!route_is_local(answer) || mnl_attr_parse(answer, sizeof(*route), attr_read, &r) < 0)
		return MNL_CB_OK;
	l = LIST_ADD(all);
	if (!l) {
		all->failed = true;
		return MNL_CB_STOP;
	}
	*l = (struct local){ .key.prefixlen = route->rtm_dst_len + (ipv4 ? 96 : 0) };
	if (ipv4)
		l->key.addr.word[2] = htonl(0xffff);
	if (r.to)
		memcpy(&l->key.addr.word[ipv4 ? 3 : 0], mnl_attr_get_payload(r.to), ipv4 ? 4 : 16);
	if (l->key.prefixlen == 128)
		l->is.ifindex = r.link;
	return MNL_CB_OK;
}

/* Even if a table has a million routes, the kernel returns only the local ones. */
static int family_ask(int family, struct locals *all)
{
	uint8_t room[NETLINK_ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *request;
	size_t before = all->count;
	struct rtmsg *route;
	int err = 0, i;
	void *payload;

	for (i = 0; i < TRIES; i++) {
		all->count = before;
		request = netlink_request(room, RTM_GETROUTE, NLM_F_DUMP, sizeof(*route), &payload);
		route = payload;
		route->rtm_family = family;
		route->rtm_type = RTN_LOCAL;
		err = netlink_ask_strictly(NETLINK_ROUTE, request, route_read, all);
		if (all->failed)
			return -ENOMEM;
		if (err != -EINTR)
			break;
	}
	return err;
}

/* Keeps an address that several interfaces have once, and as belonging to none. */
static void locals_merge(struct locals *l)
{
	size_t kept = 0, i;

	if (!l->count)
		return;
	qsort(l->item, l->count, sizeof(*l->item), local_compare);
	for (i = 1; i < l->count; i++) {
		if (local_compare(&l->item[kept], &l->item[i]))
			l->item[++kept] = l->item[i];
		else if (l->item[kept].is.ifindex != l->item[i].is.ifindex)
			l->item[kept].is.ifindex = 0;
	}
	l->count = kept + 1;
}

static const struct local *local_find(const struct locals *l, const struct sluice_prefix_key *key)
{
	return l->count ? bsearch(key, l->item, l->count, sizeof(*l->item), local_compare) : NULL;
}

/* Makes everybody who remembers an answer of the table ask again. */
static int locals_changed(const struct engine *e)
{
	__u64 before;

	return control_count(e, offsetof(struct sluice_control, locals), &before);
}

/* Adds what is new before it removes what is gone: an address that stays is never missing. */
static int locals_put(const struct engine *e, const struct locals *want)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_prefix_key *key;
	const struct local *l;
	size_t count = 0, i;
	int err = 0;

	for (l = want->item; l < want->item + want->count && !err; l++)
		err = bpf_map_update_elem(e->map[MAP_locals], &l->key, &l->is, BPF_ANY);
	if (!err)
		err = table_read(e->map[MAP_locals], sizeof(*key), sizeof(struct sluice_local), &keys, &values, &count);
	key = keys;
	for (i = 0; i < count && !err; i++) {
		if (!local_find(want, &key[i]))
			err = bpf_map_delete_elem(e->map[MAP_locals], &key[i]);
	}
	return err;
}

/* All addresses count as the host's own then: what was guarded before stays guarded. */
static void locals_give_up(const struct engine *e, int err, struct diag *d)
{
	const struct sluice_prefix_key all = {};
	const struct sluice_local any = {};

	bpf_map_update_elem(e->map[MAP_locals], &all, &any, BPF_ANY);
	locals_changed(e);
	diag_add(
		d,
		"cannot tell which addresses are this host's own: %s: packets that it only forwards are judged, too, to services "
		"without `addresses`",
		err == -ENOSPC ? "there are too many" : strerror(-err));
}

int engine_locals(struct engine *e, struct diag *d)
{
	__attribute__((cleanup(locals_free))) struct locals now = {};
	int err = family_ask(AF_INET, &now);

	if (!err || err == -EOPNOTSUPP)
		err = family_ask(AF_INET6, &now);
	if (err == -EOPNOTSUPP) /* booted without IPv6 */
		err = 0;
	if (!err) {
		locals_merge(&now);
		err = locals_put(e, &now);
		if (!err)
			err = locals_changed(e);
	}
	if (err)
		locals_give_up(e, err, d);
	return err;
}

static bool is_loopback(const struct sluice_addr *a)
{
	const struct in6_addr *six = (const void *)a;

	return addr_is_ipv4(a) ? ntohl(a->word[3]) >> 24 == IN_LOOPBACKNET : IN6_IS_ADDR_LOOPBACK(six);
}

/* Returns how well an address of the table stands for "any address of the host". */
static int local_rank(const struct engine *e, const struct sluice_prefix_key *key, const struct sluice_local *l,
		      bool ipv4)
{
	if (key->prefixlen != 128 || addr_is_ipv4(&key->addr) != ipv4)
		return 0;
	return link_is_guarded(e, l->ifindex) ? 3 : is_loopback(&key->addr) ? 1 : 2;
}

int engine_local_any(const struct engine *e, bool ipv4, struct sluice_addr *out)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_prefix_key *key;
	const struct sluice_local *l;
	size_t count = 0, i;
	int err, best = 0, rank;

	err = table_read(e->map[MAP_locals], sizeof(*key), sizeof(*l), &keys, &values, &count);
	key = keys;
	l = values;
	for (i = 0; i < count && !err; i++) {
		rank = local_rank(e, &key[i], &l[i], ipv4);
		if (rank <= best)
			continue;
		best = rank;
		*out = key[i].addr;
	}
	return err ? err : best ? 0 : -ENOENT;
}
