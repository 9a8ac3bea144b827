/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Begins and ends this host's part in a fleet, as the policy in force says: see fleet_host.h. Owns all of it. Files are read while the policy is
 * put in force; where one cannot be used limits hold on this host alone, and the log, `fleet status` and doctor say so.
 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <syslog.h>

#include <sodium.h>

#include "fleet_inside.h"
#include "string_list.h"

#define LEASE_MS 10000 /* what a silent host holds counts for this long */
#define BEATS 4 /* in each max-staleness */

/* Finds the policy's name for this host, or the host's own, in letters that the store accepts. */
static void name_find(const struct fleet *f, char out[static FLEET_NAME_MAX + 1])
{
	struct utsname host = {};
	char *at;

	uname(&host);
	snprintf(out, FLEET_NAME_MAX + 1, "%.*s", FLEET_NAME_MAX, *f->name ? f->name : host.nodename);
	for (at = out; *at; at++) {
		if (!strchr(FLEET_NAME_LETTERS, *at))
			*at = '-';
	}
}

static json_t *servers_json(const struct fleet *f)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < f->servers.count; i++)
		json_array_append_new(list, json_string(f->servers.item[i]));
	return list;
}

/* Returns the text of FLEET_CONFIG, or NULL without memory. */
static char *config_text(const struct fleet *f, const struct fleet_run *r, const char *password)
{
	json_t *all = json_pack("{s:o, s:s, s:s, s:i, s:I, s:b}", "servers", servers_json(f), "name", r->name, "space",
				r->space, "lease_ms", LEASE_MS, "beat_ms", (json_int_t)(r->staleness_ms / BEATS),
				"bans", f->share_bans || f->share_settings);
	char *text;

	if (*f->user)
		json_object_set_new(all, "user", json_string(f->user));
	if (*password)
		json_object_set_new(all, "password", json_string(password));
	text = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	return text;
}

static void on_changes(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fleet_tables_drain(((struct fleet_run *)arg)->tables);
}

/* Each change of the policy that this makes would end the run, where its files cannot be read any more: that comes after it. */
static void on_heed(evutil_socket_t fd, short what, void *arg)
{
	struct fleet_run *r = arg;

	(void)fd;
	(void)what;
	r->heeding = true;
	fleet_settings_heed(r);
	r->heeding = false;
	if (r->follows)
		fleet_follow(r->daemon);
}

static int events_add(struct fleet_run *r)
{
	struct event_base *loop = r->daemon->loop;

	r->tick = event_new(loop, -1, 0, fleet_tick, r);
	r->say = event_new(loop, -1, 0, fleet_say_on, r);
	r->heed = event_new(loop, -1, 0, on_heed, r);
	r->changes = event_new(loop, fleet_tables_fd(r->tables), EV_READ | EV_PERSIST, on_changes, r);
	return r->tick && r->say && r->heed && r->changes && !event_add(r->changes, NULL) ? 0 : -ENOMEM;
}

/* `stays`: the policy still has a fleet, and only the daemon ends. */
static void run_stop(struct fleet_run *r, bool stays)
{
	if (r->helper && shared_on(&r->shared))
		fleet_file_save(r);
	fleet_helper_free(r->helper);
	fleet_keys_close(&r->keys);
	shared_close(&r->shared);
	if (r->changes)
		event_free(r->changes);
	if (r->tick)
		event_free(r->tick);
	if (r->say)
		event_free(r->say);
	if (r->heed)
		event_free(r->heed);
	fleet_tables_close(r->tables, stays);
	fleet_look_end(r);
	fleet_digest_free(&r->digest);
	json_decref(r->hosts);
	r->helper = NULL;
	r->changes = r->tick = r->say = r->heed = NULL;
	r->tables = NULL;
	r->hosts = NULL;
}

/* It contains a password. */
static void text_wipe(char *text)
{
	if (text)
		sodium_memzero(text, strlen(text));
	free(text);
}

static void run_free(struct fleet_run *r, bool stays)
{
	run_stop(r, stays);
	text_wipe(r->settings);
	free(r);
}

static int run_start(struct fleet_run *r, const struct fleet *f, const struct fleet_secret *secret)
{
	char *config = strdup(r->settings);
	int err = config ? fleet_keys_open(&r->keys) : -ENOMEM;

	if (!err)
		err = fleet_tables_open(r->daemon->engine, secret->key, (enum sluice_partition)f->on_partition,
					fleet_news_heard, r, &r->tables);
	if (!err)
		err = events_add(r);
	if (!err)
		err = shared_open(&r->shared, &secret->records);
	if (!err && shared_on(&r->shared))
		fleet_file_load(r);
	if (!err)
		r->helper = fleet_helper_new(r->daemon, TAKE_PTR(config), &fleet_ear, r);
	text_wipe(config);
	return err || r->helper ? err : -ENOMEM;
}

/* Reads the files. `d` gets the first error. */
static int files_read(const struct fleet *f, struct fleet_secret *secret, char password[static FLEET_PASSWORD_MOST],
		      struct diag *d)
{
	int err = fleet_secret_read(f->secret_file, secret, d);

