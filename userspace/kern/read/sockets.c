/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists the host's TCP sockets, and ends some of them: see sockets.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include <linux/sock_diag.h>

#include "cleanup.h"
#include "containers.h"
#include "list.h"
#include "netlink.h"
#include "sockets.h"
#include "tables.h"

#ifndef SOCK_DESTROY
#define SOCK_DESTROY 21
#endif

#define ROUNDS_MAX 20
/* States that hold a slot, or may come to: all except listeners, and memories of what has ended. */
#define LIVE_STATES (~((1U << TCP_LISTEN) | (1U << TCP_TIME_WAIT) | (1U << TCP_CLOSE) | (1U << TCP_SYN_SENT)))

struct sockets {
	struct socket_seen *item;
	size_t count, room;
	const struct sought *what; /* NULL: all */
	int bus; /* a socket of the namespace that is being read */
	uint64_t netns; /* the number of that; 0: the host's */
	struct netns_fds spaces; /* all that are read */
	int err;
};

static struct sluice_addr address_of(uint8_t family, const __be32 words[4])
{
	struct sluice_addr a = {};

	if (family == AF_INET6) {
		memcpy(&a, words, sizeof(a));
		return a;
	}
	a.word[2] = htonl(0xffff);
	a.word[3] = words[0];
	return a;
}

bool address_is_any(const struct sluice_addr *a)
{
	return !a->word[3] && (addr_is_ipv4(a) || (!a->word[0] && !a->word[1] && !a->word[2]));
}

static bool service_has(const struct policy_service *s, const struct sluice_addr *local, uint16_t port)
{
	size_t i;

	for (i = 0; i < s->ports_count && s->ports[i] != port; i++)
		;
	if (i == s->ports_count)
		return false;
	for (i = 0; i < s->addresses.count; i++) {
		if (!memcmp(&s->addresses.item[i], local, sizeof(*local)))
			return true;
	}
	return !s->addresses.count;
}

const struct policy_service *service_at(const struct policy *p, const struct sluice_addr *local, uint16_t port)
{
	size_t i;

	for (i = 0; i < p->services.count; i++) {
		if (service_has(&p->services.item[i], local, port))
			return &p->services.item[i];
	}
	return NULL;
}

static int socket_add(struct sockets *list, const struct socket_seen *s)
{
	struct socket_seen *more = LIST_ADD(list);

	if (!more)
		return -ENOMEM;
	*more = *s;
	return 0;
}

static bool is_sought(const struct sought *what, const struct socket_seen *s)
{
	struct sluice_addr who = engine_who(what->engine, &s->remote, NULL);
	const struct policy_service *at;
	struct live_status allowed;

	if (!cover_holds(what->from, &who))
		return false;
	at = service_at(what->policy, &s->local, s->local_port);
	return at && (!what->service || at == what->service) &&
	       (what->allowed_too || allow_find(what->engine, &s->remote, &allowed));
}

static int socket_read(const struct nlmsghdr *answer, void *arg)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(answer);
	struct sockets *list = arg;
	struct socket_seen s = {
		.local = address_of(m->idiag_family, m->id.idiag_src),
		.remote = address_of(m->idiag_family, m->id.idiag_dst),
		.local_port = ntohs(m->id.idiag_sport),
		.remote_port = ntohs(m->id.idiag_dport),
		.state = m->idiag_state,
		.inode = m->idiag_inode,
		.id = m->id,
		.family = m->idiag_family,
		.bus = list->bus,
	};

	if (list->netns && !published_find(list->what->engine, list->netns, &s.local, &s.local_port))
		return MNL_CB_OK;
	if (list->what && !is_sought(list->what, &s))
		return MNL_CB_OK;
	list->err = socket_add(list, &s);
	return list->err ? MNL_CB_STOP : MNL_CB_OK;
}

