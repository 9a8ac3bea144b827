/* SPDX-License-Identifier: BSD-2-Clause */
/* The keeper, and the daemon's end of the pipe to it: see keeper.h. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "containers.h"
#include "defaults.h"
#include "fleet_spawn.h"
#include "json_text.h"
#include "keeper.h"
#include "message.h"
#include "rights.h"

#define ANSWER_SECONDS 60 /* more than anything takes that the keeper is asked for, except for many interfaces: */
#define ATTACH_SECONDS 20 /* more than one of these takes, even on an emulated processor */
#define END_MS 3000 /* for what the keeper is doing when sluiced ends */

DEFINE_CLEANUP(struct engine *, engine_close);
DEFINE_CLEANUP(struct policy *, policy_free);

/* Makes a policy with these interfaces and nothing else. */
static struct policy *interfaces_read(const json_t *list, int mode)
{
	_cleanup_(policy_free) struct policy *p = policy_new();
	size_t i;

	for (i = 0; p && i < json_array_size(list); i++) {
		if (strings_add(&p->interfaces, json_string_value(json_array_get(list, i))))
			return NULL;
	}
	if (!p)
		return NULL;
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

static int exchange(const char *instance, struct diag *d)
{
	_cleanup_(engine_close) struct engine *e = NULL;
	int err = engine_open_beside(instance, &e, d);

	return err ? err : engine_exchange(e, d);
}

static int container_parse(const json_t *request, struct sluice_container *c)
{
	const json_t *list = json_object_get(request, "addresses");
	size_t i;

	*c = (struct sluice_container){ .addresses_count = json_array_size(list) };
	snprintf(c->netns, sizeof(c->netns), "%s", json_string_value(json_object_get(request, "netns")));
	if (c->addresses_count > SLUICE_CONTAINER_ADDRESSES)
		return -EINVAL;
	for (i = 0; i < c->addresses_count; i++) {
		if (addr_parse(json_string_value(json_array_get(list, i)), &c->addresses[i]))
			return -EINVAL;
	}
	return 0;
}

static int enter(const char *instance, const json_t *request, struct netns_fds *out, struct diag *d)
{
	enum netns_opens what = json_is_true(json_object_get(request, "sockets")) ? NETNS_SOCKETS : NETNS_AUDIT;
	struct sluice_container c;
	int err = container_parse(request, &c);

	if (!err)
		err = netns_enter(instance, &c, what, out, d);
	if (err)
		netns_fds_free(out);
	return err;
}

/* Writes [cookie, whether a descriptor of it comes along] for each. */
static json_t *netns_json(const struct netns_fds *s)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < s->count; i++)
		json_array_append_new(list, json_pack("[I, b]", (json_int_t)s->item[i].cookie, s->item[i].fd >= 0));
	return list;
}

#define SAID_MOST \
	100 /* so that an answer about hundreds of interfaces is no longer than a message may be (message.c) */

static json_t *answer(int err, struct diag *d)
{
	json_t *said = json_array();
	size_t i;

	for (i = 0; i < d->count && i < SAID_MOST; i++)
		json_array_append_new(said, json_line(d->item[i].text));
	if (d->count > SAID_MOST)
		json_array_append_new(said,
				      json_sprintf("and %zu messages more, which are left out", d->count - SAID_MOST));
	diag_free(d);
	return json_pack("{s:i, s:o}", "err", err, "said", said);
}

/* Starts sluice-fleet, or ends it. sluiced's end of its socket goes with the answer. */
static int fleet(const json_t *wanted, struct netns_fds *out, struct diag *d)
{
	int fd;

	if (!json_is_true(wanted)) {
		fleet_spawn_end();
		return 0;
	}
	fd = fleet_spawn(d);
	return fd < 0 ? fd : netns_fds_add(out, 0, fd);
}

/* Does what it is asked. Returns non-zero if the keeper can do nothing more. */
static int serve(const char *instance, int with, const json_t *request)
{
	_cleanup_netns_ struct netns_fds spaces = {};
	struct diag d = {};
	json_t *said;
	int err;

	/* An unload holds the instance's lock, and is finished even if sluiced has gone: nothing of it may be left. */
	engine_turns_while(json_object_get(request, "unload") ? -1 : with);
	if (json_object_get(request, "netns"))
		err = enter(instance, request, &spaces, &d);
	else if (json_object_get(request, "fleet"))
		err = fleet(json_object_get(request, "fleet"), &spaces, &d);
	else if (json_object_get(request, "interfaces"))
		err = attach(instance, request, &d);
	else if (json_object_get(request, "exchange"))
		err = exchange(instance, &d);
	else if (json_object_get(request, "bury"))
		err = engine_bury(instance, &d);
	else if (json_object_get(request, "unload"))
		err = engine_unload(instance, &d);
	else
		err = 0; /* sluiced only asked whether the keeper is there */
	said = answer(err, &d);
	json_object_set_new(said, "spaces", netns_json(&spaces));
	return message_send(with, said, &spaces) || err == -ENOTRECOVERABLE;
}

