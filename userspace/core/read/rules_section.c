/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections of a policy as they are opened and left: see rules.h. Called by the rules of grammar.y. A bad section is refused here,
 * but its keys are still read if it is clear which section is meant.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alike.h"
#include "cleanup.h"
#include "defaults.h"
#include "rules.h"
#include "syntax.h"
#include "value.h"

#define NESTING 8 /* each of these was refused already */

/* A section may occur once in a file; another file may continue it. */
static void opened_check(struct reader *r, enum section section, const char *title, const struct place *at)
{
	struct opened *o;
	size_t i;

	for (i = 0; i < r->opened.count; i++) {
		o = &r->opened.item[i];
		if (o->section != section || strcmp(o->title, title))
			continue;
		reader_refuse(r, at,
			      "'%s' appears twice in this file, first in line %d, column %d: put its keys together",
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

/* Puts the section of this name and title into r->in, and makes it if it is new. */
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

/* Writes the title into `out`. A wrong one is refused, but the keys are read all the same, so it is made to fit. */
static void title_read(struct reader *r, enum section section, const struct head *head, const struct place *at,
		       char out[static SLUICE_NAME_LEN])
{
	_cleanup_free_ char *title = head->titled ? word_text(r, &head->title, &head->title_at) : NULL;

	out[0] = 0;
	if (section_is_single(section)) {
		if (head->titled)
			reader_refuse(r, &head->title_at, "%s takes no name: write %s { ... }", section_names[section],
				      section_names[section]);
		return;
	}
	if (!head->titled)
		reader_refuse(r, at, "%s has no name: write %s NAME { ... }", section_names[section],
			      section_names[section]);
	if (!title)
		return;
	if (!name_is_good(title))
		reader_refuse(r, &head->title_at,
			      "'%s' is not a name: 1 to 31 letters, digits, '_', '.' or '-', and not '-' alone", title);
	snprintf(out, SLUICE_NAME_LEN, "%s", title);
}

/* Returns the section that is meant; SECTIONS: none, which has been reported. */
static enum section section_meant(struct reader *r, const struct context *outer, const char *name,
				  const struct place *at)
{
	enum section section = section_named(name), like;
	const struct setting *s = outer->ignored ? NULL : schema_find(outer->section, name);
	char meant[ALIKE_TEXT_LEN], list[ALIKE_LONGEST];
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
	snprintf(list, sizeof(list), "%s = {...}", key);
	if (like == SECTIONS && *key)
		reader_refuse(r, at, "unknown section '%s': %s", name, alike_ask(list, meant));
	else if (like == SECTIONS)
		reader_refuse(r, at, "unknown section '%s': sluice.conf(5) lists them", name);
	else
		reader_refuse(r, at, "unknown section '%s': %s", name, alike_ask(section_names[like], meant));
	return like;
}

struct context section_enter(struct reader *r, const struct head *head, const struct place *at,
			     const struct place *brace)
{
	_cleanup_free_ char *name = word_text(r, &head->name, at);
	struct context outer = r->in;
	char title[SLUICE_NAME_LEN];
	enum section section;

	r->pending = false;
	section = name ? section_meant(r, &outer, name, at) : SECTIONS;
	if (section != SECTIONS && outer.inside && !outer.unclosed) {
		outer.unclosed = true;
		reader_refuse(r, &outer.brace, "the brace that opens here is not closed before line %d: add }",
			      at->line);
	} else if (section == SECTIONS && name && !outer.ignored) {
		reader_spoil(r, schema_find(outer.section, name));
	}
	r->in = (struct context){ .inside = true, .ignored = section == SECTIONS, .brace = *brace };
	if (++r->depth > NESTING) {
		reader_refuse(r, brace, "braces nest too deep: a section holds keys, a key holds values");
		r->stop = r->lost = true;
	}
	if (section == SECTIONS)
		return outer;
	title_read(r, section, head, at, title);
	opened_check(r, section, title, head->titled ? &head->title_at : at);
	section_begin(r, section, title, at);
	return outer;
}

void section_leave(struct reader *r, const struct context *before)
{
	r->depth--;
	r->resync = false; /* its brace ended the part that was not understood */
	r->in = *before;
}
