/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection to a server of the store: see fleet_link.h. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "cleanup.h"
#include "fleet_link.h"

#define QUESTIONS_MAX 256 /* most that wait for their answers; a power of two */

struct question {
	link_answer *then;
	void *about;
};

struct link {
	struct link_owner to;
	struct bufferevent *stream;
	redisReader *reader;
	redisReplyObjectFunctions functions;
	struct question waiting[QUESTIONS_MAX];
	unsigned first, next; /* in `waiting`: where the oldest is, and where there is room */
	size_t fed; /* since the last whole answer */
	bool broken;
};

static void *(*array_create)(const redisReadTask *task, int elements); /* owned by hiredis */

/* hiredis allocates memory for as many parts as the server announces. */
static void *array_create_bounded(const redisReadTask *task, int elements)
{
	return elements > LINK_PARTS_MAX ? NULL : array_create(task, elements);
}

static bool reader_make(struct link *l)
{
	l->reader = redisReaderCreate();
	if (!l->reader)
		return false;
	l->functions = *l->reader->fn;
	array_create = l->functions.createArray;
	l->functions.createArray = array_create_bounded;
	l->reader->fn = &l->functions;
	return true;
}

static void link_break(struct link *l, const char *why)
{
	if (l->broken)
		return;
	l->broken = true;
	bufferevent_disable(l->stream, EV_READ | EV_WRITE);
	l->to.broken(l->to.owner, why);
}

/* Messages of a channel come between answers. */
static bool is_message(const redisReply *answer)
{
	return answer->type == REDIS_REPLY_ARRAY && answer->elements == 3 &&
	       answer->element[0]->type == REDIS_REPLY_STRING && !strcmp(answer->element[0]->str, "message");
}

static void answer_deliver(struct link *l, const redisReply *answer)
{
	struct question q = {};

	if (l->to.message && is_message(answer)) {
		l->to.message(l->to.owner, NULL, answer);
	} else if (l->first != l->next) {
		q = l->waiting[l->first++ % QUESTIONS_MAX];
		q.then(l->to.owner, q.about, answer);
	} else {
		link_break(l, "it answers what nobody asked");
	}
}

/* Returns whether there was a whole one. */
static bool answer_next(struct link *l)
{
	void *answer = NULL;

	if (redisReaderGetReply(l->reader, &answer) != REDIS_OK) {
		link_break(l, "it does not speak the protocol of Redis, or its answer is too large");
		return false;
	}
	if (!answer)
		return false;
	l->fed = 0;
	answer_deliver(l, answer);
	freeReplyObject(answer);
	return !l->broken;
}

static void on_read(struct bufferevent *stream, void *arg)
{
	struct link *l = arg;
	char bytes[16384];
	size_t count;

	while (!l->broken && (count = bufferevent_read(stream, bytes, sizeof(bytes)))) {
		l->fed += count;
		if (redisReaderFeed(l->reader, bytes, count) != REDIS_OK)
			link_break(l, "there is no memory for its answer");
		while (!l->broken && answer_next(l))
			;
		if (l->fed > LINK_ANSWER_MAX)
			link_break(l, "its answer does not end");
	}
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
	int one = 1, error = EVUTIL_SOCKET_ERROR(), unknown = bufferevent_socket_get_dns_error(stream);
	struct link *l = arg;

	if (what & BEV_EVENT_CONNECTED) /* for a path this fails, and nothing is lost */
		setsockopt(bufferevent_getfd(stream), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	else if (unknown)
		link_break(l, evutil_gai_strerror(unknown));
	else
		link_break(l, what & BEV_EVENT_EOF ? "it closed the connection" : evutil_socket_error_to_string(error));
}

static int stream_connect(struct bufferevent *stream, struct evdns_base *names, const struct server *to)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX };

	if (to->port)
		return bufferevent_socket_connect_hostname(stream, names, AF_UNSPEC, to->host, to->port);
	snprintf(path.sun_path, sizeof(path.sun_path), "%s", to->host);
	return bufferevent_socket_connect(stream, (struct sockaddr *)&path, sizeof(path));
}

struct link *link_open(struct event_base *base, struct evdns_base *names, const struct server *to,
		       const struct link_owner *o)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->to = *o;
	/* Callbacks are deferred: what fails at once is reported after link_open() has returned. */
	l->stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (!l->stream || !reader_make(l)) {
		link_close(l);
		return NULL;
	}
	bufferevent_setcb(l->stream, on_read, NULL, on_event, l);
	bufferevent_enable(l->stream, EV_READ | EV_WRITE);
	if (stream_connect(l->stream, names, to))
		bufferevent_trigger_event(l->stream, BEV_EVENT_ERROR, 0);
	return l;
}

int link_ask(struct link *l, link_answer *then, void *about, int argc, const char **argv, const size_t *length)
{
	char *text = NULL;
	int size, err = -ENOMEM;

	if (l->next - l->first == QUESTIONS_MAX)
		return -ENOMEM;
	size = redisFormatCommandArgv(&text, argc, argv, length);
	if (size > 0 && !bufferevent_write(l->stream, text, size)) {
		l->waiting[l->next++ % QUESTIONS_MAX] = (struct question){ then, about };
		err = 0;
	}
	if (size > 0)
		redisFreeCommand(text);
	return err;
}

void link_close(struct link *l)
{
	if (!l)
		return;
	for (; l->first != l->next; l->first++) {
		if (l->to.drop)
			l->to.drop(l->waiting[l->first % QUESTIONS_MAX].about);
	}
	if (l->stream)
		bufferevent_free(l->stream);
	if (l->reader)
		redisReaderFree(l->reader);
	free(l);
}
