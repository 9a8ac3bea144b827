/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers `status` and its like while no daemon runs: the kernel keeps enforcing, and its tables can still be read. */
#include <errno.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "banfile.h"
#include "cli.h"
#include "diag.h"
#include "instance.h"
#include "report.h"

DEFINE_CLEANUP(struct engine *, engine_close);

static int complain_diag(struct diag *d, int status)
{
	size_t i;

	for (i = 0; i < d->count; i++)
		complain(status, "%s", d->item[i].text);
	diag_free(d);
	return status;
}

static int bans_report(const struct call *c, const struct engine *e, json_t **data, struct diag *d)
{
	struct bans_wanted want = { .owner = option(c, "by") };
	const char *why = NULL;
	struct prefix about;
	int err = c->words ? ban_prefix_parse(c->word[0], &about, &why) : 0;

	if (err == -EINVAL)
		diag_add(d, "bans: '%s' %s", c->word[0], why);
	if (err)
		return err;
	if (c->words) {
		engine_who_prefix(e, &about);
		want.about = &about;
	}
	return report_bans(e, NULL, &want, NULL, data);
}

/* There is no policy here whose services could be meant. */
static int sources_report(const struct call *c, const struct engine *e, json_t **data, struct diag *d)
{
	const char *service = option_text(c, "service");
	int err = report_sources(e, NULL, service, atoi(option_text(c, "top")), data);

	if (err != -ENOENT)
		return err;
	diag_add(d, "sources: no service '%s': `sluicectl status` lists them", service);
	return -EINVAL;
}

/* Says whether what the tables hold is enforced. */
static void gate_say(int opens_in, bool starting)
{
	if (!opens_in)
		complain(0, "the daemon was stopped, and the kernel lets everything pass: systemctl start sluiced");
	else if (starting)
		complain(0, "sluiced is starting, or does not answer; the kernel keeps enforcing what is shown here");
	else if (opens_in > 0)
		complain(0, "the daemon was stopped; the kernel keeps enforcing what is shown here for %d s more",
			 opens_in);
	else
		complain(0, "the daemon is not running; the kernel keeps enforcing what is shown here");
}

int pins_report(const struct call *c, const char *verb, json_t **data)
{
	_cleanup_(engine_close) struct engine *e = NULL;
	bool starting = engine_held(c->instance);
	struct diag d = {};
	bool gone;
	int err;

	engine_set_log(NULL);
	if (engine_open_readonly(c->instance, &e, &d)) {
		if (starting && !strcmp(verb, "status")) {
			*data = report_starting();
			complain(0, "sluiced is starting: ask again in a moment");
			diag_free(&d);
			return EXIT_NO_DAEMON;
		}
		complain(0, "no answer on " SLUICE_RUN "/%s.sock: is sluiced running? (systemctl status sluiced)",
			 c->instance);
		return complain_diag(&d, EXIT_NO_DAEMON);
	}
	if (engine_here(c->instance, &gone, &d))
		complain_diag(&d, EXIT_NO_DAEMON); /* the tables are readable from anywhere, interfaces are not */
	if (!strcmp(verb, "status"))
		err = report_status(e, starting ? "starting" : "dead", -1, data);
	else if (!strcmp(verb, "counters"))
		err = report_counters(e, data);
	else if (!strcmp(verb, "sources"))
		err = sources_report(c, e, data, &d);
	else if (!strcmp(verb, "bans"))
		err = bans_report(c, e, data, &d);
	else
		err = report_allows(e, NULL, data);
	if (err == -EINVAL && d.count)
		return complain_diag(&d, EXIT_BAD);
	if (err)
		complain(0, "%s: cannot read the pins: %s", verb, strerror(-err));
	else
		gate_say(engine_opens_in(e), starting);
	return EXIT_NO_DAEMON;
}

int pins_unload(const struct call *c)
{
	struct sockaddr_un at;
	struct diag d = {};
	int err;

	engine_set_log(NULL);
	err = engine_unload(c->instance, &d);
	instance_socket(c->instance, &at);
	if (!err)
		unlink(at.sun_path); /* left by a daemon that was killed */
	openlog("sluicectl", LOG_PID, LOG_DAEMON); /* without a sluiced, nobody else keeps the trail */
	syslog(err ? LOG_ERR : LOG_NOTICE, "order: unload of instance %s by uid %u: %s", c->instance, getuid(),
	       err ? "failed" : "done");
	return complain_diag(&d, err ? EXIT_FAILED : EXIT_DONE);
}
