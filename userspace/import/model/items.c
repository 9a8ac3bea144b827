/* SPDX-License-Identifier: BSD-2-Clause */
/* What readers produce: services, sets and their keys, and the lines that are left out. The import owns all of it. */
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "import.h"
#include "value.h"

#define ITEMS_MAX 900 /* out of the 1024 sections that a policy may have */
#define ELEMENTS_MAX 4096
#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

/* Makes a name that a policy accepts: other bytes become '-'. What is no name even then is "unnamed". */
static void name_make(char out[static 32], const char *name)
{
	size_t i;

	snprintf(out, 32, "%s", name);
	for (i = 0; out[i]; i++) {
		if (!strchr(NAME_BYTES, out[i]))
			out[i] = '-';
	}
	if (!name_is_good(out))
		strcpy(out, "unnamed");
}

static struct item *item_new(struct import *m, const char *name, bool is_set)
{
	struct item *i = m->items.count < ITEMS_MAX ? calloc(1, sizeof(*i)) : NULL,
		    **last = i ? LIST_ADD(&m->items) : NULL;

	if (!last) {
		free(i);
		m->crowded = m->items.count == ITEMS_MAX;
		m->failed = true;
		return NULL;
	}
	*last = i;
	i->is_set = is_set;
	memcpy(i->name, name, sizeof(i->name));
	return i;
}

static struct item *item_get(struct import *m, const char *name, bool is_set)
{
	char made[32];
	size_t i;

	name_make(made, name);
	for (i = 0; i < m->items.count; i++) {
		if (m->items.item[i]->is_set == is_set && !strcmp(m->items.item[i]->name, made))
			return m->items.item[i];
	}
	return item_new(m, made, is_set);
}

struct item *service_get(struct import *m, const char *name)
{
	return item_get(m, name, false);
}

struct item *set_get(struct import *m, const char *name)
{
	return item_get(m, name, true);
}

static struct said *said_find(const struct item *i, const char *key, const char *value)
{
	size_t k;

	for (k = 0; k < i->count; k++) {
		if (!strcmp(i->item[k].key, key) && (!value || !strcmp(i->item[k].value, value)))
			return &i->item[k];
	}
	return NULL;
}

const char *said_value(const struct item *i, const char *key)
{
	const struct said *said = said_find(i, key, NULL);

	return said ? said->value : NULL;
}

struct item *service_of_port(const struct import *m, const char *port)
{
	size_t i;

	for (i = 0; i < m->items.count; i++) {
		if (!m->items.item[i]->is_set && said_find(m->items.item[i], "ports", port))
			return m->items.item[i];
	}
	return NULL;
}

const struct item *service_limited(const struct import *m, const struct item *s)
{
	size_t i;

	for (i = 0; i < m->items.count; i++) {
		if (m->items.item[i]->limited && (!s || s == m->items.item[i]))
			return m->items.item[i];
	}
	return NULL;
}

void line_id(const struct import *m, const struct line *line, char out[static 24])
{
	unsigned int file = 1;
	size_t i;

	for (i = 1; i < m->lines.count && m->lines.item[i - 1] != line; i++)
		file += m->lines.item[i]->file != m->lines.item[i - 1]->file;
	if (file > 1)
		snprintf(out, 24, "%u-%u", file, line->number);
	else
		snprintf(out, 24, "%u", line->number);
}

static void said_add(struct import *m, struct item *i, const char *key, const char *value, const struct line *from)
{
	char *copy = strdup(value);
	struct said *last = copy ? LIST_ADD(i) : NULL;

	if (!last) {
		free(copy);
		m->failed = true;
		return;
	}
	*last = (struct said){ key, copy, from, NULL };
}

void put_element(struct import *m, struct item *i, const char *key, const char *value, const struct line *from)
{
	if (!i || i->full || said_find(i, key, value))
		return;
	if (i->count < ELEMENTS_MAX)
		return said_add(m, i, key, value, from);
	i->full = true;
	leave(m, from, "%s has %d elements already: write them into a file, one per line, and name that in the set",
	      i->name, ELEMENTS_MAX);
}

