/* SPDX-License-Identifier: BSD-2-Clause */
/* ban --kill. The ban stands first, so that nobody comes back while connections are ended. */
#include <errno.h>
#include <string.h>

#include "addr.h"
#include "sockets.h"
#include "tables.h"
#include "verbs.h"

int ends_check(const struct daemon *dm, struct answer *a)
{
	int err = sockets_can_end();

	if (!err && dm->live->mode == POLICY_OBSERVE) {
		diag_add(&a->diag, "nothing done: the mode is observe, which refuses nothing and ends nothing: "
				   "`sluicectl mode enforce` first, or ban without --kill");
		return -EPERM;
	}
	if (err == -EOPNOTSUPP)
		diag_add(
			&a->diag,
			"nothing done: this kernel cannot end connections (it has no CONFIG_INET_DIAG_DESTROY): ban without "
			"--kill refuses their packets all the same");
	else if (err)
		diag_add(&a->diag, "nothing done: cannot end connections: %s", strerror(-err));
	return err;
}

static json_t *end_json(const struct daemon *dm, const struct socket_seen *s)
{
	struct sluice_addr who = engine_who(dm->engine, &s->remote, NULL);
	char text[ADDR_TEXT_LEN], peer[ADDR_TEXT_LEN + 8];
	bool v4 = addr_is_ipv4(&s->remote);

	addr_format(&s->remote, text);
	snprintf(peer, sizeof(peer), v4 ? "%s:%u" : "[%s]:%u", text, s->remote_port);
	return json_pack("{s:s, s:s, s:s, s:i, s:s}", "source", addr_format(&who, text), "peer", peer, "service",
			 service_at(dm->live, &s->local, s->local_port)->name, "port", s->local_port, "state",
			 socket_state(s));
}

int ends_list(struct daemon *dm, const struct prefix *banned, struct answer *a)
{
	const struct sought what = { banned, dm->live, dm->engine };
	_cleanup_free_ struct socket_seen *list = NULL;
	size_t count = 0, i;
	int err = sockets_of(&what, &list, &count);

	a->data = json_array();
	for (i = 0; i < count; i++)
		json_array_append_new(a->data, end_json(dm, &list[i]));
	return err;
}

int ends_run(struct daemon *dm, const struct prefix *banned, struct answer *a)
{
	const struct sought what = { banned, dm->live, dm->engine };
	size_t ended = 0;
	int err = sockets_end(&what, &ended);

	if (err)
		diag_add(
			&a->diag,
			"the ban stands, %zu connections were ended, and then: %s: their packets are refused all the same",
			ended, strerror(-err));
	free(a->text); /* of the ban */
	a->text = NULL;
	return err ? err : asprintf(&a->text, "banned; %zu connections ended", ended) < 0 ? -ENOMEM : 0;
}
