/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes a table of verbs.def, and checks requests against it: see api.h. It has no state. */
#include "api.h"

#include <errno.h>
#include <string.h>

#include "alike.h"

#define WORD(presence, shown, arg, type) { API_WORD, API_##presence, "", shown, arg, API_##type },
#define OPTION(presence, name, shown, arg, type) { API_OPTION, API_##presence, name, shown, arg, API_##type },
#define FLAG(presence, name, arg) { API_OPTION, API_##presence, name, "", arg, API_FLAG },
#define INNER(arg, type) { API_INNER, API_MAY, "", "", arg, API_##type },
#define PARAMS(...)                                            \
	(const struct api_param[])                             \
	{                                                      \
		__VA_ARGS__                                    \
		{                                              \
			API_END, API_MAY, "", "", "", API_FLAG \
		}                                              \
	}
#define VERB(id, name, right, help, ...) { name, API_##right, help, PARAMS(__VA_ARGS__) },
#define COMMAND(id, name, help, ...) { name, API_LOCAL, help, PARAMS(__VA_ARGS__) },

const struct api_verb api_verbs[] = {
#include "verbs.def"
};
const size_t api_verbs_count = sizeof(api_verbs) / sizeof(*api_verbs);

enum form { TEXT_FORM, NUMBER_FORM, FLAG_FORM };

static const struct {
	enum form form;
	uint32_t least, most;
} types[] = {
#define TEXT_TYPE(id, most) [API_##id] = { TEXT_FORM, 0, most },
#define NUMBER_TYPE(id, least, most) [API_##id] = { NUMBER_FORM, least, most },
#define FLAG_TYPE(id) [API_##id] = { FLAG_FORM, 0, 1 },
#include "types.def"
};

const struct api_verb *api_find(const char *name)
{
	size_t i;

	for (i = 0; i < api_verbs_count && strcmp(api_verbs[i].name, name); i++)
		;
	return i < api_verbs_count ? &api_verbs[i] : NULL;
}

const struct api_param *api_option(const struct api_verb *v, const char *name)
{
	const struct api_param *p;

	for (p = v->params; p->place != API_END; p++) {
		if (p->place == API_OPTION && !strcmp(p->name, name))
			return p;
	}
	return NULL;
}

uint32_t api_least(enum api_type type)
{
	return types[type].least;
}

uint32_t api_most(enum api_type type)
{
	return types[type].most;
}

static bool is_joined(const struct api_param *p)
{
	return p->presence == API_OR || (p + 1)->presence == API_WITH;
}

/* A parameter that goes WITH an option is written inside its brackets. */
const char *api_synopsis(const struct api_verb *v, char buf[static API_SYNOPSIS_LEN])
{
	const struct api_param *p;
	char *at = buf;
	bool may;

	*buf = 0;
	for (p = v->params; p->place == API_WORD || p->place == API_OPTION; p++) {
		may = p->presence == API_MAY || p->presence == API_WITH || p->presence == API_MORE;
		if (p > v->params && (p - 1)->presence != API_OR)
			at += sprintf(at, " ");
		at += sprintf(at, "%s%s%s%s%s", may ? "[" : "", p->place == API_OPTION ? "--" : "", p->name,
			      *p->name && *p->shown ? " " : "", p->shown);
		at += sprintf(at, "%s%s", may && !is_joined(p) ? "]" : "", p->presence == API_WITH ? "]" : "");
		at += sprintf(at, "%s", p->presence == API_OR ? "|" : "");
	}
	return buf;
}

static const struct api_param *param_find(const struct api_verb *v, const char *arg)
{
	const struct api_param *p;

	for (p = v->params; p->place != API_END && (!*p->arg || strcmp(p->arg, arg)); p++)
		;
	return p->place != API_END ? p : NULL;
}

static int name_refuse(const struct api_verb *v, const char *name, struct diag *d)
{
	struct alike like = alike_to(name);
	const struct api_param *p;
	char meant[ALIKE_TEXT_LEN];

	for (p = v->params; p->place != API_END; p++) {
		if (*p->arg)
			alike_offer(&like, p->arg);
	}
	alike_ask(like.found, meant);
	diag_add(d, "there is no argument '%.*s'%s%s", ALIKE_LONGEST, name, *meant ? ": " : "", meant);
	return -EINVAL;
}

static int value_refuse(const struct api_param *p, struct diag *d)
{
	const uint32_t least = types[p->type].least, most = types[p->type].most;

	if (types[p->type].form == TEXT_FORM)
		diag_add(d, "%s: this takes a text of at most %u bytes", p->arg, most);
	else if (types[p->type].form == NUMBER_FORM)
		diag_add(d, "%s: this takes a whole number from %u to %u", p->arg, least, most);
	else
		diag_add(d, "%s: this takes true or false", p->arg);
	return -EINVAL;
}

static bool is_good(const struct api_param *p, const json_t *value)
{
	if (types[p->type].form == TEXT_FORM)
		return json_is_string(value) && json_string_length(value) <= types[p->type].most;
	if (types[p->type].form == NUMBER_FORM)
		return json_is_integer(value) && json_integer_value(value) >= types[p->type].least &&
		       json_integer_value(value) <= types[p->type].most;
	return json_is_boolean(value);
}

int api_check(const struct api_verb *v, const json_t *args, struct diag *d)
{
	const struct api_param *p;
	const json_t *value;
	const char *name;

	if (args && !json_is_object(args)) {
		diag_add(d, "args is not a JSON object");
		return -EINVAL;
	}
	json_object_foreach((json_t *)(uintptr_t)args, name, value)
	{
		p = param_find(v, name);
		if (!p)
			return name_refuse(v, name, d);
		if (!is_good(p, value))
			return value_refuse(p, d);
	}
	return 0;
}

bool api_names_a_file(const struct api_verb *v, const json_t *args)
{
	const struct api_param *p;

	for (p = v->params; p->place != API_END; p++) {
		if (p->type == API_PATH && json_object_get(args, p->arg))
			return true;
	}
	return false;
}
