/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `apply` and `confirm`, with --save: the file that was put in force replaces the one that the daemon was started with. The daemon says which
 * that is, but may not write it (its unit makes /etc read-only). So this file writes it, with the caller's rights.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "diag.h"
#include "files.h"
#include "parse.h"
#include "plan.h"
#include "text_file.h"

DEFINE_CLEANUP(struct policy *, policy_free);
DEFINE_CLEANUP(struct plan *, plan_free);

/* Does the file say the same in its new place? What it includes and names may be relative to its folder. */
static int same_check(const char *from, const char *fresh, struct diag *d)
{
	_cleanup_(policy_free) struct policy *a = NULL, *b = NULL;
	_cleanup_(plan_free) struct plan *plan = NULL;
	int err = policy_parse_file(from, NULL, &a, d);

	if (!err)
		err = policy_parse_file(fresh, a, &b, d);
	if (!err)
		err = plan_diff(a, b, &plan);
	if (err || !plan->count)
		return err;
	diag_add(d, "%s: the copy would not mean the same (%s): use absolute paths for includes and lists", fresh,
		 plan->item[0].what);
	return -EINVAL;
}

/* Writes a copy of `from` beside `to`, with the permissions of `to`. */
static int fresh_write(const char *from, const char *to, const char *fresh, struct diag *d)
{
	_cleanup_free_ char *text = NULL;
	struct stat is;
	int err;

	if (stat(to, &is)) {
		diag_add(d, "%s: %s", to, strerror(errno));
		return -errno;
	}
	err = text_file_read(from, POLICY_BYTES, &(struct place){ from, 0 }, &text, d);
	if (!err)
		err = text_file_replace(fresh, text, is.st_mode & 07777, d);
	if (err || (!chown(fresh, is.st_uid, is.st_gid) && !chmod(fresh, is.st_mode & 07777)))
		return err;
	diag_add(d, "%s: cannot give it the owner and mode of %s: %s", fresh, to, strerror(errno));
	return -EPERM;
}

/* Keeps the old file as `bak`. There is always a whole file under the name. */
static int fresh_move(const char *fresh, const char *to, const char *bak, struct diag *d)
{
	if ((unlink(bak) && errno != ENOENT) || link(to, bak)) {
		diag_add(d, "cannot keep the old file as %s: %s", bak, strerror(errno));
		return -EIO;
	}
	if (!rename(fresh, to))
		return 0;
	diag_add(d, "cannot write %s: %s", to, strerror(errno));
	return -EIO;
}

static int policy_save(const char *from, const char *to, struct diag *d)
{
	char fresh[PATH_MAX + 8], bak[PATH_MAX + 8];
	int err;

	snprintf(fresh, sizeof(fresh), "%s.saved", to);
	snprintf(bak, sizeof(bak), "%s.bak", to);
	err = fresh_write(from, to, fresh, d);
	if (!err)
		err = files_as_owner(); /* as the daemon will read it */
	if (!err)
		err = same_check(from, fresh, d);
	if (!err)
		err = fresh_move(fresh, to, bak, d);
	if (err)
		unlink(fresh);
	return err;
}

/* Says so, and returns false, if the file has become another since it was applied: that was on no trial. */
static bool is_in_force(const struct call *c, const char *from)
{
	json_t *answer = NULL, *changes;
	int status = ask(c, "diff", json_pack("{s:s}", "path", from), &answer);
	bool same;

	changes = json_object_get(answer, "data");
	same = status == EXIT_DONE && !json_array_size(changes);
	json_decref(answer);
	if (status == EXIT_DONE && !same)
		complain(
			0,
			"%s: %s says something else than what is in force, so it is not saved: see sluicectl diff %s, then apply it again",
			c->command->name, from, from);
	return same;
}

static int saved_say(const struct call *c, const json_t *data)
{
	const char *from = json_string_value(json_object_get(data, "policy"));
	const char *config = json_string_value(json_object_get(data, "config"));
	_cleanup_diag_ struct diag d = {};
	_cleanup_free_ char *text = NULL;
	json_t *answer = NULL;
	char to[PATH_MAX] = "";
	int status;

	if (!from || !config || !realpath(config, to))
		return complain(EXIT_FAILED, "%s: the daemon did not say which file it was started with",
				c->command->name);
	if (!is_in_force(c, from))
		return EXIT_FAILED;
	if (strcmp(from, to) && policy_save(from, to, &d)) {
		text = diag_text(&d);
		return complain(EXIT_FAILED,
				"%s\nsluicectl: %s: in force until the next start or reload, and not saved",
				text ? text : "", c->command->name);
	}
	status = ask(c, "reload", NULL, &answer); /* so that it is in force from there */
	json_decref(answer);
	if (status == EXIT_DONE && !c->json && strcmp(from, to))
		printf("in force, and saved as %s; the old file is %s.bak\n", to, to);
	else if (status == EXIT_DONE && !c->json)
		printf("in force: this is already the file %s\n", to);
	return status;
}

static int answer_show(const struct call *c, int status, json_t *answer)
{
	const char *text;

	if (status == EXIT_NO_DAEMON)
		return complain_no_daemon(c);
	if (status != EXIT_DONE)
		return status;
	if (option(c, "save"))
		status = saved_say(c, json_object_get(answer, "data"));
	text = json_string_value(json_object_get(answer, "text"));
	if (c->json && status == EXIT_DONE)
		show_json(answer);
	else if (!c->json && !option(c, "save"))
		puts(text && *text ? text : "done");
	json_decref(answer);
	return status;
}

int cmd_confirm(const struct call *c)
{
	json_t *answer = NULL;
	int status = ask(c, "confirm", NULL, &answer);

	return answer_show(c, status, answer);
}

int cmd_apply(const struct call *c)
{
	const bool dry = option(c, "dry-run");
	json_t *args, *answer = NULL;
	int status;

	if (option(c, "save") && (dry || option(c, "confirm")))
		return complain(EXIT_BAD,
				dry ? "apply: --dry-run changes nothing, --save does: use only one of them"
				    : "apply: a policy on trial is saved when it is confirmed: confirm --save");
	args = request_args(c);
	if (!args)
		return EXIT_BAD;
	if (dry)
		return read_verb(c, "apply", args, show_forecast, false);
	status = ask(c, "apply", args, &answer);
	return answer_show(c, status, answer);
}
