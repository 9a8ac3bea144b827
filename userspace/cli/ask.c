/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "cli.h"
#include "instance.h"

#define ANSWER_SECONDS 120 /* a list of a million prefixes takes its time */

int complain(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("sluicectl: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return status;
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

static int request_send(int fd, const char *verb, json_t *args)
{
	json_t *request = json_pack("{s:s, s:o}", "verb", verb, "args", args ? args : json_object());
	_cleanup_free_ char *text = json_dumps(request, JSON_COMPACT);
	_cleanup_free_ char *line = NULL;
	int n = -1;

	json_decref(request);
	if (text)
		n = asprintf(&line, "%s\n", text);
	if (n < 0)
		return -ENOMEM;
	return send(fd, line, n, MSG_NOSIGNAL) == n ? 0 : -EPIPE;
}

static json_t *answer_read(int fd)
{
	_cleanup_fclose_ FILE *in = fdopen(dup(fd), "r");
	json_error_t why;

	return in ? json_loadf(in, JSON_DISABLE_EOF_CHECK, &why) : NULL;
}

static void complain_lines(const char *verb, const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	char *line, *next = copy;

	while (next && (line = strsep(&next, "\n")) && *line)
		complain(0, "%s: %s", verb, line);
}

int ask(const struct call *c, const char *verb, json_t *args, json_t **answer)
{
	struct sockaddr_un at;
	_cleanup_close_ int fd = daemon_connect(c->instance, &at);
	const char *text;
	json_t *got;
	int status;

	if (fd == -EACCES)
		return complain(EXIT_FAILED, "%s: permission denied: be root, or in the group " SLUICE_GROUP,
				at.sun_path);
	if (fd < 0)
		return EXIT_NO_DAEMON;
	got = request_send(fd, verb, args) ? NULL : answer_read(fd);
	if (!got)
		return complain(EXIT_FAILED, "%s: %s answered nothing: see the daemon's log", verb, at.sun_path);
	if (!json_is_true(json_object_get(got, "ok"))) {
		text = json_string_value(json_object_get(got, "error"));
		status = json_integer_value(json_object_get(got, "exit"));
		complain_lines(verb, text ? text : "failed");
		json_decref(got);
		return status ? status : EXIT_FAILED;
	}
	text = json_string_value(json_object_get(got, "warning"));
	complain_lines(verb, text ? text : "");
	*answer = got;
	return EXIT_DONE;
}
