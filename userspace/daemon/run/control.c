/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket. Every client gets an answer or is cut off; nothing that it sends can end the daemon. */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <string.h>
#include <syslog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "clients.h"
#include "fleet_host.h"
#include "hear.h"
#include "instance.h"
#include "json_text.h"
#include "protocol.h"

#define AGAIN_MS 5 /* between two checks for what a request waits for ... */
#define ROUNDS_MOST 50 /* ... at most this many of them */
#define CLIENTS_MAX 64
#define GUESTS_MAX 48 /* most clients that are not root: they cannot keep root out */
#define IDLE_SECONDS 10
#define WATCHERS_MAX 16
#define GUESTS_WATCHING_MAX 12 /* most watchers that are not root */

static unsigned int guests_count(const struct daemon *dm)
{
	const struct client *c;
	unsigned int n = 0;

	LIST_FOREACH(c, &dm->clients, next) n += c->uid != 0;
	return n;
}

static void client_close(struct client *c)
{
	c->daemon->clients_count--;
	LIST_REMOVE(c, next);
	bufferevent_free(c->stream);
	if (c->watching && !clients_watching(c->daemon))
		hear_watch(c->daemon, false);
	json_decref(c->request);
	json_decref(c->later);
	if (c->again)
		event_free(c->again);
	if (c->daemon->unloaded)
		event_base_loopbreak(c->daemon->loop);
	free(c);
}

static void client_send(struct client *c, json_t *answer)
{
	c->answered = true;
	bufferevent_disable(c->stream, EV_READ);
	client_line_send(c, answer);
	json_decref(answer);
}

/* The connection stays open; all that can still come is its end. */
static void client_watch(struct client *c, json_t *answer)
{
	c->watching = true;
	client_line_send(c, answer);
	json_decref(answer);
}

static json_t *answer_json(struct answer *a)
{
	_cleanup_free_ char *text = diag_text(&a->diag);

	if (a->exit)
		return json_pack("{s:b, s:o, s:o, s:i}", "ok", 0, "error", json_lines(text && *text ? text : "failed"),
				 "errors", json_errors(&a->diag), "exit", a->exit);
	return json_pack("{s:b, s:o, s:o, s:o, s:o}", "ok", 1, "data", a->data ? json_incref(a->data) : json_null(),
			 "text", json_lines(a->text), "warning", json_lines(text), "warnings", json_errors(&a->diag));
}

/*
 * Whether nobody waits for the answer any more: then what the client asked for is not done, because it was told so. A client that only
 * stopped sending still listens.
 */
static bool client_has_gone(const struct client *c)
{
	struct pollfd at = { .fd = bufferevent_getfd(c->stream) };

	return poll(&at, 1, 0) == 1 && at.revents & (POLLHUP | POLLERR);
}

static void client_answer(struct client *c, json_t *request, char *body, size_t body_len);

static void again_set(struct client *c)
{
	const struct timeval wait = { 0, AGAIN_MS * 1000 };

	event_add(c->again, &wait);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	(void)fd;
	(void)what;
	if (fleet_looks(c->daemon) && c->rounds++ < ROUNDS_MOST)
		again_set(c);
	else
		client_answer(c, TAKE_PTR(c->later), NULL, 0);
}

/* Waits if the answer would be better in a moment, when the fleet's store has answered. Returns true if the request is asked again then. */
static bool client_waits(struct client *c, json_t *request, const struct answer *a)
{
	if (!a->later || a->exit || c->again)
		return false;
	c->again = event_new(c->daemon->loop, -1, 0, on_again, c);
	if (!c->again)
		return false;
	c->later = json_incref(request);
	bufferevent_disable(c->stream, EV_READ);
	fleet_looks(c->daemon);
	again_set(c);
	return true;
}

