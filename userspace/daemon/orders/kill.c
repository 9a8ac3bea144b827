/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections that an order covers: how many a ban covers, and which ones `kill` and `ban --kill` end. The ban comes into force first, so that
 * nobody comes back while connections are ended.
 */
#include <errno.h>
#include <string.h>

#include "addr.h"
#include "sockets.h"
#include "tables.h"
#include "verbs.h"

int kill_check(struct answer *a)
{
	int err = sockets_can_end();

	if (err == -EOPNOTSUPP)
		diag_add(
			&a->diag,
			"nothing done: this kernel cannot end connections (it has no CONFIG_INET_DIAG_DESTROY): ban without "
			"--kill refuses their packets all the same");
	else if (err)
		diag_add(&a->diag, "nothing done: cannot end connections: %s", strerror(-err));
	return err;
}

static struct sought sought_of(const struct daemon *dm, const struct kill *what)
{
	return (struct sought){ what->from, standing_live(dm->standing), what->service, what->allowed_too, dm->engine };
}

static json_t *end_json(const struct daemon *dm, const struct socket_seen *s)
{
	struct sluice_addr who = engine_who(dm->engine, &s->remote, NULL);
	char text[ADDR_TEXT_LEN], peer[ADDR_TEXT_LEN + 8];
	bool v4 = addr_is_ipv4(&s->remote);

	addr_format(&s->remote, text);
	snprintf(peer, sizeof(peer), v4 ? "%s:%u" : "[%s]:%u", text, s->remote_port);
	return json_pack("{s:s, s:s, s:s, s:i, s:s}", "source", addr_format(&who, text), "peer", peer, "service",
			 service_at(standing_live(dm->standing), &s->local, s->local_port)->name, "port", s->local_port,
			 "state", socket_state(s));
}

int kill_list(const struct daemon *dm, const struct kill *what, struct answer *a)
{
	const struct sought sought = sought_of(dm, what);
	_cleanup_free_ struct socket_seen *list = NULL;
	size_t count = 0, i;
	int err = sockets_of(&sought, &list, &count);

	a->data = json_array();
	for (i = 0; i < count; i++)
		json_array_append_new(a->data, end_json(dm, &list[i]));
	return err;
}

static int by_source(const void *a, const void *b)
{
	const struct socket_seen *x = a, *y = b;

	return memcmp(&x->remote, &y->remote, sizeof(x->remote));
}

int kill_count(const struct daemon *dm, const struct kill *what, struct met *out)
{
	const struct sought sought = sought_of(dm, what);
	_cleanup_free_ struct socket_seen *list = NULL;
	size_t count = 0, i;
	int err = sockets_of(&sought, &list, &count);

	*out = (struct met){ .connections = count };
	if (err)
		return err;
	if (count)
		qsort(list, count, sizeof(*list), by_source);
	for (i = 0; i < count; i++)
		out->sources += !i || by_source(&list[i], &list[i - 1]);
	return 0;
}

int kill_run(const struct daemon *dm, const struct kill *what, size_t *ended)
{
	const struct sought sought = sought_of(dm, what);

	return sockets_end(&sought, ended);
}
