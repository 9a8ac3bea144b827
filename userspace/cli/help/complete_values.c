/* SPDX-License-Identifier: BSD-2-Clause */
/* Candidates for a parameter, by its type: see complete_values.h. Without a daemon, or the right to use it, there are no names. */
#include <string.h>

#include "complete_values.h"
#include "reason.h"
#include "schema.h"
#include "scope.h"

#define SOURCES_OFFERED 50

void complete_offer(const struct typed *t, const char *text, const char *help)
{
	if (*text && !strncmp(text, t->last, strlen(t->last)))
		printf("%s%s%s\n", text, *help ? "\t" : "", help);
}

/* Returns the daemon's data, or NULL if it does not answer. */
static json_t *data_of(const struct typed *t, const char *verb, json_t *args)
{
	const struct call c = { .instance = t->instance };
	json_t *answer = NULL, *data;

	if (ask(&c, verb, args, &answer) != EXIT_DONE)
		return NULL;
	data = json_incref(json_object_get(answer, !strcmp(verb, "dump") ? "text" : "data"));
	json_decref(answer);
	return data;
}

/* Offers `key` of each object in the list, each text once. */
static void list_offer(const struct typed *t, const json_t *list, const char *key)
{
	json_t *seen = json_object(), *one;
	const char *text;
	size_t i;

	json_array_foreach(list, i, one)
	{
		text = json_string_value(json_object_get(one, key));
		if (!text || json_object_get(seen, text))
			continue;
		complete_offer(t, text, "");
		json_object_set_new(seen, text, json_true());
	}
	json_decref(seen);
}

static void answer_offer(const struct typed *t, const char *verb, json_t *args, const char *key)
{
	json_t *data = data_of(t, verb, args);

	list_offer(t, data, key);
	json_decref(data);
}

static void services_offer(const struct typed *t)
{
	json_t *data = data_of(t, "status", NULL);

	list_offer(t, json_object_get(data, "services"), "name");
	json_decref(data);
}

/* No verb lists sets; the policy in force names them. */
static void sets_offer(const struct typed *t)
{
	static const char head[] = "source-set ";
	json_t *data = data_of(t, "dump", NULL);
	_cleanup_free_ char *text = strdup(json_string_value(data) ?: "");
	char *line, *next = text;

	while (next && (line = strsep(&next, "\n"))) {
		if (strncmp(line, head, strlen(head)))
			continue;
		line += strlen(head);
		line[strcspn(line, " {")] = 0;
		complete_offer(t, line, "");
	}
	json_decref(data);
}

/* Offers what can be taken back, or seen; otherwise who is connected. */
static void prefixes_offer(const struct typed *t)
{
	static const struct {
		const char *verb, *list;
	} lists[] = { { "unban", "bans" }, { "bans", "bans" }, { "disallow", "allows" }, { "unlimit", "limits" } };
	size_t i;

	for (i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		if (strcmp(lists[i].verb, t->verb->name))
			continue;
		answer_offer(t, lists[i].list, NULL, "source");
		return;
	}
	answer_offer(t, "sources", json_pack("{s:i}", "top", SOURCES_OFFERED), "source");
}

static enum section section_typed(const struct typed *t)
{
	return t->words && !strcmp(t->word[0], "source-set") ? SECTION_SET : SECTION_SERVICE;
}

static void keys_offer(const struct typed *t)
{
	size_t i;

	for (i = 0; i < schema_count; i++) {
		if (schema[i].section == section_typed(t))
			complete_offer(t, schema[i].key, schema[i].help);
	}
}

/* Offers the limits that a sender can have of its own. */
static void limit_keys_offer(const struct typed *t)
{
	size_t i;

	for (i = 0; scope_sender_keys[i]; i++)
		complete_offer(t, scope_sender_keys[i], schema_find(SECTION_SERVICE, scope_sender_keys[i])->help);
}

static void value_offer(const struct typed *t)
{
	const struct setting *s = t->words == 3 ? schema_find(section_typed(t), t->word[2]) : NULL;
	const char *const *choice;

	for (choice = s && s->kind == KIND_CHOICE ? s->choices : NULL; choice && *choice; choice++)
		complete_offer(t, *choice, "");
	if (s && s->kind == KIND_BOOL) {
		complete_offer(t, "true", "");
		complete_offer(t, "false", "");
	}
}

static void reasons_offer(const struct typed *t)
{
	size_t i;

	for (i = 0; i < SLUICE_REASONS; i++) {
		if (reason_refuses(i))
			complete_offer(t, reason_label(i), reason_help(i));
	}
}

/* `words` is "one|two|three". */
static void words_offer(const struct typed *t, const char *words)
{
	_cleanup_free_ char *text = strdup(words);
	char *word, *next = text;

	while (next && (word = strsep(&next, "|")))
		complete_offer(t, word, "");
}

void complete_values(const struct typed *t, const struct api_param *p)
{
	if (p->type == API_CHOICE)
		words_offer(t, p->shown);
	else if (p->type == API_SERVICE && section_typed(t) == SECTION_SET)
		sets_offer(t);
	else if (p->type == API_SERVICE)
		services_offer(t);
	else if (p->type == API_PREFIX || p->type == API_ADDRESS)
		prefixes_offer(t);
	else if (p->type == API_OWNER)
		answer_offer(t, "bans", NULL, "owner");
	else if (p->type == API_KEY)
		keys_offer(t);
	else if (p->type == API_LIMIT_KEY)
		limit_keys_offer(t);
	else if (p->type == API_VALUE)
		value_offer(t);
	else if (p->type == API_REASON)
		reasons_offer(t);
	else if (p->type == API_TIME)
		words_offer(t, "10m|1h|1d|7d");
	else if (p->type == API_FILE || p->type == API_PATH)
		puts(":file");
}
