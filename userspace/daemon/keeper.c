/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "keeper.h"
#include "rights.h"

#define MESSAGE_MAX 65536

DEFINE_CLEANUP(struct engine *, engine_close);
DEFINE_CLEANUP(struct policy *, policy_free);

static int message_send(int to, json_t *message)
{
	_cleanup_free_ char *text = json_dumps(message, JSON_COMPACT);
	ssize_t n = text ? send(to, text, strlen(text), MSG_NOSIGNAL) : -1;

	json_decref(message);
	return n < 0 ? -EPIPE : 0;
}

/* NULL: the other end is gone. */
static json_t *message_read(int from)
{
	char text[MESSAGE_MAX];
	ssize_t n;

	do {
		n = recv(from, text, sizeof(text), 0);
	} while (n < 0 && errno == EINTR);
	return n > 0 ? json_loadb(text, n, 0, NULL) : NULL;
}

/* A policy of these interfaces and nothing else. */
static struct policy *interfaces_read(const json_t *list, int mode)
{
	_cleanup_(policy_free) struct policy *p = policy_new();
	size_t i;

	if (p)
		p->interfaces = calloc(json_array_size(list) + 1, sizeof(*p->interfaces));
	if (!p || !p->interfaces)
		return NULL;
	for (i = 0; i < json_array_size(list); i++) {
		p->interfaces[i] = strdup(json_string_value(json_array_get(list, i)));
		if (!p->interfaces[i])
			return NULL;
		p->interfaces_count++;
	}
	p->xdp_mode = mode;
	return TAKE_PTR(p);
}

static int attach(const char *instance, const json_t *request, struct diag *d)
{
	int mode = json_integer_value(json_object_get(request, "mode"));
	_cleanup_(policy_free) struct policy *p = interfaces_read(json_object_get(request, "interfaces"), mode);
	_cleanup_(policy_free) struct policy *also = interfaces_read(json_object_get(request, "also"), mode);
	_cleanup_(engine_close) struct engine *e = NULL;
	int err = p && also ? engine_open_beside(instance, &e, d) : -ENOMEM;

	return err ? err : engine_attach(e, p, also, d);
}

static json_t *answer(int err, struct diag *d)
{
	json_t *said = json_array();
	size_t i;

	for (i = 0; i < d->count; i++)
		json_array_append_new(said, json_string(d->item[i].text));
	diag_free(d);
	return json_pack("{s:i, s:o}", "err", err, "said", said);
}

/* The child. Signals for sluiced reach it, too, where they are sent to all: it ends when sluiced does. */
_Noreturn static void keeper_run(const char *instance, int with)
{
	struct diag d = {};
	json_t *request;
	int err;

	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	err = rights_drop(RIGHTS_KEEPER, &d);
	if (message_send(with, answer(err, &d)) || err)
		_exit(1);
	while ((request = message_read(with))) {
		err = json_object_get(request, "interfaces") ? attach(instance, request, &d)
							     : engine_unload(instance, &d);
		json_decref(request);
		if (message_send(with, answer(err, &d)))
			break;
	}
	_exit(0);
}

static int answer_await(struct daemon *dm, struct diag *d)
{
	json_t *got = message_read(dm->keeper), *text;
	int err = got ? (int)json_integer_value(json_object_get(got, "err")) : -EPIPE;
	size_t i;

	json_array_foreach(json_object_get(got, "said"), i, text) diag_add(d, "%s", json_string_value(text));
	if (!got)
		diag_add(d, "the process that attaches has ended: restart sluiced (the kernel goes on meanwhile)");
	json_decref(got);
	return err;
}

/* Another sluiced waits for `starter` to close, and a terminal for our output to end. */
static void keeper_let_go(const struct daemon *dm)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (dm->starter < 0)
		return;
	close(dm->starter);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
}

int keeper_begin(struct daemon *dm)
{
	struct diag d = {};
	int ends[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	dm->keeper_pid = fork();
	if (dm->keeper_pid < 0)
		return -errno;
	if (!dm->keeper_pid) {
		close(ends[1]);
		keeper_let_go(dm);
		keeper_run(dm->instance, ends[0]);
	}
	close(ends[0]);
	dm->keeper = ends[1];
	err = answer_await(dm, &d);
	log_diag(LOG_ERR, &d);
	return err;
}

void keeper_end(struct daemon *dm)
{
	if (dm->keeper < 0)
		return;
	close(dm->keeper);
	dm->keeper = -1;
	waitpid(dm->keeper_pid, NULL, 0);
}

/* Of `p` (NULL: none) those that exist; with `d`, the others are said. */
static json_t *interfaces_there(const struct daemon *dm, const struct policy *p, struct diag *d)
{
	struct diag ignored = {};
	json_t *there = json_array();
	size_t i;

	for (i = 0; p && i < p->interfaces_count; i++) {
		if (!engine_link_away(dm->engine, p->interfaces[i], d ? d : &ignored))
			json_array_append_new(there, json_string(p->interfaces[i]));
	}
	diag_free(&ignored);
	return there;
}

int keeper_attach(struct daemon *dm, const struct policy *p, const struct policy *also, struct diag *d)
{
	json_t *there = interfaces_there(dm, p, d);
	int err = 0;

	if (!engine_attached(dm->engine, p, also)) {
		message_send(dm->keeper, json_pack("{s:O, s:o, s:i}", "interfaces", there, "also",
						   interfaces_there(dm, also, NULL), "mode", p->xdp_mode));
		err = answer_await(dm, d);
	}
	json_decref(there);
	return err ? err : engine_links_note(dm->engine, p);
}

int keeper_unload(struct daemon *dm, struct diag *d)
{
	message_send(dm->keeper, json_object());
	return answer_await(dm, d);
}
