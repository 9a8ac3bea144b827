/* SPDX-License-Identifier: BSD-2-Clause */
/* Sends lines to clients of the control socket: see clients.h. */
#include "clients.h"

#include <string.h>

#include <event2/buffer.h>

#define BACKLOG_MAX 65536 /* most bytes that a watcher has not read */

unsigned int clients_watching(const struct daemon *dm)
{
	const struct client *c;
	unsigned int n = 0;

	LIST_FOREACH(c, &dm->clients, next) n += c->watching;
	return n;
}

void client_line_send(struct client *c, const json_t *line)
{
	static const char no_memory[] = "{\"ok\": false, \"error\": \"out of memory\", \"exit\": 1}";
	_cleanup_free_ char *text = json_dumps(line, JSON_COMPACT);

	if (text)
		bufferevent_write(c->stream, text, strlen(text));
	else /* nobody is left to wait for an answer */
		bufferevent_write(c->stream, no_memory, sizeof(no_memory) - 1);
	bufferevent_write(c->stream, "\n", 1);
}

void clients_publish(struct daemon *dm, const json_t *line)
{
	struct client *c = NULL;

	LIST_FOREACH(c, &dm->clients, next)
	{
		if (c->watching && evbuffer_get_length(bufferevent_get_output(c->stream)) < BACKLOG_MAX)
			client_line_send(c, line);
	}
}
