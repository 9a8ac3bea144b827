/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints userspace/api/ for programs that cannot read C: `api` prints verbs.def and answers.def as JSON, for tests/e2e/test_api.py; `api
 * manual` prints the list of fields in sluicectl(8), which scripts/check.sh compares.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "api.h"

static const char *const types[] = {
#define TEXT_TYPE(id, ...) [API_##id] = "TEXT",
#define NUMBER_TYPE(id, ...) [API_##id] = "NUMBER",
#define FLAG_TYPE(id) [API_##id] = "FLAG",
#include "types.def"
};

/* A row of answers.def: an answer if `form` is not NULL, otherwise one of its fields. */
static const struct row {
	const char *form, *name, *type, *presence, *unit, *text; /* for SAME: the type is "SAME", the text is the id */
} rows[] = {
#define ANSWER(id, form, commands) { #form, #id, "", "", "", commands },
#define FIELD(path, type, presence, unit, meaning) { NULL, path, #type, #presence, unit, meaning },
#define SAME(path, id) { NULL, path, "SAME", "ALWAYS", "", #id },
#include "answers.def"
};
#define ROWS (sizeof(rows) / sizeof(*rows))

static json_t *param_json(const struct api_param *p)
{
	static const char *const places[] = { "", "WORD", "OPTION", "INNER" };

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "place", places[p->place], "name", p->name, "shown",
			 p->shown, "arg", p->arg, "type", types[p->type], "least", (json_int_t)api_least(p->type),
			 "most", (json_int_t)api_most(p->type));
}

static json_t *verbs_json(void)
{
	static const char *const rights[] = { "READ", "WRITE", "LOCAL" };
	json_t *list = json_array(), *params;
	const struct api_param *p;
	size_t i;

	for (i = 0; i < api_verbs_count; i++) {
		params = json_array();
		for (p = api_verbs[i].params; p->place != API_END; p++)
			json_array_append_new(params, param_json(p));
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "name", api_verbs[i].name, "right",
						      rights[api_verbs[i].right], "help", api_verbs[i].help, "params",
						      params));
	}
	return list;
}

static json_t *answers_json(void)
{
	json_t *list = json_array(), *fields = NULL;
	const struct row *r;

	for (r = rows; r < rows + ROWS; r++) {
		if (r->form) {
			fields = json_array();
			json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "id", r->name, "form", r->form,
							      "commands", r->text, "fields", fields));
			continue;
		}
		json_array_append_new(fields, json_pack("{s:s, s:s, s:s, s:s, s:s}", "path", r->name, "type", r->type,
							"presence", r->presence, "unit", r->unit, "text", r->text));
	}
	return list;
}

static const struct row *answer_of(const char *id)
{
	const struct row *r;

	for (r = rows; r < rows + ROWS && (!r->form || strcmp(r->name, id)); r++)
		;
	return r < rows + ROWS ? r : NULL;
}

static void fields_print(const struct row *answer, const char *at);

static void field_print(const struct row *r, const char *at)
{
	const char *type = !strcmp(r->type, "ANY") ? "" : r->type;
	char path[256];

	snprintf(path, sizeof(path), "%s%s%s", at, *at && *r->name != '[' ? "." : "", r->name);
	if (!strcmp(r->type, "SAME")) {
		fields_print(answer_of(r->text), path);
		return;
	}
	printf(".It Li %s\n", path);
	printf("%s", *type ? type[0] == 'T'   ? "text"
			     : type[0] == 'B' ? "true or false"
			     : type[0] == 'I' ? "integer"
					      : "number"
			   : "any");
	printf("%s%s", *r->unit ? ", " : "", r->unit);
	printf("%s: %s.\n",
	       !strcmp(r->presence, "NULL")    ? " or null"
	       : !strcmp(r->presence, "MAYBE") ? ", where it applies"
					       : "",
	       r->text);
}

static void fields_print(const struct row *answer, const char *at)
{
	const struct row *r;

	for (r = answer + 1; r < rows + ROWS && !r->form; r++)
		field_print(r, at);
}

static void manual_print(void)
{
	const struct row *r;

	for (r = rows; r < rows + ROWS; r++) {
		if (!r->form || !strcmp(r->form, "PART"))
			continue;
		printf(".Ss %s\n.Bl -tag -width Ds -compact\n", r->text);
		fields_print(r, !strcmp(r->form, "ORDER") ? "data" : "");
		puts(".El");
	}
}

int main(int argc, char **argv)
{
	json_t *all;

	if (argc > 1 && !strcmp(argv[1], "manual")) {
		manual_print();
		return 0;
	}
	all = json_pack("{s:o, s:o}", "verbs", verbs_json(), "answers", answers_json());
	json_dumpf(all, stdout, JSON_INDENT(1));
	json_decref(all);
	return 0;
}