/* Takes over `request`. `body` is NULL if nothing goes with it. */
static void client_answer(struct client *c, json_t *request, char *body, size_t body_len)
{
	struct answer a = { .uid = c->uid, .pid = c->pid, .body = body, .body_len = body_len };

	if (json_is_object(request)) {
		verb_run(c->daemon, request, &a);
	} else {
		diag_add(&a.diag, "the request is not a JSON object on one line");
		a.exit = EXIT_BAD;
	}
	if (a.stream && !a.exit && clients_watching(c->daemon) >= (c->uid ? GUESTS_WATCHING_MAX : WATCHERS_MAX)) {
		diag_add(&a.diag, "%u clients are watching already: end one of them", clients_watching(c->daemon));
		a.exit = EXIT_FAILED;
	}
	if (client_waits(c, request, &a))
		; /* nothing has been sent yet */
	else if (a.stream && !a.exit)
		client_watch(c, answer_json(&a));
	else
		client_send(c, answer_json(&a));
	json_decref(request);
	json_decref(a.data);
	free(a.text);
	diag_free(&a.diag);
}

static void client_refuse_request(struct client *c, const char *why)
{
	client_send(c, json_pack("{s:b, s:s, s:i}", "ok", 0, "error", why, "exit", EXIT_BAD));
}

/* Reads the bytes behind a request, once all have arrived. */
static void client_body(struct client *c, struct evbuffer *in)
{
	char *body;

	if (!c->request || c->answered || evbuffer_get_length(in) < c->body_len)
		return;
	body = malloc(c->body_len + 1);
	if (!body) {
		client_refuse_request(c, "out of memory");
		return;
	}
	evbuffer_remove(in, body, c->body_len);
	body[c->body_len] = 0;
	client_answer(c, TAKE_PTR(c->request), body, c->body_len);
	free(body);
}

/* A line has arrived. Only root may send more than that: others cannot make the daemon store it. */
static void client_line(struct client *c, const char *line, size_t len, struct evbuffer *in)
{
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *bytes = json_object_get(request, "bytes");

	if (!bytes || c->uid) {
		client_answer(c, request, NULL, 0);
		return;
	}
	if (!json_is_integer(bytes) || json_integer_value(bytes) < 0 || json_integer_value(bytes) > BODY_MAX) {
		json_decref(request);
		client_refuse_request(c, "the file is longer than 32 MB: split it");
		return;
	}
	c->request = request;
	c->body_len = json_integer_value(bytes);
	bufferevent_setwatermark(c->stream, EV_READ, 0, c->body_len + REQUEST_MAX);
	client_body(c, in);
}

static void on_read(struct bufferevent *stream, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(stream);
	struct client *c = arg;
	char *line = NULL;
	size_t len;

	c->idle = 0;
	if (c->watching)
		evbuffer_drain(in, evbuffer_get_length(in));
	if (c->answered || c->watching)
		return;
	if (!c->request)
		line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
	if (line && client_has_gone(c))
		client_close(c);
	else if (line)
		client_line(c, line, len, in);
	else if (!c->request && evbuffer_get_length(in) >= REQUEST_MAX)
		client_refuse_request(c, "the request is too long");
	else
		client_body(c, in);
	free(line);
}

static void on_write(struct bufferevent *stream, void *arg)
{
	struct client *c = arg;

	(void)stream;
	if (c->answered)
		client_close(c);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
	(void)stream;
	(void)what;
	client_close(arg);
}

static bool has_room(const struct daemon *dm, uid_t uid)
{
	return dm->clients_count < CLIENTS_MAX && (!uid || guests_count(dm) < GUESTS_MAX);
}

