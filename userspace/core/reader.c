/* SPDX-License-Identifier: BSD-2-Clause */
/* Sections, keys and values of a policy as they are read: see reader.h. Called by the rules of grammar.y. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "reader.h"
#include "syntax.h"

#define NESTING 8 /* each of these was refused already */

int reader_init(struct reader *r, struct policy *p, struct diag *d)
{
	*r = (struct reader){ .policy = p, .diag = d };
	r->seen = calloc(schema_count, sizeof(*r->seen));
	return r->seen ? 0 : -ENOMEM;
}

void reader_free(struct reader *r)
{
	while (r->includes.count)
		free(r->includes.item[--r->includes.count].pattern);
	free(r->includes.item);
	free(r->opened.item);
	free(r->seen);
}

void reader_begin(struct reader *r)
{
	r->next = (struct place){ r->file, 1, 1, NULL };
	r->in = (struct context){};
	r->list = (struct place){};
	r->depth = 0;
	r->resync = r->pending = false;
	r->opened.count = 0;
	memset(r->seen, 0, schema_count * sizeof(*r->seen));
}

void reader_refuse(struct reader *r, const struct place *at, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	if (r->stop)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		text = NULL;
	diag_at(r->diag, at, "%s", text ? text : "no memory left");
	r->err = r->err ? r->err : -EINVAL;
	if (r->diag->count < POLICY_ERRORS)
		return;
	diag_at(r->diag, at, "that is error %d, and the rest is not read: correct these first", POLICY_ERRORS);
	r->stop = r->lost = true;
}

/* The struct that the keys of this section go to. */
static void *base_of(const struct reader *r)
{
	return section_at(r->policy, r->in.section, r->in.index);
}

static const char *title_of(const struct reader *r)
{
	return section_title(r->in.section, base_of(r));
}

static void spoil(struct reader *r, const struct setting *s)
{
	if (section_spoil(r->policy, r->in.section, title_of(r), s))
		r->err = -ENOMEM;
}

/* A key that this section does not have: of another, or a slip of the fingers. */
static void key_refuse(struct reader *r, const char *name, const struct place *at)
{
	const char *like = schema_suggest(r->in.section, name);
	enum section owner = schema_owner(name);
	struct place here = *at;

	here.key = name;
	spoil(r, *like ? schema_find(r->in.section, like) : NULL);
	if (section_named(name) != SECTIONS)
		reader_refuse(r, &here, "%s is a section and takes no '=': write %s %s{ ... }", name, name,
			      section_is_single(section_named(name)) ? "" : "NAME ");
	else if (owner == SECTION_TOP)
		reader_refuse(r, &here,
			      "unknown key '%s' in %s: it stands outside of all sections: close this one before", name,
			      section_names[r->in.section]);
	else if (owner != SECTIONS)
		reader_refuse(r, &here, "unknown key '%s' %s%s: it is a key of %s: move it there", name,
			      r->in.inside ? "in " : "outside of all sections",
			      r->in.inside ? section_names[r->in.section] : "", section_names[owner]);
	else if (*like)
		reader_refuse(r, &here, "unknown key '%s': did you mean '%s'?", name, like);
	else
		reader_refuse(r, &here, "unknown key '%s': sluice.conf(5) lists them", name);
	r->body = section_named(name) != SECTIONS;
}

/* Whatever was open ends where a key begins. */
static void open_refuse(struct reader *r)
{
	if (r->list.file)
		reader_refuse(r, &r->list, "the list that opens here is never closed: add }");
	else if (r->pending)
		reader_refuse(r, &r->key,
			      "the value is missing: write KEY = VALUE, and a VALUE that has a '=' in quotes");
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
		reader_refuse(r, &r->key, "%s stands twice here, first in line %d, column %d: keep one of them", s->key,
			      before->line, before->column);
	*before = before->file ? *before : r->key;
	r->setting = s;
	if (policy_note(r->policy, s, title_of(r), &r->key))
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
	spoil(r, s);
	r->lost |= !r->in.inside;
	if (!strcmp(name, "include"))
		reader_refuse(r, &here, "include stands without its brackets: write include(conf.d/*.conf)");
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
		spoil(r, r->setting);
		return;
	}
	err = setting_set(r->setting, base_of(r), text, r->dir, why, sizeof(why));
	if (err == -ENOMEM) {
		r->err = err;
	} else if (err) {
		spoil(r, r->setting);
		reader_refuse(r, &here, "%s: %s", r->setting->key, why);
	}
}

void value_set(struct reader *r, const struct word *word, const struct place *at)
{
	if (r->setting && kind_is_list(r->setting->kind) && !r->append)
		list_clear(r->setting, base_of(r));
	text_set(r, word, at);
	r->pending = false;
}

void list_begin(struct reader *r, const struct place *brace)
{
	r->list = *brace;
	r->list.key = r->key.key;
	r->pending = false;
	if (!r->setting)
		return;
	if (!kind_is_list(r->setting->kind)) {
		spoil(r, r->setting);
		reader_refuse(r, &r->list, "%s: this is one value, not a list: write %s = VALUE", r->setting->key,
			      r->setting->key);
		r->setting = NULL;
	} else if (!r->append) {
		list_clear(r->setting, base_of(r));
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
		reader_refuse(r, at, "include stands in a section: move it out of all sections");
		return;
	}
	more = LIST_ADD(&r->includes);
	if (more)
		*more = (struct include){ TAKE_PTR(pattern), *at };
	else
		r->err = -ENOMEM;
}

