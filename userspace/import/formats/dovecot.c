/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dovecot: the login services, their listeners and how many clients they take. The most that a login service holds is process_limit where a
 * process serves one client (service_count = 1, the default), else client_limit times process_limit.
 */
#include <string.h>

#include "cleanup.h"
#include "import.h"

#define ONE_EACH "service_count is 1 by default: then each process serves one client, and process_limit is the limit"

static const struct {
	const char *service, *listener, *port; /* where Dovecot listens by default */
} defaults[] = { { "imap-login", "imap", "143" },	   { "imap-login", "imaps", "993" },
		 { "pop3-login", "pop3", "110" },	   { "pop3-login", "pop3s", "995" },
		 { "managesieve-login", "sieve", "4190" }, { "submission-login", "submission", "587" } };

#define DEFAULTS (sizeof(defaults) / sizeof(*defaults))

struct value {
	char text[32];
	const struct line *from;
};

/* A login service; if several places define it, it is still one. */
struct login {
	char name[64];
	const struct line *from;
	struct value clients, processes, count;
	struct strings listeners, ports;
	LIST(const struct line *) places; /* of `ports` */
};

struct dovecot {
	struct block_walk walk;
	struct import *m;
	LIST(struct login) logins;
	struct value default_clients, default_processes;
};

static void value_put(struct value *v, const char *text, const struct line *from)
{
	snprintf(v->text, sizeof(v->text), "%s", text);
	v->from = from;
}

/* Returns NULL outside a login service. */
static struct login *login_of(struct dovecot *d, const struct line *line)
{
	struct login *l;
	char name[64];
	size_t i;

	if (!d->walk.depth || sscanf(d->walk.path[0], "service %63s", name) != 1 || !strstr(name, "-login"))
		return NULL;
	for (i = 0; i < d->logins.count; i++) {
		if (!strcmp(d->logins.item[i].name, name))
			return &d->logins.item[i];
	}
	l = LIST_ADD(&d->logins);
	if (!l) {
		d->m->failed = true;
		return NULL;
	}
	*l = (struct login){ .from = line };
	memcpy(l->name, name, sizeof(name));
	return l;
}

static void walk_open(struct block_walk *w, const struct line *line)
{
	struct dovecot *d = (struct dovecot *)w;

	login_of(d, line);
}

static void walk_close(struct block_walk *w, const struct line *line)
{
	(void)w;
	(void)line;
}

static void listener_put(struct dovecot *d, struct login *l, const char *key, const char *value,
			 const struct line *line)
{
	char listener[64] = "", buf[8];
	const struct line **place;
	const char *port;

	if (sscanf(d->walk.path[1], "inet_listener %63s", listener) != 1)
		return;
	if (!strcmp(key, "address") || !strcmp(key, "listen"))
		leave(d->m, line, "where Dovecot listens: give the service addresses = {...} if that matters");
	if (strcmp(key, "port"))
		return;
	port = strcmp(value, "0") ? port_of(value, buf) : "0";
	place = port ? LIST_ADD(&l->places) : NULL;
	if (!port) {
		leave(d->m, line, "'%s' is not a known port: write its number", value);
		return;
	}
	if (!place || strings_add(&l->listeners, listener) || strings_add(&l->ports, port))
		d->m->failed = true;
	else
		*place = line;
}

static void top_put(struct dovecot *d, const char *key, const char *value, const struct line *line)
{
	_cleanup_strings_ struct strings words = {};
	struct item *set;
	size_t i;

	if (!strcmp(key, "default_client_limit"))
		value_put(&d->default_clients, value, line);
	if (!strcmp(key, "default_process_limit"))
		value_put(&d->default_processes, value, line);
	if (!strcmp(key, "listen") && value[strspn(value, "*:, ")])
		leave(d->m, line, "where Dovecot listens: give the services addresses = {...} if that matters");
	if (strcmp(key, "login_trusted_networks"))
		return;
	words_split(d->m, value, " \t,", "", &words);
	for (i = 0; i < words.count; i++) {
		set = set_get(d->m, "trusted");
		if (put_prefix(d->m, set, words.item[i], line))
			set_use(d->m, set, "allow", NULL, 0, line);
	}
}

static void walk_set(struct block_walk *w, const char *key, const char *value, const struct line *line)
{
	struct dovecot *d = (struct dovecot *)w;
	struct login *l = login_of(d, line);

	if (!strcmp(key, "mail_max_userip_connections"))
		leave(d->m, line,
		      "counts by user and address: max-connections-per-source counts by address; set it to what an office needs, ten times as much");
	else if (!strcmp(key, "auth_failure_delay") || !strcmp(key, "login_max_connections"))
		leave(d->m, line, "is about logins: keep it");
	else if (!w->depth)
		top_put(d, key, value, line);
	else if (l && w->depth == 2)
		listener_put(d, l, key, value, line);
	else if (l && !strcmp(key, "client_limit"))
		value_put(&l->clients, value, line);
	else if (l && !strcmp(key, "process_limit"))
		value_put(&l->processes, value, line);
	else if (l && (!strcmp(key, "service_count") || !strcmp(key, "restart_request_count")))
		value_put(&l->count, value, line);
	else if (!l && (!strcmp(key, "client_limit") || !strcmp(key, "process_limit")))
		leave(d->m, line, "belongs to a service inside Dovecot, behind its logins: keep it");
}

