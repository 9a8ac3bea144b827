/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys and values of a policy as they are read: see rules.h. The rules of grammar.y call this; the schema says what a key accepts. */
#include <errno.h>
#include <string.h>

#include "alike.h"
#include "cleanup.h"
#include "rules.h"
#include "syntax.h"

#define INCLUDE_WRONG "include needs parentheses: write include(conf.d/*.conf)"

/* A key that this section does not have: it belongs to another, or is misspelt. */
static void key_refuse(struct reader *r, const char *name, const struct place *at)
{
	const char *like = schema_suggest(r->in.section, name);
	enum section owner = schema_owner(name);
	char meant[ALIKE_TEXT_LEN];
	struct place here = *at;

	here.key = name;
	reader_spoil(r, *like ? schema_find(r->in.section, like) : NULL);
	if (!strcmp(name, "include"))
		reader_refuse(r, &here, INCLUDE_WRONG);
	else if (section_named(name) != SECTIONS)
		reader_refuse(r, &here, "%s is a section and takes no '=': write %s %s{ ... }", name, name,
			      section_is_single(section_named(name)) ? "" : "NAME ");
	else if (owner == SECTION_TOP)
		reader_refuse(r, &here, "unknown key '%s' in %s: it belongs outside all sections: close this one first",
			      name, section_names[r->in.section]);
	else if (owner != SECTIONS)
		reader_refuse(r, &here, "unknown key '%s' %s%s: it is a key of %s: move it there", name,
			      r->in.inside ? "in " : "outside all sections",
			      r->in.inside ? section_names[r->in.section] : "", section_names[owner]);
	else if (*like)
		reader_refuse(r, &here, "unknown key '%s': %s", name, alike_ask(like, meant));
	else
		reader_refuse(r, &here, "unknown key '%s': sluice.conf(5) lists them", name);
	r->body = section_named(name) != SECTIONS;
}

/* Whatever is open ends where a key begins. */
static void open_refuse(struct reader *r)
{
	if (r->list.file)
		reader_refuse(r, &r->list, "the list that opens here is never closed: add }");
	else if (r->pending)
		value_missing(r);
	r->list = (struct place){};
}

void key_begin(struct reader *r, const struct word *word, const struct place *at, bool append)
{
	_cleanup_free_ char *name = NULL;
	const struct setting *s;
	struct place *before;

	open_refuse(r);
	r->key = *at;
	r->setting = NULL;
	r->append = append;
	r->pending = true;
	name = r->in.ignored ? NULL : word_text(r, word, at);
	if (!name)
		return;
	s = schema_find(r->in.section, name);
	if (!s) {
		key_refuse(r, name, at);
		return;
	}
	r->key.key = s->key;
	before = &r->seen[s - schema];
	if (append && !kind_is_list(s->kind))
		reader_refuse(r, &r->key, "%s: '+=' adds to a list, and this is one value: write %s = VALUE", s->key,
			      s->key);
	else if (before->file && !append)
		reader_refuse(r, &r->key, "%s appears twice here, first in line %d, column %d: keep one of them",
			      s->key, before->line, before->column);
	*before = before->file ? *before : r->key;
	r->setting = s;
	if (policy_note(r->policy, s, reader_title(r), &r->key))
		r->err = -ENOMEM;
}

void equals_missing(struct reader *r, const struct word *word, const struct place *at, const struct word *value)
{
	_cleanup_free_ char *name = word_text(r, word, at);
	const struct setting *s = name ? schema_find(r->in.section, name) : NULL;
	struct place here = *at;

	if (r->in.ignored || !name)
		return;
	here.key = s ? s->key : NULL;
	reader_spoil(r, s);
	r->lost |= !r->in.inside;
	if (!strcmp(name, "include"))
		reader_refuse(r, &here, INCLUDE_WRONG);
	else if (value)
		reader_refuse(r, &here, "'=' is missing between '%s' and '%.*s': write KEY = VALUE", name,
			      (int)value->length, value->at);
	else
		reader_refuse(r, &here, "'=' and a value are missing after '%s': write KEY = VALUE", name);
}

/* One value, or one element of a list. */
static void text_set(struct reader *r, const struct word *word, const struct place *at)
{
	_cleanup_free_ char *text = r->setting ? word_text(r, word, at) : NULL;
	struct place here = *at;
	char why[256];
	int err;

	if (!r->setting)
		return;
	here.key = r->setting->key;
	if (!text) {
		reader_spoil(r, r->setting);
		return;
	}
	err = setting_set(r->setting, reader_base(r), text, r->dir, why, sizeof(why));
	if (err == -ENOMEM) {
		r->err = err;
	} else if (err) {
		reader_spoil(r, r->setting);
		reader_refuse(r, &here, "%s: %s", r->setting->key, why);
	}
}

void value_set(struct reader *r, const struct word *word, const struct place *at)
{
	if (r->setting && kind_is_list(r->setting->kind) && !r->append)
		list_clear(r->setting, reader_base(r));
	text_set(r, word, at);
	r->pending = r->body = false;
}

void list_begin(struct reader *r, const struct place *brace)
{
	r->list = *brace;
	r->list.key = r->key.key;
	r->pending = false;
	if (!r->setting)
		return;
	if (!kind_is_list(r->setting->kind)) {
		reader_spoil(r, r->setting);
		reader_refuse(r, &r->list, "%s: this is one value, not a list: write %s = VALUE", r->setting->key,
			      r->setting->key);
		r->setting = NULL;
	} else if (!r->append) {
		list_clear(r->setting, reader_base(r));
	}
}

void element_add(struct reader *r, const struct word *word, const struct place *at)
{
	text_set(r, word, at);
}

void comma_missing(struct reader *r, const struct word *word, const struct place *at)
{
	struct place here = *at;

	here.key = r->key.key;
	if (!r->in.ignored)
		reader_refuse(r, &here, "a comma is missing before '%.*s': write {A, B}", (int)word->length, word->at);
	element_add(r, word, at);
}

void list_end(struct reader *r)
{
	r->resync = false;
	r->list = (struct place){};
}

void include_add(struct reader *r, const struct word *word, const struct place *at)
{
	_cleanup_free_ char *pattern = word_text(r, word, at);
	struct include *more;

	if (!pattern)
		return;
	if (r->in.inside) {
		reader_refuse(r, at, "include is inside a section: move it outside all sections");
		return;
	}
	more = LIST_ADD(&r->includes);
	if (more)
		*more = (struct include){ TAKE_PTR(pattern), *at };
	else
		r->err = -ENOMEM;
}