static bool name_is_good(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n && !name[n] && n < SLUICE_NAME_LEN && strcmp(name, "-");
}

/* A section stands once in a file; in another file it goes on. */
static void opened_check(struct reader *r, enum section section, const char *title, const struct place *at)
{
	struct opened *o;

	for (o = r->opened.item; o < r->opened.item + r->opened.count; o++) {
		if (o->section != section || strcmp(o->title, title))
			continue;
		reader_refuse(r, at,
			      "'%s' stands twice in this file, first in line %d, column %d: put its keys together",
			      section_is_single(section) ? section_names[section] : title, o->at.line, o->at.column);
		return;
	}
	if (++r->sections > POLICY_SECTIONS) {
		reader_refuse(r, at, "more than %d sections: put lists into files", POLICY_SECTIONS);
		r->stop = true;
	}
	o = LIST_ADD(&r->opened);
	if (!o) {
		r->err = -ENOMEM;
		return;
	}
	*o = (struct opened){ .section = section, .at = *at };
	snprintf(o->title, sizeof(o->title), "%s", title);
}

/* Into r->in: the section of this name and title, which is made if it is new. */
static void section_begin(struct reader *r, enum section section, const char *title, const struct place *at)
{
	void *base = section_open(r->policy, section, title, at);
	size_t i;

	if (!base) {
		r->err = -ENOMEM;
		r->in.ignored = true;
		return;
	}
	r->in.section = section;
	while (section_at(r->policy, section, r->in.index) != base)
		r->in.index++;
	for (i = 0; i < schema_count; i++) {
		if (schema[i].section == section)
			r->seen[i] = (struct place){};
	}
}

/* What its head has to say; "" where that is wrong, which has been said. The keys are read all the same. */
static char *title_read(struct reader *r, enum section section, const struct head *head, const struct place *at)
{
	_cleanup_free_ char *title = head->titled ? word_text(r, &head->title, &head->title_at) : strdup("");

	if (!title)
		return strdup("");
	if (section_is_single(section) && head->titled)
		reader_refuse(r, &head->title_at, "%s takes no name: write %s { ... }", section_names[section],
			      section_names[section]);
	else if (!section_is_single(section) && !head->titled)
		reader_refuse(r, at, "%s has no name: write %s NAME { ... }", section_names[section],
			      section_names[section]);
	else if (head->titled && !name_is_good(title))
		reader_refuse(r, &head->title_at, "'%s' is no name: 1 to 31 letters, digits, '_', '.' or '-'", title);
	else
		return TAKE_PTR(title);
	title[section_is_single(section) ? 0 : strnlen(title, SLUICE_NAME_LEN - 1)] = 0;
	return TAKE_PTR(title);
}

/* The section that is meant; SECTIONS: none, which has been said. */
static enum section section_meant(struct reader *r, const struct context *outer, const char *name,
				  const struct place *at)
{
	enum section section = section_named(name), like;
	const struct setting *s = outer->ignored ? NULL : schema_find(outer->section, name);
	const char *key;

	if (section != SECTIONS || outer->ignored)
		return section;
	if (s) {
		reader_refuse(r, at, "%s: '=' is missing before '{': write %s = {...}", name, name);
		return SECTIONS;
	}
	like = section_like(name);
	r->lost |= like == SECTIONS;
	key = schema_suggest(outer->section, name);
	if (like == SECTIONS && *key)
		reader_refuse(r, at, "unknown section '%s': did you mean '%s = {...}'?", name, key);
	else if (like == SECTIONS)
		reader_refuse(r, at, "unknown section '%s': sluice.conf(5) lists them", name);
	else
		reader_refuse(r, at, "unknown section '%s': did you mean '%s'?", name, section_names[like]);
	return like;
}

struct context section_enter(struct reader *r, const struct head *head, const struct place *at,
			     const struct place *brace)
{
	_cleanup_free_ char *name = word_text(r, &head->name, at), *title = NULL;
	struct context outer = r->in;
	enum section section;

	r->pending = false;
	section = name ? section_meant(r, &outer, name, at) : SECTIONS;
	if (section != SECTIONS && outer.inside && !outer.unclosed) {
		outer.unclosed = true;
		reader_refuse(r, &outer.brace, "the brace that opens here is not closed before line %d: add }",
			      at->line);
	} else if (section == SECTIONS && name && !outer.ignored) {
		spoil(r, schema_find(outer.section, name));
	}
	r->in = (struct context){ .inside = true, .ignored = section == SECTIONS, .brace = *brace };
	if (++r->depth > NESTING) {
		reader_refuse(r, brace, "braces nest too deep: a section holds keys, a key holds values");
		r->stop = r->lost = true;
	}
	if (section == SECTIONS)
		return outer;
	title = title_read(r, section, head, at);
	if (!title) {
		r->err = -ENOMEM;
		r->in.ignored = true;
		return outer;
	}
	opened_check(r, section, title, head->titled ? &head->title_at : at);
	section_begin(r, section, title, at);
	return outer;
}

void section_leave(struct reader *r, const struct context *before)
{
	r->depth--;
	r->resync = false; /* its brace ended what was not understood */
	r->in = *before;
}
