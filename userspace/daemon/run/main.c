/* SPDX-License-Identifier: BSD-2-Clause */
/* sluiced: reads its options, starts an instance or takes over the loaded one, runs the loop, and stops it as requested. */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <syslog.h>

#include "bans_owners.h"
#include "daemon.h"
#include "data.h"
#include "events.h"
#include "files.h"
#include "geo_keep.h"
#include "hear.h"
#include "refusals_memory.h"
#include "history.h"
#include "history_day.h"
#include "instance.h"
#include "keeper.h"
#include "lists.h"
#include "own.h"
#include "parse.h"
#include "protocol.h"
#include "prove.h"
#include "refusals.h"

DEFINE_CLEANUP(struct policy *, policy_free);

static const char usage[] = "usage: sluiced [-c FILE] [-i INSTANCE] [-n] [-f] [-v]\n"
			    "  -c FILE      policy file (default " SLUICE_CONFIG ")\n"
			    "  -i INSTANCE  instance name (default \"default\")\n"
			    "  -n           check the policy and exit: 0 good, 2 bad\n"
			    "  -f           stay in the foreground, log to standard error\n"
			    "  -v           also log the messages of libbpf and libxdp\n"
			    "  -h, -V       print this text; print the version\n";

/* Returns -1 to continue, otherwise the exit status. */
static int options_parse(struct daemon *dm, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "c:i:nfvhV")) != -1) {
		if (option == 'c')
			dm->config = optarg;
		else if (option == 'i')
			dm->instance = optarg;
		else if (option == 'n')
			dm->check_only = true;
		else if (option == 'f')
			dm->foreground = true;
		else if (option == 'v')
			dm->verbose = true;
		else if (option == 'h')
			return fputs(usage, stdout) < 0 ? EXIT_FAILED : EXIT_DONE;
		else if (option == 'V')
			return puts("sluiced " SLUICE_VERSION) < 0 ? EXIT_FAILED : EXIT_DONE;
		else
			return fputs(usage, stderr) < 0 ? EXIT_BAD : EXIT_BAD;
	}
	if (optind < argc || !instance_is_good(dm->instance)) {
		fprintf(stderr, "sluiced: %s\n%s",
			optind < argc ? "unexpected argument"
				      : "an instance name has 1 to 31 letters, digits, '_', '.', '-'",
			usage);
		return EXIT_BAD;
	}
	return -1;
}

/* -n: says what a start would do. */
static int policy_try(struct daemon *dm, const struct policy *kept, struct policy **out, struct diag *d)
{
	_cleanup_diag_ struct diag warnings = {};
	const struct prove how = { .kept = kept, .instance = dm->instance, .warnings = &warnings };
	int err = policy_prove(dm->config, &how, out, d);

	log_diag(LOG_WARNING, &warnings);
	if (!err)
		printf("%s: good: %zu services, %zu sets\n", dm->config, (*out)->services.count, (*out)->sets.count);
	return err;
}

static int policy_load(struct daemon *dm, struct policy **out, struct diag *d)
{
	_cleanup_(policy_free) struct policy *kept = NULL;
	int err = files_as_owner(); /* a reload will be able to read what the start reads */
	char dir[4096];

	geo_keep_at(state_dir(dir), dm->instance);
	if (!err)
		kept = lists_recall(dm);
	if (!err && !kept)
		err = -ENOMEM;
	if (err)
		return err;
	if (dm->check_only)
		return policy_try(dm, kept, out, d);
	databases_count_installed();
	err = policy_parse_file(dm->config, kept, out, d);
	if (!err)
		owns_warn(*out, d);
	return err;
}

/* Prepares what a start works with. Takes over `p` in any case. */
static int daemon_equip(struct daemon *dm, struct policy *p)
{
	dm->privacy = privacy_new();
	dm->ban_owners = calloc(1, sizeof(*dm->ban_owners));
	dm->refusals = refusals_new(REFUSALS_MOST);
	dm->standing = standing_new(&daemon_ops, dm, dm->config, dm->instance, dm->privacy, p);
	if (!dm->privacy || !dm->ban_owners || !dm->refusals || !dm->standing)
		return -ENOMEM;
	privacy_set(dm->privacy, standing_live(dm->standing));
	return 0;
}

/* A first start that somebody ends meanwhile is given up. One that takes over goes on, and is then stopped as usual: the gate was there before. */
static int start_is_wanted(const struct daemon *dm, struct diag *d)
{
	if (!dm->fresh || !signals_want_stop())
		return 0;
	diag_add(d, "a signal ended the start");
	return -ECANCELED;
}

