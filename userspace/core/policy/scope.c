/* SPDX-License-Identifier: BSD-2-Clause */
/* Live settings: see scope.h. */
#include <errno.h>
#include <libgen.h>
#include <string.h>

#include "alike.h"
#include "cleanup.h"
#include "scope.h"
#include "section.h"
#include "sender.h"

struct scope scope_of_service(const char *name)
{
	struct scope s = { .section = SECTION_SERVICE };

	snprintf(s.title, sizeof(s.title), "%s", name);
	return s;
}

bool scope_same(const struct scope *a, const struct scope *b)
{
	return a->section == b->section && !strcmp(a->title, b->title) && a->is_sender == b->is_sender &&
	       (!a->is_sender || !memcmp(&a->sender, &b->sender, sizeof(a->sender)));
}

const char *scope_format(const struct scope *s, const char *sender, char buf[static SCOPE_TEXT_LEN])
{
	if (s->is_sender)
		snprintf(buf, SCOPE_TEXT_LEN, "%s%s%s", sender, *s->title ? " at " : "", s->title);
	else if (s->section == SECTION_TOP)
		snprintf(buf, SCOPE_TEXT_LEN, "the policy");
	else
		snprintf(buf, SCOPE_TEXT_LEN, "%s %s", section_names[s->section], s->title);
	return buf;
}

const char *const scope_sender_keys[] = { "max-connections-per-source", "max-rate-per-source",
					  "max-connections-per-network", "max-rate-per-network", NULL };

const struct setting *scope_key(const struct scope *s, const char *key)
{
	size_t i;

	if (!s->is_sender)
		return schema_find(s->section, key);
	for (i = 0; scope_sender_keys[i] && strcmp(scope_sender_keys[i], key); i++)
		;
	return scope_sender_keys[i] ? schema_find(SECTION_SET, key) : NULL;
}

/* If no policy has the sender yet, it is made. Returns NULL if there is none. */
static void *base_find(struct policy *p, const struct scope *s)
{
	return s->is_sender ? (void *)sender_open(p, &s->sender, s->title) : section_find(p, s->section, s->title);
}

static int base_refuse(const struct policy *p, const struct scope *s, struct diag *d)
{
	return s->is_sender ? -ENOMEM : section_missing(p, s->section, s->title, d);
}

static int key_refuse(const struct scope *s, const char *key, struct diag *d)
{
	struct alike like = alike_to(key);
	char meant[ALIKE_TEXT_LEN];
	size_t i;

	for (i = 0; scope_sender_keys[i]; i++)
		alike_offer(&like, scope_sender_keys[i]);
	if (s->is_sender)
		diag_add(d, "'%s' is not a limit of one sender: %s", key,
			 *alike_ask(like.found, meant) ? meant
						       : "max-connections-per-source, max-rate-per-source, "
							 "max-connections-per-network or max-rate-per-network");
	else
		diag_add(d, "unknown key '%s': %s", key,
			 *alike_ask(schema_suggest(s->section, key), meant) ? meant : "sluice.conf(5) lists them");
	return -EINVAL;
}

/* Returns what is between the braces, if there are any, or NULL if there is only one of them. */
static char *inside_of(char *text)
{
	char *at = text + strspn(text, " \t");
	size_t n = strlen(at);

	while (n && strchr(" \t", at[n - 1]))
		at[--n] = 0;
	if (*at != '{')
		return strchr(at, '}') ? NULL : at;
	if (n < 2 || at[n - 1] != '}')
		return NULL;
	at[n - 1] = 0;
	return at + 1;
}

/* Removes the quotes that a policy may have around an element. */
static char *unquoted(char *word)
{
	size_t n = strlen(word);

	if (n < 2 || !strchr("\"'", *word) || word[n - 1] != *word)
		return word;
	word[n - 1] = 0;
	return word + 1;
}

/* Sets all elements of a list anew. */
static int list_set(const struct setting *s, void *base, char *text, const char *dir, char *why, size_t size)
{
	char *in = inside_of(text), *save, *word;
	int err = 0;

	list_clear(s, base);
	if (!in) {
		snprintf(why, size, "a brace is missing: write {A, B}");
		return -EINVAL;
	}
	if (in == text && !strcmp(in, "none"))
		return 0;
	for (word = strtok_r(in, ", \t", &save); word && !err; word = strtok_r(NULL, ", \t", &save))
		err = setting_set(s, base, unquoted(word), dir, why, size);
	return err;
}

/* A sender's limit is read like that of a set. */
static int sender_set(const struct setting *s, struct policy_sender *sender, const char *value, char *why, size_t size)
{
	struct policy_set as = { .limits = sender->limits };
	int err = setting_set(s, &as, value, NULL, why, size);

	sender->limits = as.limits;
	return err;
}

/*
 * Reads again what a set itself names, after its texts have changed. Its lists are read later, by the code that applies all settings
 * (lists_complete()).
 */
static int prefixes_reparse(struct policy_set *set)
{
	const char *why;
	int err = 0;
	size_t i;

	set->prefixes.count = 0;
	for (i = 0; i < set->prefix_texts.count && !err; i++)
		err = prefixes_parse(&set->prefixes, set->prefix_texts.item[i], &why);
	return err;
}

static bool key_is_prefixes(const struct setting *s)
{
	return s->section == SECTION_SET && !strcmp(s->key, "prefixes");
}

static int value_set(struct policy *p, const struct setting *s, void *base, char *value, char *why, size_t size)
{
	_cleanup_free_ char *path = p->path ? strdup(p->path) : NULL;
	const char *dir = path ? dirname(path) : NULL;

	return kind_is_list(s->kind) ? list_set(s, base, value, dir, why, size)
				     : setting_set(s, base, value, dir, why, size);
}

int policy_set_value(struct policy *p, const struct scope *where, const char *key, const char *value, struct diag *d)
{
	const struct setting *s = scope_key(where, key);
	_cleanup_free_ char *copy = strdup(value);
	void *base = base_find(p, where);
	char why[256];
	int err;

	if (!copy)
		return -ENOMEM;
	if (!base)
		return base_refuse(p, where, d);
	if (!s)
		return key_refuse(where, key, d);
	err = where->is_sender ? sender_set(s, base, copy, why, sizeof(why))
			       : value_set(p, s, base, copy, why, sizeof(why));
	if (err)
		diag_add(d, "%s: %s", key, why);
	return !err && key_is_prefixes(s) ? prefixes_reparse(base) : err;
}

char *policy_get_value(const struct policy *p, const struct scope *where, const char *key)
{
	const struct setting *s = where->is_sender ? NULL : scope_key(where, key);
	const void *base = s ? section_find(p, where->section, where->title) : NULL;
	char *text = NULL, *value;
	size_t size;
	FILE *out;

	if (!base || ((s->kind == KIND_FILE || s->kind == KIND_PATTERN) && setting_is_default(s, base)))
		return strdup("");
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	setting_write(s, base, out);
	value = fclose(out) ? NULL : strdup(text + strlen(s->key) + strlen(" = "));
	free(text);
	return value;
}
