/* SPDX-License-Identifier: BSD-2-Clause */
/* `doctor`: checks the host itself, without a daemon; only about the store of a fleet it asks a daemon that runs. */
#include <string.h>

#include "cli.h"
#include "diag.h"
#include "doctor.h"
#include "doctor_fleet.h"
#include "engine.h"
#include "files.h"
#include "geo_age.h"
#include "geo_keep.h"
#include "instance.h"
#include "json_text.h"
#include "paint.h"
#include "prove.h"

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
	struct paint p;
	size_t i;

	for (i = 0; i < f->count; i++) {
		p = paint_word(levels[f->item[i].level]);
		printf("%s%-8s%s %s\n", p.on, levels[f->item[i].level], p.off, f->item[i].what);
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

/* Adds what should be known about the policy on this host, although it is good. */
static void doctor_policy(const struct diag *warnings, struct findings *f)
{
	const struct diag_message *m;

	for (m = warnings->item; m < warnings->item + warnings->count; m++)
		finding_add(f, FINDING_WARNING, "policy", m->hint ? m->text + m->hint : "", "%.*s",
			    (int)(m->hint ? m->hint - 2 : strlen(m->text)), m->text);
}

/* Checks how old the databases are, for their kind. */
static void doctor_databases(const struct policy *p, struct findings *f)
{
	const struct geo_file *file;
	time_t now = time(NULL);
	bool old;
	size_t i;

	if (!p->geo)
		finding_add(f, FINDING_NOTE, "database",
			    "name one with geoip { database = {...} }, such as that of tor-geoipdb",
			    "no country database is in force: connections are not counted by country");
	for (i = 0; p->geo && i < p->geo->files; i++) {
		file = &p->geo->file[i];
		old = geo_file_is_old(file, now);
		finding_add(f, old ? FINDING_WARNING : FINDING_GOOD, "database",
			    old ? "let sluice-geo.timer fetch it: sluicectl(8), geo" : "",
			    "the database %s is %lld days old%s, published %s", file->path,
			    (long long)(now - (time_t)file->built) / 86400, old ? ": old" : "", file->pace->published);
	}
}

/* Reads the policy as the daemon would; about this host the findings say more. */
static int policy_read(const struct call *c, const char *file, struct policy **out, struct diag *warnings,
		       struct diag *d)
{
	const struct prove how = { .instance = c->instance, .extent = PROVE_LOADED, .warnings = warnings };
	int err = files_owner_only(true);

	if (!err)
		err = policy_prove(file, &how, out, d);
	files_owner_only(false);
	return err;
}

int cmd_doctor(const struct call *c)
{
	const char *file = c->words ? c->word[0] : SLUICE_CONFIG;
	struct findings f = {};
	struct policy *p = NULL;
	_cleanup_diag_ struct diag d = {}, warnings = {};
	char dir[4096];
	int status;

	engine_set_log(NULL);
	geo_keep_at(state_dir(dir), c->instance);
	if (policy_read(c, file, &p, &warnings, &d))
		return policy_refused(c, &d);
	doctor_policy(&warnings, &f);
	doctor_databases(p, &f);
	doctor_gate(c->instance, &f);
	doctor_kernel(&f);
	doctor_interfaces(p, c->instance, &f);
	doctor_listeners(p, &f);
	doctor_metrics(p, c->instance, &f);
	doctor_containers(p, &f);
	doctor_fleet(c, p, &f);
	if (c->json)
		findings_json(&f);
	else
		findings_text(&f);
	status = findings_status(c, &f);
	findings_free(&f);
	policy_free(p);
	return status;
}