static int sockets_read(struct sockets *list, uint32_t states)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	uint8_t room[NETLINK_ROOM] __attribute__((aligned(8)));
	struct inet_diag_req_v2 *want;
	struct nlmsghdr *request;
	void *payload;
	size_t i;
	int err = 0;

	for (i = 0; i < sizeof(families) && !err; i++) {
		request = netlink_request(room, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, sizeof(*want), &payload);
		want = payload;
		want->sdiag_family = families[i];
		want->sdiag_protocol = IPPROTO_TCP;
		want->idiag_states = states;
		err = netlink_ask(NETLINK_SOCK_DIAG, list->bus, request, socket_read, list);
		if (err == -ENOENT) /* there is no IPv6 here */
			err = 0;
		err = err ? err : list->err;
	}
	return err;
}

static void sockets_free(struct sockets *list)
{
	free(list->item);
	netns_fds_free(&list->spaces);
}

int sockets_listening(int bus, struct socket_seen **out, size_t *count)
{
	__attribute__((cleanup(sockets_free))) struct sockets list = { .bus = bus };
	int err = sockets_read(&list, 1U << TCP_LISTEN);

	if (err)
		return err;
	*out = TAKE_PTR(list.item);
	*count = list.count;
	return 0;
}

/* Reads those of this namespace, and of all containers. */
static int sought_read(struct sockets *list)
{
	_cleanup_diag_ struct diag ignored = {};
	int err = engine_netns(list->what->engine, NETNS_SOCKETS, &list->spaces, &ignored);
	size_t i;

	list->bus = NETLINK_HERE;
	if (!err)
		err = sockets_read(list, LIVE_STATES);
	for (i = 0; i < list->spaces.count && !err; i++) {
		list->bus = list->spaces.item[i].fd;
		list->netns = list->spaces.item[i].cookie;
		err = sockets_read(list, LIVE_STATES);
	}
	return err;
}

int sockets_of(const struct sought *what, struct socket_seen **out, size_t *count)
{
	__attribute__((cleanup(sockets_free))) struct sockets list = { .what = what };
	int err = sought_read(&list);

	if (err)
		return err;
	*out = TAKE_PTR(list.item);
	*count = list.count;
	return 0;
}

const char *socket_state(const struct socket_seen *s)
{
	static const char *const names[] = {
		[TCP_ESTABLISHED] = "established", [TCP_SYN_RECV] = "handshake", [TCP_FIN_WAIT1] = "closing",
		[TCP_FIN_WAIT2] = "closing",	   [TCP_CLOSE_WAIT] = "closing", [TCP_LAST_ACK] = "closing",
		[TCP_CLOSING] = "closing",
	};

	return s->state < sizeof(names) / sizeof(*names) && names[s->state] ? names[s->state] : "handshake";
}

static int socket_end(int bus, uint8_t family, const struct inet_diag_sockid *id)
{
	uint8_t room[NETLINK_ROOM] __attribute__((aligned(8)));
	struct inet_diag_req_v2 *want;
	struct nlmsghdr *request;
	void *payload;

	request = netlink_request(room, SOCK_DESTROY, NLM_F_ACK, sizeof(*want), &payload);
	want = payload;
	want->sdiag_family = family;
	want->sdiag_protocol = IPPROTO_TCP;
	want->idiag_states = ~0U;
	want->id = *id;
	return netlink_ask(NETLINK_SOCK_DIAG, bus, request, NULL, NULL);
}

/* Tries it on a socket that cannot exist: from port 0 to port 0. */
int sockets_can_end(void)
{
	const struct inet_diag_sockid nobody = { .idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } };
	int err = socket_end(NETLINK_HERE, AF_INET, &nobody);

	return err == -ENOENT ? 0 : err ? err : -EINVAL;
}

int sockets_end(const struct sought *what, size_t *ended)
{
	size_t count = 1, i, round;
	int err = 0;

	*ended = 0;
	for (round = 0; round < ROUNDS_MAX && count && !err; round++) {
		__attribute__((cleanup(sockets_free))) struct sockets list = { .what = what };

		err = sought_read(&list);
		count = list.count;
		for (i = 0; i < count && !err; i++) {
			err = socket_end(list.item[i].bus, list.item[i].family, &list.item[i].id);
			*ended += !err;
			if (err == -ENOENT) /* it ended by itself meanwhile */
				err = 0;
		}
	}
	return err ? err : count ? -EBUSY : 0;
}
