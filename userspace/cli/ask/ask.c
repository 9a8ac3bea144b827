/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends a request to the daemon over its control socket, one per connection, and says why if there is no answer. Commands call it; it owns the
 * connection.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "cli.h"
#include "instance.h"
#include "moment.h"

#define ANSWER_SECONDS 120 /* a list of a million prefixes takes a while */

int complain_no_daemon(const struct call *c)
{
	return complain(EXIT_NO_DAEMON,
			"%s: no answer on " SLUICE_RUN "/%s.sock: is sluiced running? (systemctl status sluiced)",
			c->command->name, c->instance);
}

static int daemon_connect(const char *instance, struct sockaddr_un *at)
{
	const struct timeval patience = { ANSWER_SECONDS, 0 };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int taken;

	instance_socket(instance, at);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    connect(fd, (const struct sockaddr *)at, sizeof(*at)))
		return -errno;
	taken = fd;
	fd = -1;
	return taken;
}

static int all_send(int fd, const char *bytes, size_t size)
{
	ssize_t n;

	for (; size; bytes += n, size -= n) {
		n = send(fd, bytes, size, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return -errno;
	}
	return 0;
}

static int request_send(int fd, const char *verb, json_t *args, const char *body, size_t size)
{
	json_t *request = json_pack("{s:s, s:o}", "verb", verb, "args", args ? args : json_object());
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *line = NULL;
	int n = -1;

	if (body)
		json_object_set_new(request, "bytes", json_integer(size));
	text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (text)
		n = asprintf(&line, "%s\n", text);
	if (n < 0)
		return -ENOMEM;
	if (all_send(fd, line, n))
		return -EPIPE;
	if (body)
		all_send(fd, body, size); /* a daemon that does not want it says so */
	return 0;
}

static void say_lines(const char *verb, const char *text)
{
	_cleanup_free_ char *copy = moments_say(text);
	char *line, *next = copy;

	while (next && (line = strsep(&next, "\n")) && *line)
		say("%s: %s", verb, line);
}

/* Reports what the daemon complains of, and returns its exit status. Takes over `got`, and passes it on in *answer if it is good. */
static int answer_judge(const char *verb, json_t *got, json_t **answer)
{
	const char *text;
	int status;

	if (!json_is_true(json_object_get(got, "ok"))) {
		text = json_string_value(json_object_get(got, "error"));
		status = json_integer_value(json_object_get(got, "exit"));
		say_lines(verb, text ? text : "failed");
		complain_answer(got);
		json_decref(got);
		return status ? status : EXIT_FAILED;
	}
	text = json_string_value(json_object_get(got, "warning"));
	say_lines(verb, text ? text : "");
	*answer = got;
	return EXIT_DONE;
}

/* *in gives the daemon's lines. EXIT_NO_DAEMON is not reported. */
static int ask_open(const struct call *c, const char *verb, json_t *args, const char *body, size_t size, FILE **in)
{
	struct sockaddr_un at;
	_cleanup_close_ int fd = daemon_connect(c->instance, &at);

	if (fd < 0)
		json_decref(args);
	if (fd == -EACCES)
		return complain(EXIT_FAILED, "%s: permission denied: be root, or in the group " SLUICE_GROUP,
				at.sun_path);
	if (fd < 0)
		return EXIT_NO_DAEMON;
	*in = request_send(fd, verb, args, body, size) ? NULL : fdopen(dup(fd), "r");
	if (!*in)
		return complain(EXIT_FAILED, "%s: %s did not accept the request: see the daemon's log", verb,
				at.sun_path);
	return EXIT_DONE;
}

static json_t *line_read(FILE *in)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	return getline(&line, &size, in) > 0 ? json_loads(line, 0, NULL) : NULL;
}

int ask(const struct call *c, const char *verb, json_t *args, json_t **answer)
{
	return ask_with(c, verb, args, NULL, 0, answer);
}

int ask_with(const struct call *c, const char *verb, json_t *args, const char *body, size_t size, json_t **answer)
{
	_cleanup_fclose_ FILE *in = NULL;
	int status = ask_open(c, verb, args, body, size, &in);
	json_t *got;

	if (status != EXIT_DONE)
		return status;
	got = line_read(in);
	if (!got)
		return complain(EXIT_FAILED, "%s: the daemon gave no answer: see its log", verb);
	return answer_judge(verb, got, answer);
}

json_t *ask_quietly(const struct call *c, const char *verb)
{
	_cleanup_fclose_ FILE *in = NULL;
	struct sockaddr_un at;
	_cleanup_close_ int fd = daemon_connect(c->instance, &at);
	json_t *got = NULL, *data = NULL;

	if (fd >= 0 && !request_send(fd, verb, NULL, NULL, 0))
		in = fdopen(dup(fd), "r");
	if (in)
		got = line_read(in);
	if (json_is_true(json_object_get(got, "ok")))
		data = json_incref(json_object_get(got, "data"));
	json_decref(got);
	return data;
}

int ask_stream(const struct call *c, const char *verb, void (*each)(const struct call *c, const json_t *line))
{
	_cleanup_fclose_ FILE *in = NULL;
	const struct timeval ever = { 0, 0 };
	int status = ask_open(c, verb, NULL, NULL, 0, &in);
	json_t *got = NULL;

	if (status != EXIT_DONE)
		return status;
	setsockopt(fileno(in), SOL_SOCKET, SO_RCVTIMEO, &ever, sizeof(ever));
	status = answer_judge(verb, line_read(in), &got);
	while (status == EXIT_DONE && got) {
		json_decref(got);
		got = line_read(in);
		if (got)
			each(c, got);
	}
	return status == EXIT_DONE ? complain(EXIT_FAILED, "%s: the daemon has ended", verb) : status;
}
