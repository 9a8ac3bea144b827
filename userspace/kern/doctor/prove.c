/* SPDX-License-Identifier: BSD-2-Clause */
/* The judge of policies before they are put in force: see prove.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "compile.h"
#include "internal.h"
#include "link.h"
#include "listener.h"
#include "own.h"
#include "parse.h"
#include "prove.h"
#include "schema.h"
#include "text_file.h"
#include "value.h"

DEFINE_CLEANUP(struct policy *, policy_free);
DEFINE_CLEANUP(struct compiled *, compiled_free);

static struct place place_of(const struct policy *p, enum section section, const char *key)
{
	const struct place whole = { .file = p->files.count ? p->files.item[0] : NULL };

	return schema_place(p, section, "", key, &whole);
}

static int compiles(const struct policy *p, struct diag *d)
{
	_cleanup_(compiled_free) struct compiled *c = NULL;
	_cleanup_free_ struct registry *r = calloc(1, sizeof(*r));

	return r ? policy_compile(p, r, &c, d) : -ENOMEM;
}

/* One that is only away stops no start: it is guarded when it comes back. */
static bool interface_is_away(const struct policy *p, const char *name, const struct prove *how)
{
	const struct place at = place_of(p, SECTION_TOP, "interfaces");

	if (if_nametoindex(name) || !gate_was_at(how->instance, name))
		return false;
	if (how->warnings)
		diag_at(how->warnings, &at, "interface %s is absent: it will be guarded when it comes back", name);
	return true;
}

static int interface_stands(const struct policy *p, const char *name, struct diag *d)
{
	const struct place at = place_of(p, SECTION_TOP, "interfaces"), mode = place_of(p, SECTION_TOP, "xdp-mode");
	struct link_view l;
	int err = link_view(name, &l);

	if (err == -ENODEV)
		diag_at(d, &at, "interface %s: no such interface: `ip link` lists them", name);
	else if (err)
		diag_at(d, &at, "interface %s: %s: `ip link` shows it", name, strerror(-err));
	else if (*link_unguarded_why(&l))
		diag_at(d, &at, "interface %s: %s: name the interface where packets arrive", name,
			link_unguarded_why(&l));
	else if (p->xdp_mode == POLICY_XDP_NATIVE && *link_generic_why(&l))
		diag_at(d, &mode, "interface %s: no native XDP: %s: write xdp-mode = auto", name, link_generic_why(&l));
	else
		return 0;
	return -EINVAL;
}

int interfaces_stand(const struct policy *p, const struct prove *how, struct diag *d)
{
	const struct policy *now = how->now;
	int err = 0, one;
	size_t i;

	for (i = 0; i < p->interfaces.count; i++) {
		if (now && now->xdp_mode == p->xdp_mode && strings_have(&now->interfaces, p->interfaces.item[i]))
			continue;
		if (interface_is_away(p, p->interfaces.item[i], how))
			continue;
		one = interface_stands(p, p->interfaces.item[i], d);
		err = err ? err : one;
	}
	return err;
}

/* Checks them against what is loaded, if anything is. */
static int databases_stand(const struct policy *p, const char *instance, struct diag *d)
{
	_cleanup_(engine_close) struct engine *e = NULL;
	struct diag ignored = {};
	int err = engine_open_readonly(instance, &e, &ignored);

	diag_free(&ignored);
	return err ? 0 : engine_geo_check(e, p, d);
}

/* Returns 0, or the error that a listener would meet there. */
static int listen_try(const struct listen *at)
{
	_cleanup_close_ int fd = -1;
	const bool ipv4 = addr_is_ipv4(&at->addr);
	const struct sockaddr_in v4 = { AF_INET, htons(at->port), { at->addr.word[3] }, {} };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(at->port) };
	const int on = 1;

	memcpy(&v6.sin6_addr, &at->addr, sizeof(v6.sin6_addr));
	fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return 0;
	return bind(fd, ipv4 ? (const void *)&v4 : &v6, ipv4 ? sizeof(v4) : sizeof(v6)) ? errno : 0;
}

static bool listen_same(const struct listen *a, const struct listen *b)
{
	return !a->off && !b->off && a->port == b->port && !memcmp(&a->addr, &b->addr, sizeof(a->addr));
}

const char *metrics_why_not(const struct policy *p, const char *instance, const struct policy *now)
{
	int err = p->metrics.off || (now && listen_same(&p->metrics, &now->metrics)) ? 0 : listen_try(&p->metrics);

	if (err == EADDRNOTAVAIL)
		return "this host has no such address";
	if (err != EADDRINUSE || (!now && engine_held(instance) && listener_is_ours(p->metrics.port)))
		return NULL;
	return "something listens there already";
}

static void metrics_warn(const struct policy *p, const struct prove *how)
{
	const struct place at = place_of(p, SECTION_METRICS, "listen");
	const char *why = how->warnings ? metrics_why_not(p, how->instance, how->now) : NULL;
	char where[LISTEN_TEXT_LEN];

	if (why)
		diag_at(how->warnings, &at, "metrics: %s: %s: there will be none until that is fixed",
			listen_format(&p->metrics, where), why);
}

int policy_stands(const struct policy *p, const struct prove *how, struct diag *d)
{
	int err = compiles(p, d), one = 0;

	if (how->extent <= PROVE_LOADED)
		one = databases_stand(p, how->instance, d);
	err = err ? err : one;
	if (how->extent > PROVE_HOST)
		return err;
	one = interfaces_stand(p, how, d);
	metrics_warn(p, how);
	return err ? err : one;
}

/* Quotes wrong lines as they are written. */
static void files_quote(const struct policy *p, struct diag *d)
{
	struct diag ignored = {};
	size_t i;

	for (i = 0; i < p->files.count; i++) {
		_cleanup_free_ char *text = NULL;

		if (!text_file_read(p->files.item[i], POLICY_BYTES, &(struct place){ p->files.item[i] }, &text,
				    &ignored))
			diag_quote(d, p->files.item[i], text);
	}
	diag_free(&ignored);
}

int policy_prove(const char *path, const struct prove *how, struct policy **out, struct diag *d)
{
	_cleanup_(policy_free) struct policy *p = NULL;
	struct diag *warnings = how->warnings ?: d;
	_cleanup_diag_ struct diag said = {};
	int err = policy_parse_file(path, how->now ?: how->kept, &p, &said);

	diag_move(err ? d : warnings, &said);
	if (err)
		return err;
	if (how->extent <= PROVE_LOADED)
		owns_warn(p, warnings);
	err = policy_stands(p, how, d);
	if (err)
		files_quote(p, d);
	else
		*out = TAKE_PTR(p);
	return err;
}