/* libxdp 1.3.1 leaks a descriptor of each program that it looks at, so an old one would stay in memory, with its maps. */
static void descriptors_drop(int but)
{
	if (but > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, but - 1, 0);
	close_range(but + 1, ~0U, 0);
}

/* The child. Signals for sluiced reach it, too, if they are sent to the whole group; it ends when sluiced does. */
_Noreturn static void keeper_run(const char *instance, int with)
{
	int none[NETNS_MAX], err;
	struct diag d = {};
	json_t *request;
	size_t count;

	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	err = rights_drop(RIGHTS_KEEPER, &d);
	if (message_send(with, answer(err, &d), NULL) || err)
		_exit(1);
	for (err = 0; !err && (request = message_read(with, none, &count));) {
		err = serve(instance, with, request);
		json_decref(request);
		descriptors_drop(with);
	}
	_exit(0);
}

/* Reads what the keeper opened; `fd` are taken over. */
static int netns_parse(const json_t *list, const int *fd, size_t count, struct netns_fds *out)
{
	json_t *one;
	int err = 0;
	size_t i, next = 0;

	json_array_foreach(list, i, one)
	{
		bool has = json_is_true(json_array_get(one, 1)) && next < count;

		if (!err)
			err = netns_fds_add(out, json_integer_value(json_array_get(one, 0)), has ? fd[next++] : -1);
	}
	while (next < count)
		close(fd[next++]);
	return err;
}

static void keeper_kill(const struct daemon *dm)
{
	syscall(SYS_tgkill, dm->keeper_pid, dm->keeper_pid, SIGKILL); /* kill(2) is not among the calls that are left */
}

/* Asks the keeper nothing any more: a late answer would be mistaken for that to another question. */
static void keeper_give_up(struct daemon *dm, int why, struct diag *d)
{
	diag_add(d, "the process that attaches has %s: %s", why == EAGAIN ? "not answered in time" : "ended",
		 dm->listener ? "restart sluiced (the kernel keeps enforcing meanwhile)" : "start sluiced again");
	if (why == EAGAIN)
		keeper_kill(dm);
	if (dm->keeper >= 0)
		close(dm->keeper);
	dm->keeper = -1;
}

/* `out` is NULL if nothing was asked to be opened. */
static int answer_await(struct daemon *dm, struct netns_fds *out, struct diag *d)
{
	int fd[NETNS_MAX], err, why;
	struct netns_fds none = {};
	json_t *got, *text;
	size_t count, i;

	errno = 0;
	got = message_read(dm->keeper, fd, &count);
	why = errno;
	err = got ? (int)json_integer_value(json_object_get(got, "err")) : -EPIPE;
	if (netns_parse(json_object_get(got, "spaces"), fd, count, out ? out : &none) && !err)
		err = -ENOMEM;
	netns_fds_free(&none);

	json_array_foreach(json_object_get(got, "said"), i, text) diag_add(d, "%s", json_string_value(text));
	if (!got)
		keeper_give_up(dm, why, d);
	json_decref(got);
	return err;
}

/* For how long an answer is waited for that takes in so many interfaces. */
static int patience_set(const struct daemon *dm, size_t interfaces)
{
	time_t attaching = (time_t)interfaces * ATTACH_SECONDS;
	const struct timeval patience = { attaching > ANSWER_SECONDS ? attaching : ANSWER_SECONDS, 0 };

	return setsockopt(dm->keeper, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
			       setsockopt(dm->keeper, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience))
		       ? -errno
		       : 0;
}

/* With many interfaces a start may take longer than the 90 s that systemd gives it. It goes on to be patient for as long as we are. */
static void patience_tell(const struct daemon *dm, size_t interfaces)
{
	if (!dm->listener && interfaces * ATTACH_SECONDS > ANSWER_SECONDS)
		sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%zu000000", interfaces * ATTACH_SECONDS + ANSWER_SECONDS);
}

static int ask(struct daemon *dm, json_t *request, size_t interfaces, struct netns_fds *out, struct diag *d)
{
	patience_set(dm, interfaces);
	patience_tell(dm, interfaces);
	message_send(dm->keeper, request, NULL);
	return answer_await(dm, out, d);
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
	err = patience_set(dm, 0);
	if (err)
		return err;
	err = answer_await(dm, NULL, &d);
	log_diag(LOG_ERR, &d);
	return err;
}

