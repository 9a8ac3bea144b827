/* SPDX-License-Identifier: BSD-2-Clause */
/* The packets between sluiced and its keeper: see message.h. Both ends call it; keeper.c knows what the packets mean. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "message.h"

#define MESSAGE_MAX 65536

/* Room for the descriptors that go with a message. */
union passengers {
	char room[CMSG_SPACE(NETNS_MAX * sizeof(int))];
	struct cmsghdr align;
};

/* Loads the descriptors of those namespaces that have one; they stay the caller's. */
static size_t passengers_load(union passengers *p, const struct netns_fds *spaces)
{
	int fd[NETNS_MAX];
	size_t n = 0, i;

	for (i = 0; spaces && i < spaces->count && n < NETNS_MAX; i++) {
		if (spaces->item[i].fd >= 0)
			fd[n++] = spaces->item[i].fd;
	}
	if (!n)
		return 0;
	memset(p, 0, sizeof(*p));
	p->align = (struct cmsghdr){ CMSG_LEN(n * sizeof(*fd)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(&p->align), fd, n * sizeof(*fd));
	return CMSG_SPACE(n * sizeof(*fd));
}

int message_send(int to, json_t *message, const struct netns_fds *spaces)
{
	_cleanup_free_ char *text = json_dumps(message, JSON_COMPACT);
	struct iovec data = { text, text ? strlen(text) : 0 };
	union passengers with;
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &with };
	ssize_t n;

	m.msg_controllen = passengers_load(&with, spaces);
	if (!m.msg_controllen)
		m.msg_control = NULL;
	n = text ? sendmsg(to, &m, MSG_NOSIGNAL) : -1;
	json_decref(message);
	return n < 0 ? -EPIPE : 0;
}

json_t *message_read(int from, int fd[static NETNS_MAX], size_t *count)
{
	char text[MESSAGE_MAX];
	struct iovec data = { text, sizeof(text) };
	union passengers with;
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &with, .msg_controllen = sizeof(with) };
	struct cmsghdr *c;
	ssize_t n;

	*count = 0;
	do {
		n = recvmsg(from, &m, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		*count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(*fd);
		memcpy(fd, CMSG_DATA(c), *count * sizeof(*fd));
	}
	return n > 0 ? json_loadb(text, n, 0, NULL) : NULL;
}
