/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists what changes between two policies, key by key: see plan.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "defaults.h"
#include "list.h"
#include "plan.h"
#include "schema.h"

void plan_free(struct plan *p)
{
	size_t i;

	if (!p)
		return;
	for (i = 0; i < p->count; i++)
		free(p->item[i].what);
	free(p->item);
	free(p);
}
DEFINE_CLEANUP(struct plan *, plan_free);
DEFINE_CLEANUP(struct policy *, policy_free);

__attribute__((format(printf, 3, 4))) static int plan_add(struct plan *p, enum plan_kind kind, const char *fmt, ...)
{
	struct plan_item *more;
	char *what = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&what, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	more = LIST_ADD(p);
	if (!more) {
		free(what);
		return -ENOMEM;
	}
	*more = (struct plan_item){ kind, what };
	return 0;
}

/* Returns a value as the grammar has it, without its key; "default" if nothing is set. */
static char *value_text(const struct setting *s, const void *base)
{
	char *text = NULL, *value;
	size_t size;
	FILE *out;

	if (setting_is_default(s, base))
		return strdup("default");
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	setting_write(s, base, out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	value = strdup(text + strlen(s->key) + strlen(" = "));
	free(text);
	return value;
}

/* Compares one section, key by key; *changed counts the keys. */
static int keys_diff(struct plan *plan, enum section section, const void *now, const void *want, unsigned int *changed)
{
	const char *name = section_names[section], *title = section_title(section, want);
	int err = 0;
	size_t i;

	for (i = 0; i < schema_count && !err; i++) {
		_cleanup_free_ char *old = NULL, *new = NULL;

		if (schema[i].section != section)
			continue;
		old = value_text(&schema[i], now);
		new = value_text(&schema[i], want);
		if (!old || !new)
			return -ENOMEM;
		if (!strcmp(old, new))
			continue;
		(*changed)++;
		err = plan_add(plan, PLAN_CHANGED, "%s%s%s%s%s: %s -> %s", name, *title ? " " : "", title,
			       *name ? ": " : "", schema[i].key, old, new);
	}
	return err;
}

static bool prefixes_differ(const struct prefixes *a, const struct prefixes *b)
{
	return a->count != b->count || (a->count && memcmp(a->item, b->item, a->count * sizeof(*a->item)));
}

static bool numbers_differ(const struct numbers *a, const struct numbers *b)
{
	return a->count != b->count || (a->count && memcmp(a->item, b->item, a->count * sizeof(*a->item)));
}

/* The content of a list file may change while its name stays. */
static int content_diff(struct plan *plan, const struct policy_set *old, const struct policy_set *new,
			unsigned int *changed)
{
	const struct prefixes *a = set_listed(old), *b = set_listed(new);
	const struct numbers *x = set_listed_asns(old), *y = set_listed_asns(new);
	int err = 0;

	if (prefixes_differ(a, b)) {
		(*changed)++;
		err = plan_add(plan, PLAN_CHANGED, "source-set %s: content of the list: %zu -> %zu prefixes", old->name,
			       a->count, b->count);
	}
	if (err || !numbers_differ(x, y))
		return err;
	(*changed)++;
	return plan_add(plan, PLAN_CHANGED, "source-set %s: content of the list: %zu -> %zu networks", old->name,
			x->count, y->count);
}

static int section_diff(struct plan *plan, enum section section, const void *old, const void *new)
{
	unsigned int keys = 0;
	int err = keys_diff(plan, section, old, new, &keys);

	if (!err && !keys && section == SECTION_SET)
		err = content_diff(plan, old, new, &keys);
	/* The single sections are one struct, so what counts of them is the number of keys. */
	plan->changed += section_is_single(section) ? keys : keys != 0;
	return err;
}

static size_t set_position(const struct policy *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->sets.count && strcmp(p->sets.item[i].name, name); i++)
		;
	return i;
}

/* If sets are equal in everything else, the first one wins (docs/architecture.md, "Policy"). */
static bool order_decides(const struct policy_set *a, const struct policy_set *b)
{
	return a->priority == b->priority && a->action == b->action && a->enabled && b->enabled;
}

static int order_diff(struct plan *plan, const struct policy *now, const struct policy *want)
{
	const struct policy_set *set = want->sets.item;
	size_t i, j, n = want->sets.count;
	_cleanup_free_ size_t *was = reallocarray(NULL, n + 1, sizeof(*was));

	if (!was)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		was[i] = set_position(now, set[i].name);
	for (i = 0; i < n; i++) {
		for (j = i + 1;
		     j < n && (was[j] >= was[i] || was[i] == now->sets.count || !order_decides(&set[i], &set[j])); j++)
			;
		if (j >= n)
			continue;
		plan->changed++;
		if (plan_add(plan, PLAN_CHANGED, "source-set %s: now before source-set %s, which has the same priority",
			     set[i].name, set[j].name))
			return -ENOMEM;
	}
	return 0;
}

static int sections_diff(struct plan *plan, enum section section, const struct policy *now, const struct policy *want)
{
	const void *old, *new;
	const char *title;
	int err = 0;
	size_t i;

	for (i = 0; (new = section_at(want, section, i)) && !err; i++) {
		title = section_title(section, new);
		old = section_find(now, section, title);
		if (old) {
			err = section_diff(plan, section, old, new);
			continue;
		}
		err = plan_add(plan, PLAN_ADDED, "%s %s", section_names[section], title);
		plan->added++;
	}
	for (i = 0; (old = section_at(now, section, i)) && !err; i++) {
		title = section_title(section, old);
		if (section_find(want, section, title))
			continue;
		err = plan_add(plan, PLAN_REMOVED, "%s %s", section_names[section], title);
		plan->removed++;
	}
	return err;
}

int plan_diff(const struct policy *now, const struct policy *want, struct plan **out)
{
	_cleanup_(plan_free) struct plan *plan = calloc(1, sizeof(*plan));
	_cleanup_(policy_free) struct policy *empty = policy_new();
	enum section section;
	int err = 0;

	if (!plan || !empty)
		return -ENOMEM;
	now = now ? now : empty;
	for (section = SECTION_TOP; section < SECTIONS && !err; section++)
		err = sections_diff(plan, section, now, want);
	if (!err)
		err = order_diff(plan, now, want);
	if (err)
		return err;
	*out = TAKE_PTR(plan);
	return 0;
}