/* Loads, fills, attaches: traffic comes last. */
static int daemon_start(struct daemon *dm, struct diag *d)
{
	bool resumed = false;
	int err = engine_open(dm->instance, standing_live(dm->standing), &dm->engine, &resumed, d);

	if (!err) {
		dm->fresh = !resumed && !engine_old_stands(dm->engine);
		keeper_lend(dm);
	}
	if (!err)
		err = events_off(dm->engine);
	if (!err)
		engine_locals(dm->engine, d); /* if this fails it says so, and limits hold all the same */
	if (!err)
		state_load(dm, resumed);
	if (!err)
		refusals_load(dm);
	if (!err)
		err = history_load(dm);
	if (!err)
		err = standing_start(dm->standing, d);
	if (!err && !standing_held(dm->standing))
		err = engine_inherit(dm->engine, d);
	if (!err)
		err = keeper_exchange(dm, d);
	if (!err)
		err = start_is_wanted(dm, d);
	if (!err && !standing_held(dm->standing))
		err = standing_attach(dm->standing, d);
	if (!err)
		err = start_is_wanted(dm, d);
	if (!err)
		err = keeper_bury(dm, d);
	/* From here on the gate depends on us again, whatever an earlier daemon said when it stopped. */
	if (!err)
		err = engine_stand_guard(dm->engine);
	if (!err)
		log_say(LOG_NOTICE, "%s instance %s, policy %s", resumed ? "took over" : "loaded", dm->instance,
			standing_held(dm->standing) ? "of before" : dm->config);
	log_diag(err ? LOG_ERR : LOG_WARNING, d);
	return err;
}

static void daemon_done(struct daemon *dm)
{
	struct diag d = {};

	if (dm->engine)
		engine_untune(dm->engine, &d);
	log_diag(LOG_ERR, &d);
	if (dm->engine && dm->stopped)
		lists_tick(dm);
	if (dm->engine && dm->stopped)
		log_say(LOG_NOTICE,
			"stopped; the kernel keeps enforcing the policy for %us, then lets everything pass (sluicectl -i %s "
			"unload removes it)",
			standing_live(dm->standing)->stop_grace, dm->instance);
	engine_close(dm->engine);
	keeper_end(dm);
	standing_free(dm->standing);
	privacy_free(dm->privacy);
	free(dm->containers);
	free(dm->ban_owners);
	refusals_free(dm->refusals);
	history_free(dm->history);
	geo_free(dm->kept);
}

/* Begins another keeper if the first one has gone, which works as long as this process has all its rights. */
static int keeper_again(struct daemon *dm)
{
	if (dm->keeper >= 0)
		return 0;
	keeper_end(dm);
	return keeper_begin(dm);
}

/* A first start that failed leaves the host as it was. What was loaded before stays: it still guards. */
static void daemon_undo(struct daemon *dm, struct diag *d)
{
	int err;

	if (!dm->engine || !dm->fresh)
		return;
	if (dm->listener)
		control_close(dm);
	engine_close(dm->engine);
	dm->engine = NULL;
	err = keeper_again(dm);
	if (!err)
		err = keeper_unload(dm, d);
	if (err)
		diag_add(d,
			 "not started, and what was loaded for instance %s is not removed: run sluicectl -i %s unload",
			 dm->instance, dm->instance);
	else
		diag_add(d, "not started: what was loaded for instance %s is removed again", dm->instance);
}

/* Takes over `p` in any case. */
static int daemon_run(struct daemon *dm, struct policy *p, struct diag *d)
{
	int err;

	/* This comes before the lock and the loop exist, so that both belong to the process that stays. */
	err = interfaces_stand(p, &(const struct prove){ .instance = dm->instance }, d);
	if (!err && !dm->foreground && !getenv("NOTIFY_SOCKET"))
		err = background_begin(dm);
	if (!err)
		err = keeper_begin(dm);
	signals_hold();
	if (!err)
		err = daemon_equip(dm, TAKE_PTR(p));
	if (!err)
		err = daemon_start(dm, d);
	if (!err)
		err = daemon_loop(dm, d);
	if (err)
		daemon_undo(dm, d);
	policy_free(p);
	return err;
}

/* No daemon comes to guard: says what becomes of the gate of the one before. */
static void gate_say(const struct daemon *dm, struct diag *d)
{
	const int left = instance_opens_in(dm->instance);

	if (left > 0)
		diag_add(d, "not started; the policy of before is enforced for %d s more, then everything passes",
			 left);
	else if (!left)
		diag_add(d, "not started: everything passes until sluiced is");
}

/* A message that could not be written was not given. */
static int said(int status)
{
	return (fflush(stdout) || ferror(stdout)) && status == EXIT_DONE ? EXIT_FAILED : status;
}

int main(int argc, char **argv)
{
	struct daemon dm = {
		.config = SLUICE_CONFIG, .instance = "default", .starter = -1, .keeper = -1, .lists.others = true
	};
	struct policy *p = NULL;
	struct diag d = {};
	int err = 0, status;

	status = options_parse(&dm, argc, argv);
	if (status >= 0)
		return said(status);
	log_open(true, dm.verbose);
	status = policy_load(&dm, &p, &d) ? EXIT_BAD : EXIT_DONE;
	if (status == EXIT_DONE && !dm.check_only) {
		log_diag(LOG_WARNING, &d);
		err = daemon_run(&dm, TAKE_PTR(p), &d);
		status = err ? EXIT_FAILED : EXIT_DONE;
	}
	if (status != EXIT_DONE && !dm.check_only)
		gate_say(&dm, &d);
	log_diag(LOG_ERR, &d);
	policy_free(p);
	daemon_done(&dm);
	if (err == -ECANCELED)
		signals_end();
	return said(status);
}
