/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `check`: would a start or a reload with this policy work? kern/doctor/prove.c judges that, with the rights of the daemon. The command needs no
 * daemon and changes nothing. `doctor` reports problems of its policy in the same way.
 */
#include "cli.h"
#include "diag.h"
#include "files.h"
#include "geo_keep.h"
#include "instance.h"
#include "json_text.h"
#include "prove.h"

/* {"ok":false,"error","errors":[...],"exit"} on standard output, or the messages on standard error. Returns the exit status. */
int policy_refused(const struct call *c, const struct diag *d)
{
	_cleanup_free_ char *text = diag_text(d);
	json_t *answer;

	if (!c->json) {
		fprintf(stderr, "%s\n", text && *text ? text : "out of memory");
		return EXIT_BAD;
	}
	answer = json_pack("{s:b, s:o, s:o, s:i}", "ok", 0, "error", json_lines(text), "errors", json_errors(d), "exit",
			   EXIT_BAD);
	show_json(answer);
	json_decref(answer);
	return EXIT_BAD;
}

static void good_show(const struct call *c, const struct policy *p, const struct diag *warnings)
{
	json_t *answer;
	size_t i;

	for (i = 0; i < warnings->count && !c->json; i++)
		complain(0, "%s", warnings->item[i].text);
	if (!c->json) {
		printf("%s: good: %zu services, %zu sets\n", c->word[0], p->services.count, p->sets.count);
		return;
	}
	answer = json_pack("{s:b, s:[], s:o, s:I, s:I}", "ok", 1, "errors", "warnings", json_errors(warnings),
			   "services", (json_int_t)p->services.count, "sets", (json_int_t)p->sets.count);
	show_json(answer);
	json_decref(answer);
}

int cmd_check(const struct call *c)
{
	_cleanup_diag_ struct diag d = {}, warnings = {};
	const struct prove how = { .instance = c->instance,
				   .extent = option(c, "elsewhere") ? PROVE_FILES : PROVE_HOST,
				   .warnings = &warnings };
	struct policy *p = NULL;
	int err = files_as_owner();
	char dir[4096];

	geo_keep_at(state_dir(dir), c->instance);
	engine_set_log(NULL);
	if (!err)
		err = policy_prove(c->word[0], &how, &p, &d);
	if (err)
		return policy_refused(c, &d);
	good_show(c, p, &warnings);
	policy_free(p);
	return EXIT_DONE;
}
