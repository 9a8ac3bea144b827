/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
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
	more = realloc(p->item, (p->count + 1) * sizeof(*more));
	if (!more) {
		free(what);
		return -ENOMEM;
	}
	p->item = more;
	p->item[p->count++] = (struct plan_item){ kind, what };
	return 0;
}

/* A value as the grammar has it, without its key; "default" where nothing is said. */
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

/* Compares one section key by key; *changed counts the keys. */
static int section_diff(struct plan *plan, enum section section, const char *title, const void *now, const void *want,
			unsigned int *changed)
{
	const char *name = section_names[section];
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

static int services_diff(struct plan *plan, const struct policy *now, const struct policy *want)
{
	const struct policy_service *old;
	unsigned int keys;
	size_t i;
	int err = 0;

	for (i = 0; i < want->services_count && !err; i++) {
		keys = 0;
		old = policy_service_find(now, want->services[i].name);
		if (old) {
			err = section_diff(plan, SECTION_SERVICE, old->name, old, &want->services[i], &keys);
		} else {
			err = plan_add(plan, PLAN_ADDED, "service %s", want->services[i].name);
			plan->added++;
		}
		plan->changed += keys != 0;
	}
	for (i = 0; i < now->services_count && !err; i++) {
		if (policy_service_find(want, now->services[i].name))
			continue;
		err = plan_add(plan, PLAN_REMOVED, "service %s", now->services[i].name);
		plan->removed++;
	}
	return err;
}

static bool prefixes_differ(const struct prefixes *a, const struct prefixes *b)
{
	return a->count != b->count || (a->count && memcmp(a->item, b->item, a->count * sizeof(*a->item)));
}

static int set_diff(struct plan *plan, const struct policy_set *old, const struct policy_set *new)
{
	unsigned int keys = 0;
	int err = section_diff(plan, SECTION_SET, old->name, old, new, &keys);

	if (!err && !keys && prefixes_differ(&old->prefixes, &new->prefixes)) {
		err = plan_add(plan, PLAN_CHANGED, "source-set %s: content of the list: %zu -> %zu prefixes", old->name,
			       old->prefixes.count, new->prefixes.count);
		keys++;
	}
	plan->changed += keys != 0;
	return err;
}

static int sets_diff(struct plan *plan, const struct policy *now, const struct policy *want)
{
	const struct policy_set *old;
	size_t i;
	int err = 0;

	for (i = 0; i < want->sets_count && !err; i++) {
		old = policy_set_find(now, want->sets[i].name);
		if (old) {
			err = set_diff(plan, old, &want->sets[i]);
		} else {
			err = plan_add(plan, PLAN_ADDED, "source-set %s", want->sets[i].name);
			plan->added++;
		}
	}
	for (i = 0; i < now->sets_count && !err; i++) {
		if (policy_set_find(want, now->sets[i].name))
			continue;
		err = plan_add(plan, PLAN_REMOVED, "source-set %s", now->sets[i].name);
		plan->removed++;
	}
	return err;
}

static int containers_diff(struct plan *plan, const struct policy *now, const struct policy *want)
{
	const struct policy_container *old;
	unsigned int keys;
	size_t i;
	int err = 0;

	for (i = 0; i < want->containers_count && !err; i++) {
		keys = 0;
		old = policy_container_find(now, want->containers[i].name);
		if (old) {
			err = section_diff(plan, SECTION_CONTAINER, old->name, old, &want->containers[i], &keys);
		} else {
			err = plan_add(plan, PLAN_ADDED, "container %s", want->containers[i].name);
			plan->added++;
		}
		plan->changed += keys != 0;
	}
	for (i = 0; i < now->containers_count && !err; i++) {
		if (policy_container_find(want, now->containers[i].name))
			continue;
		err = plan_add(plan, PLAN_REMOVED, "container %s", now->containers[i].name);
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
	for (section = SECTION_TOP; section_is_single(section) && !err; section++)
		err = section_diff(plan, section, "", now, want, &plan->changed);
	if (!err)
		err = services_diff(plan, now, want);
	if (!err)
		err = sets_diff(plan, now, want);
	if (!err)
		err = containers_diff(plan, now, want);
	if (err)
		return err;
	*out = TAKE_PTR(plan);
	return 0;
}
