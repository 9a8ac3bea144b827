/* SPDX-License-Identifier: BSD-2-Clause */
/* The process that speaks to the store, as the daemon has it: see fleet_helper.h. Owns the socket and the events of it. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <sodium.h>

#include "fleet_helper.h"
#include "keeper.h"

#define AGAIN_SECONDS 1 /* delay until a process that ended is started again */
#define MESSAGES_MOST 64 /* most messages read at once, before other events have their turn */

struct fleet_helper {
	struct daemon *daemon;
	char *config; /* contains a password */
	char *policy; /* NULL: nothing is sent about it */
	const struct fleet_ear *ear;
	void *arg;
	int fd; /* -1 if it is not there */
	struct event *readable, *again;
	union {
		struct fleet_head head;
		uint64_t aligned; /* rows begin at a multiple of their alignment */
		char bytes[FLEET_MESSAGE_MAX + 1];
	} in;
};

static int send_message(int fd, uint32_t type, uint32_t count, const void *body, size_t len)
{
	struct fleet_head head = { type, count };
	struct iovec part[] = { { &head, sizeof(head) }, { (void *)(uintptr_t)body, len } };
	const struct msghdr message = { .msg_iov = part, .msg_iovlen = 2 };

	if (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == EAGAIN || errno == ENOBUFS ? -EAGAIN : -EPIPE;
}

static void hang_up(struct fleet_helper *h)
{
	if (h->readable)
		event_free(h->readable);
	h->readable = NULL;
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}

static void start_later(struct fleet_helper *h)
{
	const struct timeval wait = { AGAIN_SECONDS, 0 };

	event_add(h->again, &wait);
}

static void lose(struct fleet_helper *h, const char *why)
{
	hang_up(h);
	h->ear->gone(h->arg, why);
	start_later(h);
}

/* Receives rows, each of which was found complete. */
static void hear_rows(struct fleet_helper *h, const void *rows)
{
	const struct fleet_lease *lease = rows;
	const struct fleet_need *need = rows;
	uint32_t i;

	for (i = 0; i < h->in.head.count && h->in.head.type == FLEET_LEASES; i++)
		h->ear->lease(h->arg, &lease[i]);
	for (i = 0; i < h->in.head.count && h->in.head.type == FLEET_NEEDS; i++)
		h->ear->need(h->arg, need[i].key);
}

/* Makes sure that texts end within their fields. */
static void hear_state(struct fleet_helper *h, const void *row)
{
	struct fleet_state s;

	memcpy(&s, row, sizeof(s));
	s.server[sizeof(s.server) - 1] = 0;
	s.version[sizeof(s.version) - 1] = 0;
	s.error[sizeof(s.error) - 1] = 0;
	h->ear->state(h->arg, &s);
}

static void hear(struct fleet_helper *h, size_t len)
{
	const char *body = h->in.bytes + sizeof(h->in.head);

	if (len > FLEET_MESSAGE_MAX || !fleet_fits(&h->in.head, len))
		h->ear->odd(h->arg);
	else if (h->in.head.type == FLEET_STATE && h->in.head.count == 1)
		hear_state(h, body);
	else if (h->in.head.type == FLEET_HOSTS)
		h->ear->hosts(h->arg, body, h->in.head.count);
	else if (h->in.head.type == FLEET_HELD)
		h->ear->held(h->arg, body, h->in.head.count);
	else if (h->in.head.type == FLEET_RECORDS)
		h->ear->records(h->arg, (const void *)body, h->in.head.count);
	else if (h->in.head.type == FLEET_LEASES || h->in.head.type == FLEET_NEEDS)
		hear_rows(h, body);
	else
		h->ear->odd(h->arg);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct fleet_helper *h = arg;
	ssize_t len = 1;
	int i;

	(void)what;
	for (i = 0; i < MESSAGES_MOST && h->fd >= 0 && len > 0; i++) {
		len = recv(fd, h->in.bytes, sizeof(h->in.bytes), MSG_DONTWAIT | MSG_TRUNC);
		if (len > 0)
			hear(h, len);
	}
	if (!len || (len < 0 && errno != EAGAIN))
		lose(h, FLEET_PROGRAM " has ended");
}

static void policy_say(const struct fleet_helper *h)
{
	if (h->policy && h->fd >= 0)
		send_message(h->fd, FLEET_POLICY, strlen(h->policy), h->policy, strlen(h->policy));
}

/* Returns NULL, or why it could not be started. */
static const char *start(struct fleet_helper *h, struct diag *d)
{
	h->fd = keeper_fleet(h->daemon, true, d);
	if (h->fd < 0)
		return d->count ? d->item[0].text : FLEET_PROGRAM " cannot be started";
	h->readable = event_new(h->daemon->loop, h->fd, EV_READ | EV_PERSIST, on_readable, h);
	if (!h->readable || event_add(h->readable, NULL) ||
	    send_message(h->fd, FLEET_CONFIG, strlen(h->config), h->config, strlen(h->config)))
		return FLEET_PROGRAM " takes no message";
	policy_say(h);
	return NULL;
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct fleet_helper *h = arg;
	struct diag d = {};
	const char *why = start(h, &d);

	(void)fd;
	(void)what;
	if (why)
		lose(h, why);
	diag_free(&d);
}

static void config_free(char *config)
{
	sodium_memzero(config, strlen(config));
	free(config);
}

struct fleet_helper *fleet_helper_new(struct daemon *dm, char *config, const struct fleet_ear *ear, void *arg)
{
	struct fleet_helper *h = calloc(1, sizeof(*h));

	if (h)
		*h = (struct fleet_helper){ .daemon = dm, .config = config, .ear = ear, .arg = arg, .fd = -1 };
	if (h)
		h->again = event_new(dm->loop, -1, 0, on_again, h);
	if (!h || !h->again) {
		config_free(config);
		free(h);
		return NULL;
	}
	on_again(-1, 0, h);
	return h;
}

void fleet_helper_free(struct fleet_helper *h)
{
	struct diag d = {};

	if (!h)
		return;
	hang_up(h);
	event_free(h->again);
	if (h->daemon->keeper >= 0)
		keeper_fleet(h->daemon, false, &d);
	diag_free(&d);
	config_free(h->config);
	free(h->policy);
	free(h);
}

void fleet_helper_policy(struct fleet_helper *h, char *text)
{
	free(h->policy);
	h->policy = text;
	policy_say(h);
}

void fleet_helper_look(struct fleet_helper *h, const struct fleet_need *rows, size_t count)
{
	if (h->fd >= 0)
		send_message(h->fd, FLEET_LOOK, count, rows, count * sizeof(*rows));
}

int fleet_helper_send(struct fleet_helper *h, const struct fleet_want *rows, size_t count)
{
	return h->fd < 0 ? -EPIPE : send_message(h->fd, FLEET_EXCHANGE, count, rows, count * sizeof(*rows));
}

int fleet_helper_put(struct fleet_helper *h, const struct fleet_record *rows, size_t count)
{
	return h->fd < 0 ? -EPIPE : send_message(h->fd, FLEET_PUT, count, rows, count * sizeof(*rows));
}
