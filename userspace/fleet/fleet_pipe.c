/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages from and to sluiced: see fleet_pipe.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fleet_pipe.h"

#define WAITING_MAX 64 /* messages; leases always find room, because fleet_store.c asks no more while many wait */

struct message {
	struct message *next;
	size_t length;
	struct fleet_head head; /* followed by its rows */
};

struct pipe {
	struct pipe_owner to;
	struct event_base *base;
	struct event *readable, *writable;
	int fd;
	bool on; /* whether the other end has room */
	size_t waiting;
	struct message *first, **last;
	union {
		struct fleet_head head;
		uint64_t aligned;
		char bytes[FLEET_MESSAGE_MAX];
	} in;
};

static void reading_set(struct pipe *p)
{
	if (p->on && p->waiting < WAITING_MAX / 2)
		event_add(p->readable, NULL);
	else
		event_del(p->readable);
}

static void message_receive(struct pipe *p, size_t length)
{
	const void *rows = &p->in.head + 1;

	if (!fleet_fits(&p->in.head, length))
		return;
	if (p->in.head.type == FLEET_CONFIG)
		p->to.config(p->to.owner, rows, p->in.head.count);
	else if (p->in.head.type == FLEET_EXCHANGE)
		p->to.exchange(p->to.owner, rows, p->in.head.count);
	else if (p->in.head.type == FLEET_POLICY)
		p->to.policy(p->to.owner, rows, p->in.head.count);
	else if (p->in.head.type == FLEET_LOOK)
		p->to.look(p->to.owner, rows, p->in.head.count);
	else if (p->in.head.type == FLEET_PUT)
		p->to.put(p->to.owner, rows, p->in.head.count);
}

static void on_readable(int fd, short what, void *arg)
{
	struct pipe *p = arg;
	ssize_t length = recv(fd, p->in.bytes, sizeof(p->in.bytes), MSG_DONTWAIT | MSG_TRUNC);

	(void)what;
	if (length > 0)
		message_receive(p, length);
	else if (!length || (errno != EAGAIN && errno != EINTR))
		event_base_loopbreak(p->base);
}

/* Returns false if it has to wait. If the other end is gone, on_readable() ends the loop. */
static bool message_send(const struct pipe *p, const struct fleet_head *head, size_t length)
{
	return send(p->fd, head, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || (errno != EAGAIN && errno != EINTR);
}

static void on_writable(int fd, short what, void *arg)
{
	struct pipe *p = arg;
	struct message *m;

	(void)fd;
	(void)what;
	while ((m = p->first) && message_send(p, &m->head, m->length)) {
		p->first = m->next;
		p->last = p->first ? p->last : &p->first;
		p->waiting--;
		free(m);
	}
	if (p->first)
		event_add(p->writable, NULL);
	reading_set(p);
}

struct pipe *pipe_open(struct event_base *base, int fd, const struct pipe_owner *o)
{
	struct pipe *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->to = *o;
	p->base = base;
	p->fd = fd;
	p->last = &p->first;
	p->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, p);
	p->writable = event_new(base, fd, EV_WRITE, on_writable, p);
	if (!p->readable || !p->writable) {
		pipe_close(p);
		return NULL;
	}
	pipe_read_on(p, true);
	return p;
}

void pipe_close(struct pipe *p)
{
	struct message *m;

	while ((m = p->first)) {
		p->first = m->next;
		free(m);
	}
	if (p->readable)
		event_free(p->readable);
	if (p->writable)
		event_free(p->writable);
	free(p);
}

void pipe_send(struct pipe *p, enum fleet_type type, const void *rows, size_t count)
{
	size_t length = sizeof(struct fleet_head) + count * fleet_row_size(type);
	struct message *m;

	if (p->waiting >= WAITING_MAX && type != FLEET_LEASES && type != FLEET_RECORDS)
		return;
	m = malloc(sizeof(*m) - sizeof(m->head) + length);
	if (!m)
		return;
	m->next = NULL;
	m->length = length;
	m->head = (struct fleet_head){ type, count };
	memcpy(&m->head + 1, rows, length - sizeof(m->head));
	*p->last = m;
	p->last = &m->next;
	p->waiting++;
	on_writable(p->fd, EV_WRITE, p);
}

bool pipe_has_room(const struct pipe *p)
{
	return p->waiting < WAITING_MAX / 2;
}

void pipe_read_on(struct pipe *p, bool on)
{
	p->on = on;
	reading_set(p);
}
