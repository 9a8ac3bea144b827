/* SPDX-License-Identifier: BSD-2-Clause */
/* Sends netlink requests to the kernel, and reads each answer to its end: see netlink.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include <linux/rtnetlink.h>

#include "netlink.h"

static void bus_close(struct mnl_socket *bus)
{
	mnl_socket_close(bus);
}
DEFINE_CLEANUP(struct mnl_socket *, bus_close);

struct nlmsghdr *netlink_request(void *room, unsigned int type, unsigned int flags, size_t extra, void **payload)
{
	struct nlmsghdr *request;

	memset(room, 0, NETLINK_ROOM);
	request = mnl_nlmsg_put_header(room);
	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	request->nlmsg_seq = 1;
	*payload = mnl_nlmsg_put_extra_header(request, extra);
	return request;
}

/* The caller's own bus stays open. Returns NULL with errno. */
static struct mnl_socket *bus_open(int bus, int by)
{
	int fd = by == NETLINK_HERE ? -1 : fcntl(by, F_DUPFD_CLOEXEC, 3);
	struct mnl_socket *on = by == NETLINK_HERE ? mnl_socket_open2(bus, SOCK_CLOEXEC)
				: fd < 0	   ? NULL
						   : mnl_socket_fdopen(fd);

	if (!on && fd >= 0)
		close(fd);
	if (on && !mnl_socket_get_portid(on) && mnl_socket_bind(on, 0, MNL_SOCKET_AUTOPID)) {
		mnl_socket_close(on);
		return NULL;
	}
	return on;
}

static int ask(struct mnl_socket *on, struct nlmsghdr *request, mnl_cb_t each, void *arg)
{
	_cleanup_free_ char *room = malloc(NETLINK_ANSWER);
	int more = MNL_CB_OK;
	ssize_t n;

	if (!room)
		return -ENOMEM;
	if (!on || mnl_socket_sendto(on, request, request->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		n = mnl_socket_recvfrom(on, room, NETLINK_ANSWER);
		if (n < 0)
			return -errno;
		more = mnl_cb_run(room, n, request->nlmsg_seq, mnl_socket_get_portid(on), each, arg);
	}
	return more < 0 ? -errno : 0;
}

int netlink_ask(int bus, int by, struct nlmsghdr *request, mnl_cb_t each, void *arg)
{
	_cleanup_(bus_close) struct mnl_socket *on = bus_open(bus, by);

	return ask(on, request, each, arg);
}

int netlink_ask_strictly(int bus, struct nlmsghdr *request, mnl_cb_t each, void *arg)
{
	_cleanup_(bus_close) struct mnl_socket *on = bus_open(bus, NETLINK_HERE);
	int yes = 1;

	if (on && mnl_socket_setsockopt(on, NETLINK_GET_STRICT_CHK, &yes, sizeof(yes)))
		return -errno;
	return ask(on, request, each, arg);
}

bool route_is_local(const struct nlmsghdr *message)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);

	return route->rtm_type == RTN_LOCAL;
}