	*password = 0;
	return err || !f->password_file ? err : fleet_password_read(f->password_file, password, d);
}

void fleet_warn(const struct policy *p, struct diag *d)
{
	char password[FLEET_PASSWORD_MOST];
	struct fleet_secret secret;

	if (policy_has_fleet(p) && files_read(&p->fleet, &secret, password, d))
		diag_add(d, "fleet: limits hold on this host alone until that is right, and the policy is reloaded");
	sodium_memzero(&secret, sizeof(secret));
	sodium_memzero(password, sizeof(password));
}

/* Makes a run from all that it depends on, including the content of the files. */
static struct fleet_run *run_new(struct daemon *dm, const struct fleet *f, struct fleet_secret *secret)
{
	struct fleet_run *r = calloc(1, sizeof(*r));
	char password[FLEET_PASSWORD_MOST];
	struct diag d = {};

	if (!r)
		return NULL;
	*r = (struct fleet_run){ .daemon = dm, .staleness_ms = f->max_staleness, .partition = f->on_partition };
	r->shared.bans = f->share_bans;
	r->shared.settings = f->share_settings;
	name_find(f, r->name);
	snprintf(r->user, sizeof(r->user), "%s", f->user);
	if (files_read(f, secret, password, &d)) {
		snprintf(r->error, sizeof(r->error), "%.255s", d.count ? d.item[0].text : "the secret cannot be read");
	} else {
		memcpy(r->space, secret->space, sizeof(r->space));
		r->settings = config_text(f, r, password);
	}
	diag_free(&d);
	sodium_memzero(password, sizeof(password));
	return r;
}

static bool same(const struct fleet_run *a, const struct fleet_run *b)
{
	return a->settings && b->settings && !strcmp(a->settings, b->settings) && a->partition == b->partition &&
	       a->shared.bans == b->shared.bans && a->shared.settings == b->shared.settings;
}

/* Tells other hosts about the limits in force. */
static void policy_say(struct fleet_run *r, const struct policy *p, const struct fleet_secret *secret)
{
	char *text = r->helper ? fleet_digest_make(&r->digest, p, secret->key) : NULL;

	if (text)
		fleet_helper_policy(r->helper, text);
}

/* The fleet is the same, but some of its limits may have changed. */
static void limits_follow(struct fleet_run *r)
{
	fleet_limits_forget(r);
	fleet_walk_again(r);
	fleet_heed_soon(r);
}

static void begin(struct fleet_run *r, const struct fleet *f, const struct fleet_secret *secret)
{
	int err = r->settings ? run_start(r, f, secret) : 0;

	if (err) {
		snprintf(r->error, sizeof(r->error), "cannot begin: %s", strerror(-err));
		run_stop(r, false);
	}
	if (!r->tables)
		log_say(LOG_ERR, "%s: limits hold on this host alone", r->error);
	else
		fleet_walk_again(r);
}

/* What hosts said is of no use to a policy that shares nothing. One on trial may go again. */
static void file_follow(struct daemon *dm)
{
	const struct standing *s = dm->standing;
	const struct policy *p = standing_live(s);

	if (standing_awaited(s) || standing_held(s) ||
	    (policy_has_fleet(p) && (p->fleet.share_bans || p->fleet.share_settings)))
		return;
	fleet_file_remove(dm);
}

void fleet_follow(struct daemon *dm)
{
	const struct policy *p = standing_live(dm->standing);
	struct fleet_secret secret = {};
	struct fleet_run *r;

	if (!dm->loop || !dm->engine) /* it is before the loop, or after its end */
		return;
	if (dm->fleet && dm->fleet->heeding) { /* what is changed is changed by this run itself */
		dm->fleet->follows = true;
		return;
	}
	r = policy_has_fleet(p) ? run_new(dm, &p->fleet, &secret) : NULL;
	if (r && dm->fleet && dm->fleet->tables && same(r, dm->fleet)) {
		run_free(r, true); /* it did not begin */
		dm->fleet->follows = false;
		limits_follow(dm->fleet);
		policy_say(dm->fleet, p, &secret);
		sodium_memzero(&secret, sizeof(secret));
		return;
	}
	if (dm->fleet) {
		fleet_settings_look(dm->fleet);
		run_free(dm->fleet, r != NULL);
	}
	dm->fleet = r;
	if (r) {
		begin(r, &p->fleet, &secret);
		policy_say(r, p, &secret);
	}
	file_follow(dm);
	sodium_memzero(&secret, sizeof(secret));
}

static void on_settled(evutil_socket_t fd, short what, void *dm)
{
	(void)fd;
	(void)what;
	file_follow(dm);
}

/* The policy that was on trial may be in force still, if it is about to be reverted: what follows from that comes after it. */
void fleet_settled(struct daemon *dm)
{
	static const struct timeval at_once;

	if (dm->fleet)
		fleet_heed_soon(dm->fleet);
	if (dm->loop)
		event_base_once(dm->loop, -1, EV_TIMEOUT, on_settled, dm, &at_once);
}

void fleet_end(struct daemon *dm)
{
	if (dm->fleet)
		run_free(dm->fleet, true);
	dm->fleet = NULL;
}
