/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints what readers produced as a policy: above each key the lines that it comes from, at the end what has no equivalent. */
#include <string.h>

#include "cleanup.h"
#include "import.h"
#include "plain.h"
#include "setting.h"

static const char *const list_keys[] = { "ports",    "addresses", "prefixes",	     "countries",
					 "services", "asns",	  "allow-countries", NULL };

static void comment_write(const struct line *line, const char *indent, FILE *out)
{
	char text[400], file[128];
	const char *base = strrchr(line->file, '/');
	bool cut = plain_copy(text, sizeof(text), line->text);

	plain_copy(file, sizeof(file), base ? base + 1 : line->file);
	fprintf(out, "%s# %s:%u: %s%s\n", indent, file, line->number, text, cut ? " ..." : "");
}

/* Writes the lines of a key, except for those above the previous key. *last is the one that was written last. */
static void origins_write(const struct item *i, const char *key, const struct line **last, FILE *out)
{
	size_t k;

	for (k = 0; k < i->count; k++) {
		if (strcmp(i->item[k].key, key))
			continue;
		if (i->item[k].from != *last)
			comment_write(i->item[k].from, "    ", out);
		*last = i->item[k].from;
		if (i->item[k].note)
			fprintf(out, "    #   %s\n", i->item[k].note);
	}
}

static void value_write(const char *value, FILE *out)
{
	if (value[strcspn(value, " \t\"'#={}(),+;\\$")] || !strncmp(value, "//", 2) || !*value)
		quoted_write(value, out);
	else
		fputs(value, out);
}

/* Whether the value is known already: then this adds a line to it, and no element. */
static bool is_again(const struct item *i, size_t at)
{
	size_t k;

	for (k = 0; k < at; k++) {
		if (!strcmp(i->item[k].key, i->item[at].key) && !strcmp(i->item[k].value, i->item[at].value))
			return true;
	}
	return false;
}

static void elements_write(const struct item *i, const char *key, FILE *out)
{
	const char *before = "{";
	size_t k;

	for (k = 0; k < i->count; k++) {
		if (strcmp(i->item[k].key, key) || is_again(i, k))
			continue;
		fputs(before, out);
		value_write(i->item[k].value, out);
		before = ", ";
	}
	fputc('}', out);
}

static bool is_first(const struct item *i, size_t at)
{
	size_t k;

	for (k = 0; k < at && strcmp(i->item[k].key, i->item[at].key); k++)
		;
	return k == at;
}

static void keys_write(const struct item *i, FILE *out)
{
	const struct line *last = NULL;
	size_t k;

	for (k = 0; k < i->count; k++) {
		if (!is_first(i, k))
			continue;
		origins_write(i, i->item[k].key, &last, out);
		fprintf(out, "    %s = ", i->item[k].key);
		if (is_one_of(i->item[k].key, list_keys))
			elements_write(i, i->item[k].key, out);
		else
			value_write(i->item[k].value, out);
		fputc('\n', out);
	}
}

static bool says_more(const struct item *i)
{
	static const char *const places[] = { "ports", "addresses", "on-excess", "prefixes", "countries",
					      "file",  "asns",	    "services",	 NULL };
	size_t k;

	for (k = 0; k < i->count && is_one_of(i->item[k].key, places); k++)
		;
	return k < i->count;
}

static bool set_names(const struct item *set, const char *service)
{
	size_t k;

	for (k = 0; k < set->count; k++) {
		if (!strcmp(set->item[k].key, "services") && !strcmp(set->item[k].value, service))
			return true;
	}
	return false;
}

/* Whether it says more than where it is, or a set that is printed names it. */
static bool is_needed(const struct import *m, const struct item *i)
{
	size_t k;

	for (k = 0; k < m->items.count && !i->is_set; k++) {
		if (m->items.item[k]->is_set && says_more(m->items.item[k]) && set_names(m->items.item[k], i->name))
			return true;
	}
	return i->stays || says_more(i);
}

static void items_write(const struct import *m, bool sets, FILE *out)
{
	const struct item *item;
	size_t i;

	for (i = 0; i < m->items.count; i++) {
		item = m->items.item[i];
		if (item->is_set != sets || !is_needed(m, item))
			continue;
		fprintf(out, "\n%s %s {\n", sets ? "source-set" : "service", item->name);
		keys_write(item, out);
		fputs("}\n", out);
	}
}

static void left_write(const struct import *m, FILE *out)
{
	size_t i;

	fputs(m->left.count ? "\n# Without an equivalent:\n" : "\n# Everything has an equivalent.\n", out);
	for (i = 0; i < m->left.count; i++) {
		_cleanup_free_ char *why = strdup(m->left.item[i].why);

		comment_write(m->left.item[i].from, "", out);
		if (why)
			fprintf(out, "#     %s\n", plain_make(why, false));
	}
}

static bool has_services(const struct import *m)
{
	size_t i;

	for (i = 0; i < m->items.count && (m->items.item[i]->is_set || !is_needed(m, m->items.item[i])); i++)
		;
	return i < m->items.count;
}

static void head_write(const struct import *m, const char *interface, FILE *out)
{
	fprintf(out,
		"# Connection limits of %s, as a sluice policy, made by `sluicectl import`. Read it before you use it.\n",
		m->format->name);
	if (!has_services(m)) {
		fputs("# It has no service: put it into conf.d, next to a sluice.conf that has some.\n", out);
		return;
	}
	fputs("# In a file for conf.d, leave out the next two keys: sluice.conf has them.\ninterfaces = {", out);
	value_write(interface, out);
	fputs("} # where mail arrives: `ip route show default` names it after \"dev\"\n"
	      "mode = observe # only counts what it would refuse; mode = enforce refuses it\n",
	      out);
}

void import_write(const struct import *m, const char *interface, FILE *out)
{
	head_write(m, interface, out);
	if (m->sources.count) {
		fputs("\nsources {\n", out);
		keys_write(&m->sources, out);
		fputs("}\n", out);
	}
	items_write(m, false, out);
	items_write(m, true, out);
	left_write(m, out);
}