/* Whether it has ended within this time. */
static bool keeper_await(const struct daemon *dm, int ms)
{
	const struct timespec step = { 0, 10000000 };
	pid_t ended = 0;

	for (; ms > 0 && !ended; ms -= 10) {
		ended = waitpid(dm->keeper_pid, NULL, WNOHANG);
		if (!ended)
			nanosleep(&step, NULL);
	}
	return ended;
}

void keeper_end(struct daemon *dm)
{
	if (dm->keeper_pid <= 0)
		return;
	if (dm->keeper >= 0)
		close(dm->keeper);
	dm->keeper = -1;
	if (!keeper_await(dm, END_MS)) {
		keeper_kill(dm);
		keeper_await(dm, END_MS);
	}
	dm->keeper_pid = 0;
}

/* Sorts the interfaces of `p` into those that exist, with their numbers, and those that are away, which it reports. */
static void interfaces_sort(const struct daemon *dm, const struct policy *p, json_t *there, json_t *numbers,
			    json_t *away, struct diag *d)
{
	unsigned int index;
	size_t i;

	for (i = 0; i < p->interfaces.count; i++) {
		index = if_nametoindex(p->interfaces.item[i]);
		if (!index && engine_link_away(dm->engine, p->interfaces.item[i], d)) {
			json_array_append_new(away, json_string(p->interfaces.item[i]));
			continue;
		}
		json_array_append_new(there, json_string(p->interfaces.item[i]));
		json_array_append_new(numbers, json_integer(index));
	}
}

static int interfaces_note(const struct daemon *dm, const json_t *there, const json_t *numbers)
{
	json_t *name;
	int err = 0;
	size_t i;

	json_array_foreach(there, i, name)
	{
		if (!err)
			err = engine_link_note(dm->engine, json_string_value(name),
					       json_integer_value(json_array_get(numbers, i)));
	}
	return err;
}

int keeper_attach(struct daemon *dm, const struct policy *p, const struct policy *also, struct diag *d)
{
	json_t *there = json_array(), *numbers = json_array(), *spared = json_array();
	int err = 0;
	size_t i;

	interfaces_sort(dm, p, there, numbers, spared, d);
	for (i = 0; also && i < also->interfaces.count; i++)
		json_array_append_new(spared, json_string(also->interfaces.item[i]));
	if (!engine_attached(dm->engine, p, also)) {
		err = ask(dm, json_pack("{s:O, s:O, s:i}", "interfaces", there, "also", spared, "mode", p->xdp_mode),
			  json_array_size(there), NULL, d);
	}
	if (!err) {
		engine_answers(dm->engine, d); /* if this fails, the host answers */
		err = interfaces_note(dm, there, numbers);
	}
	json_decref(there);
	json_decref(numbers);
	json_decref(spared);
	return err;
}

static int old_ask(struct daemon *dm, const char *what, struct diag *d)
{
	if (!engine_old_stands(dm->engine))
		return 0;
	return ask(dm, json_pack("{s:b}", what, true), standing_live(dm->standing)->interfaces.count, NULL, d);
}

int keeper_exchange(struct daemon *dm, struct diag *d)
{
	return old_ask(dm, "exchange", d);
}

int keeper_bury(struct daemon *dm, struct diag *d)
{
	return old_ask(dm, "bury", d);
}

int keeper_unload(struct daemon *dm, struct diag *d)
{
	return ask(dm, json_pack("{s:b}", "unload", true), standing_live(dm->standing)->interfaces.count, NULL, d);
}

int keeper_fleet(struct daemon *dm, bool wanted, struct diag *d)
{
	_cleanup_netns_ struct netns_fds got = {};
	int err;

	err = ask(dm, json_pack("{s:b}", "fleet", wanted), 0, &got, d);
	if (err || !wanted)
		return err;
	if (got.count != 1 || got.item[0].fd < 0)
		return -EPIPE;
	err = got.item[0].fd;
	got.item[0].fd = -1;
	return err;
}

int keeper_ask(struct daemon *dm, struct diag *d)
{
	return ask(dm, json_object(), 0, NULL, d);
}

static int netns_by_keeper(void *arg, const struct sluice_container *c, enum netns_opens what, struct netns_fds *out,
			   struct diag *d)
{
	json_t *addresses = json_array();
	struct daemon *dm = arg;
	char text[ADDR_TEXT_LEN];
	__u32 i;

	for (i = 0; i < c->addresses_count; i++)
		json_array_append_new(addresses, json_string(addr_format(&c->addresses[i], text)));
	return ask(dm,
		   json_pack("{s:s, s:o, s:b}", "netns", c->netns, "addresses", addresses, "sockets",
			     what == NETNS_SOCKETS),
		   0, out, d);
}

void keeper_lend(struct daemon *dm)
{
	engine_netns_by(dm->engine, netns_by_keeper, dm);
}