void put_origin(struct import *m, struct item *i, const char *key, const struct line *from)
{
	struct said *said = i ? said_find(i, key, NULL) : NULL;

	if (said)
		said_add(m, i, key, said->value, from);
}

void set_use(struct import *m, struct item *set, const char *action, const struct item *service, unsigned int priority,
	     const struct line *from)
{
	const char *before = set ? said_value(set, "action") : NULL;
	char text[16];

	if (!set)
		return;
	if (before && strcmp(before, action)) {
		leave(m, from, "set %s has action = %s above: make a separate set for this", set->name, before);
		return;
	}
	snprintf(text, sizeof(text), "%u", priority);
	if (!before) {
		said_add(m, set, "action", action, from);
		if (priority)
			said_add(m, set, "priority", text, from);
	}
	if (service)
		put_element(m, set, "services", service->name, from);
}

void put_note(struct item *i, const char *note)
{
	if (i && i->count)
		i->item[i->count - 1].note = note;
}

static void said_replace(struct import *m, struct said *said, const char *value, const struct line *from)
{
	char *copy = strdup(value);

	if (!copy) {
		m->failed = true;
		return;
	}
	free(said->value);
	said->value = copy;
	said->from = from;
	said->note = NULL;
}

void put_last(struct import *m, struct item *i, const char *key, const char *value, const struct line *from)
{
	struct said *said = i ? said_find(i, key, NULL) : NULL;

	if (said) {
		leave(m, said->from, "line %u sets it again, and counts", from->number);
		said_replace(m, said, value, from);
	} else if (i) {
		said_add(m, i, key, value, from);
	}
}

/* Of two rates, the one with fewer connections a second is lower. */
static bool is_lower(const char *a, const char *b)
{
	struct rate of_a, of_b;
	uint32_t x, y;

	if (!count_parse(a, 0, UINT32_MAX, &x) && !count_parse(b, 0, UINT32_MAX, &y))
		return x < y;
	if (rate_parse(a, &of_a) || rate_parse(b, &of_b))
		return false;
	return (uint64_t)of_a.count * of_b.seconds < (uint64_t)of_b.count * of_a.seconds;
}

void put_lower(struct import *m, struct item *i, const char *key, const char *value, const struct line *from)
{
	struct said *said = i ? said_find(i, key, NULL) : NULL;

	if (!said) {
		if (i)
			said_add(m, i, key, value, from);
		return;
	}
	if (!strcmp(said->value, value))
		return said_add(m, i, key, value, from);
	if (!is_lower(value, said->value)) {
		leave(m, from, "%s of %s is %s from line %u, which is stricter: the stricter one is used", key, i->name,
		      said->value, said->from->number);
		return;
	}
	leave(m, said->from, "%s of %s is %s from line %u, which is stricter: the stricter one is used", key, i->name,
	      value, from->number);
	said_replace(m, said, value, from);
}

void leave(struct import *m, const struct line *from, const char *fmt, ...)
{
	struct left *last;
	char *why = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&why, fmt, ap) < 0)
		why = NULL;
	va_end(ap);
	last = why ? LIST_ADD(&m->left) : NULL;
	if (!last) {
		free(why);
		m->failed = true;
		return;
	}
	*last = (struct left){ from, why };
}

static void item_clear(struct item *i)
{
	size_t k;

	for (k = 0; k < i->count; k++)
		free(i->item[k].value);
	free(i->item);
}

void import_free(struct import *m)
{
	size_t i;

	for (i = 0; i < m->items.count; i++) {
		item_clear(m->items.item[i]);
		free(m->items.item[i]);
	}
	for (i = 0; i < m->left.count; i++)
		free(m->left.item[i].why);
	for (i = 0; i < m->lines.count; i++) {
		free(m->lines.item[i]->text);
		free(m->lines.item[i]);
	}
	item_clear(&m->sources);
	free(m->items.item);
	free(m->left.item);
	free(m->lines.item);
	*m = (struct import){};
}