/* Says why, and closes the connection. */
static void client_refuse(int fd)
{
	static const char full[] =
		"{\"ok\": false, \"error\": \"too many requests at the same time: try again\", \"exit\": 1}\n";

	send(fd, full, sizeof(full) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len, void *arg)
{
	struct client *c = calloc(1, sizeof(*c));
	struct daemon *dm = arg;
	struct ucred peer;
	socklen_t size = sizeof(peer);

	(void)listener;
	(void)from;
	(void)len;
	if (c && !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) && has_room(dm, peer.uid))
		c->stream = bufferevent_socket_new(dm->loop, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c || !c->stream) {
		free(c);
		client_refuse(fd);
		return;
	}
	c->daemon = dm;
	c->uid = peer.uid;
	c->pid = peer.pid;
	dm->crowded = false;
	dm->clients_count++;
	LIST_INSERT_HEAD(&dm->clients, c, next);
	bufferevent_setcb(c->stream, on_read, on_write, on_event, c);
	bufferevent_setwatermark(c->stream, EV_READ, 0, REQUEST_MAX);
	bufferevent_enable(c->stream, EV_READ | EV_WRITE);
}

/* No descriptor is free. The listener rests until control_tick(), because its loop would spin otherwise. */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
	struct daemon *dm = arg;

	if (!dm->crowded)
		log_say(LOG_ERR, "cannot accept on the control socket: %s: raise LimitNOFILE, or close what is open",
			strerror(errno));
	dm->crowded = true;
	evconnlistener_disable(listener);
}

/*
 * Counts the loop's seconds, not a clock's: while a command keeps the loop busy nobody is idle, neither the client that waits for its
 * answer nor one that asked meanwhile.
 */
static void client_tick(struct client *c)
{
	size_t unsent = evbuffer_get_length(bufferevent_get_output(c->stream));

	c->idle = unsent == c->unsent ? c->idle + 1 : 0;
	c->unsent = unsent;
	if (c->idle > IDLE_SECONDS && !c->watching)
		client_close(c);
}

void control_tick(struct daemon *dm)
{
	struct client *c = LIST_FIRST(&dm->clients), *next;

	evconnlistener_enable(dm->listener);
	for (; c; c = next) {
		next = LIST_NEXT(c, next);
		client_tick(c);
	}
}

/* Root may write; members of the group, if there is one, may connect and read. */
static int socket_guard(const char *path)
{
	const struct group *group = getgrnam(SLUICE_GROUP);

	if (group && chown(path, 0, group->gr_gid))
		return -errno;
	return chmod(path, group ? 0660 : 0600) ? -errno : 0;
}

static int socket_listen(const struct sockaddr_un *at)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err, taken;
	mode_t mask;

	if (fd < 0)
		return -errno;
	unlink(at->sun_path); /* it is ours by the lock on the pins */
	mask = umask(0177);
	err = bind(fd, (const struct sockaddr *)at, sizeof(*at)) ? -errno : 0;
	umask(mask);
	if (!err)
		err = socket_guard(at->sun_path);
	if (!err && listen(fd, 64))
		err = -errno;
	if (err)
		return err;
	taken = fd;
	fd = -1;
	return taken;
}

int control_open(struct daemon *dm, struct diag *d)
{
	struct sockaddr_un at;
	int fd;

	instance_socket(dm->instance, &at);
	if (mkdir(SLUICE_RUN, 0755) && errno != EEXIST) {
		diag_add(d, "cannot make " SLUICE_RUN ": %s", strerror(errno));
		return -errno;
	}
	fd = socket_listen(&at);
	if (fd < 0) {
		diag_add(d, "cannot listen on %s: %s", at.sun_path, strerror(-fd));
		return fd;
	}
	dm->listener = evconnlistener_new(dm->loop, on_accept, dm, LEV_OPT_CLOSE_ON_FREE, 0, fd);
	if (!dm->listener)
		return -ENOMEM;
	evconnlistener_set_error_cb(dm->listener, on_accept_failed);
	return 0;
}

void control_close(struct daemon *dm)
{
	struct sockaddr_un at;

	instance_socket(dm->instance, &at);
	while (!LIST_EMPTY(&dm->clients))
		client_close(LIST_FIRST(&dm->clients));
	evconnlistener_free(dm->listener);
	unlink(at.sun_path);
}
