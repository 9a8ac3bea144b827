/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `check`: reads a policy as the daemon would, with the same rights, and says all that is wrong with it. It asks no daemon and changes
 * nothing. `doctor` says in the same way what is wrong with the policy that it looks at.
 */
#include "cli.h"
#include "diag.h"
#include "files.h"
#include "json_text.h"
#include "parse.h"

/* {"ok":false,"errors":[...]} on standard output, or the messages on standard error. Returns the exit status. */
int policy_refused(const struct call *c, const struct diag *d)
{
	_cleanup_free_ char *text = diag_text(d);
	json_t *answer;

	if (!c->json) {
		fprintf(stderr, "%s\n", text && *text ? text : "no memory left");
		return EXIT_BAD;
	}
	answer = json_pack("{s:b, s:o}", "ok", 0, "errors", json_errors(d));
	show_json(answer);
	json_decref(answer);
	return EXIT_BAD;
}

/* What is wrong with its lists is said, too: the daemon would start all the same. */
static void good_show(const struct call *c, const struct policy *p, const struct diag *d)
{
	_cleanup_free_ char *text = diag_text(d);
	json_t *answer;

	if (!c->json) {
		if (text && *text)
			fprintf(stderr, "%s\n", text);
		printf("%s: good: %zu services, %zu sets\n", c->word[0], p->services.count, p->sets.count);
		return;
	}
	answer = json_pack("{s:b, s:[], s:o, s:I, s:I}", "ok", 1, "errors", "warnings", json_errors(d), "services",
			   (json_int_t)p->services.count, "sets", (json_int_t)p->sets.count);
	show_json(answer);
	json_decref(answer);
}

int cmd_check(const struct call *c)
{
	_cleanup_diag_ struct diag d = {};
	struct policy *p = NULL;
	int err = files_as_owner();

	if (!err)
		err = policy_parse_file(c->word[0], NULL, &p, &d);
	if (err)
		return policy_refused(c, &d);
	good_show(c, p, &d);
	policy_free(p);
	return EXIT_DONE;
}
