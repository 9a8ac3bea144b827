/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at the host itself: needs no daemon, and asks none. */
#include <string.h>

#include "cli.h"
#include "diag.h"
#include "doctor.h"
#include "engine.h"
#include "json_text.h"
#include "parse.h"

static const char *const levels[] = {
	[FINDING_GOOD] = "good", [FINDING_NOTE] = "note", [FINDING_WARNING] = "warning", [FINDING_BAD] = "bad"
};

static void findings_json(const struct findings *f)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < f->count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "level", levels[f->item[i].level],
						      "check", f->item[i].check, "finding", json_line(f->item[i].what),
						      "remedy", json_line(f->item[i].remedy)));
	show_json(list);
	json_decref(list);
}

static void findings_text(const struct findings *f)
{
	size_t i;

	for (i = 0; i < f->count; i++) {
		printf("%-8s %s\n", levels[f->item[i].level], f->item[i].what);
		if (*f->item[i].remedy)
			printf("         -> %s\n", f->item[i].remedy);
	}
}

static int findings_status(const struct call *c, const struct findings *f)
{
	size_t i, n[4] = {};

	for (i = 0; i < f->count; i++)
		n[f->item[i].level]++;
	if (!c->json)
		printf("\n%zu bad, %zu warnings, %zu notes\n", n[FINDING_BAD], n[FINDING_WARNING], n[FINDING_NOTE]);
	return n[FINDING_BAD] ? EXIT_FAILED : EXIT_DONE;
}

/* What was said of a policy that is good: of its lists. */
static void lists_find(const struct diag *d, struct findings *f)
{
	const struct diag_message *m;
	int length;
	size_t i;

	for (i = 0; i < d->count; i++) {
		m = &d->item[i];
		length = m->hint ? (int)m->hint - 2 : (int)strlen(m->text);
		finding_add(f, FINDING_WARNING, "list", m->hint ? m->text + m->hint : "", "%.*s", length, m->text);
	}
}

int cmd_doctor(const struct call *c)
{
	const char *file = c->words ? c->word[0] : SLUICE_CONFIG;
	struct findings f = {};
	struct policy *p = NULL;
	_cleanup_diag_ struct diag d = {};
	int status;

	engine_set_log(NULL);
	if (policy_parse_file(file, NULL, &p, &d))
		return policy_refused(c, &d);
	lists_find(&d, &f);
	doctor_kernel(&f);
	doctor_interfaces(p, c->instance, &f);
	doctor_listeners(p, &f);
	doctor_containers(p, &f);
	if (c->json)
		findings_json(&f);
	else
		findings_text(&f);
	status = findings_status(c, &f);
	findings_free(&f);
	policy_free(p);
	return status;
}