/* Returns what the file says about a listener, or NULL. */
static const char *port_said(const struct login *l, const char *listener)
{
	size_t i;

	for (i = 0; i < l->ports.count && strcmp(l->listeners.item[i], listener); i++)
		;
	return i < l->ports.count ? l->ports.item[i] : NULL;
}

/* Returns the service of the ports that a login service listens on; *by_default: some of them are Dovecot's default. */
static struct item *login_service(struct dovecot *d, const struct login *l, const struct line *from)
{
	_cleanup_strings_ struct strings ports = {};
	bool by_default = false;
	struct item *s;
	size_t i;

	for (i = 0; i < l->ports.count; i++) {
		if (strcmp(l->ports.item[i], "0") && !strings_have(&ports, l->ports.item[i]) &&
		    strings_add(&ports, l->ports.item[i]))
			d->m->failed = true;
	}
	for (i = 0; i < DEFAULTS; i++) {
		if (strcmp(defaults[i].service, l->name) || port_said(l, defaults[i].listener))
			continue;
		by_default = true;
		if (!strings_have(&ports, defaults[i].port) && strings_add(&ports, defaults[i].port))
			d->m->failed = true;
	}
	s = ports.count ? service_with(d->m, NULL, &ports, l->places.count ? l->places.item[0] : from) : NULL;
	for (i = 1; i < l->places.count; i++)
		put_origin(d->m, s, "ports", l->places.item[i]);
	if (!ports.count)
		leave(d->m, from, "belongs to a service that listens on no port here");
	if (by_default)
		put_note(s, "with Dovecot's default ports, since the file names no listener");
	return s;
}

static void product_put(struct dovecot *d, struct item *s, const struct value *clients, const struct value *processes)
{
	uint32_t a, b;
	char text[24];

	if (!is_count(clients->text, &a) || !is_count(processes->text, &b) || !a || !b) {
		leave(d->m, clients->from, "'%s' times '%s' is not a number", clients->text, processes->text);
		return;
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)a * b);
	if (put_count(d->m, s, "max-connections", text, clients->from)) {
		put_origin(d->m, s, "max-connections", processes->from);
		put_note(s, "client_limit times process_limit: set it a little lower if sluice should refuse first");
	}
}

static void login_put(struct dovecot *d, const struct login *l)
{
	const struct value *clients = l->clients.from ? &l->clients : &d->default_clients;
	const struct value *processes = l->processes.from ? &l->processes : &d->default_processes;
	const bool many = l->count.from && strcmp(l->count.text, "1");
	const struct line *from = l->clients.from ? l->clients.from : l->processes.from;
	struct item *s;

	if (!from)
		return;
	if (!many && l->clients.from)
		leave(d->m, l->clients.from, ONE_EACH);
	if (!processes->from) {
		if (many)
			leave(d->m, from,
			      "needs process_limit, which the file does not set: doveconf -d process_limit");
		return;
	}
	if (many && !clients->from) {
		leave(d->m, from, "needs client_limit, which the file does not set: doveconf -d client_limit");
		return;
	}
	s = login_service(d, l, from);
	if (s && many)
		product_put(d, s, clients, processes);
	else if (s && put_count(d->m, s, "max-connections", processes->text, processes->from))
		put_note(s, "a process serves one client: set it a little lower if sluice should refuse first");
}

static void includes_leave(struct import *m)
{
	size_t i;

	for (i = 0; i < m->lines.count; i++) {
		if (!strncmp(m->lines.item[i]->text, "!include", 8))
			leave(m, m->lines.item[i],
			      "other files are not followed: name them as well, or use the output of doveconf -n");
	}
}

void dovecot_read(struct import *m)
{
	struct dovecot d = { .walk = { .open = walk_open, .close = walk_close, .set = walk_set }, .m = m };
	size_t i;

	blocks_walk(m, "{}", &d.walk);
	for (i = 0; i < d.logins.count; i++)
		login_put(&d, &d.logins.item[i]);
	for (i = 0; i < d.logins.count; i++) {
		strings_clear(&d.logins.item[i].listeners);
		strings_clear(&d.logins.item[i].ports);
		free(d.logins.item[i].places.item);
	}
	free(d.logins.item);
	includes_leave(m);
}
