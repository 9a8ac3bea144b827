/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of live settings: see override.h. standing_live.c calls it and owns the list in force; others only look something up. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "override.h"

#include "cleanup.h"
#include "redact.h"

#define LISTED_MOST 5 /* live settings that are named in one message */

void override_free(struct override *o)
{
	free(o->key);
	free(o->value);
	free(o);
}

void overrides_free(struct override **list)
{
	struct override *o;

	while ((o = *list)) {
		*list = o->next;
		override_free(o);
	}
}

struct override *override_copy(const struct override *of)
{
	struct override *o = malloc(sizeof(*o));

	if (!o)
		return NULL;
	*o = *of;
	o->next = NULL;
	o->key = strdup(of->key);
	o->value = strdup(of->value);
	if (o->key && o->value)
		return o;
	override_free(o);
	return NULL;
}

void overrides_join(struct override **list, struct override *more)
{
	struct override **end = &more;

	while (*end)
		end = &(*end)->next;
	*end = *list;
	*list = more;
}

struct override *override_take(struct override **list, const struct scope *where, const char *key)
{
	struct override **at, *o;

	for (at = list; (o = *at); at = &o->next) {
		if (!scope_same(&o->scope, where) || strcmp(o->key, key))
			continue;
		*at = o->next;
		o->next = NULL;
		return o;
	}
	return NULL;
}

static bool is_of_sender(const struct override *o, const struct prefix *sender, const char *service)
{
	return o->scope.is_sender && !memcmp(&o->scope.sender, sender, sizeof(*sender)) &&
	       (!*service || !strcmp(o->scope.title, service));
}

int overrides_copy(const struct override *list, struct override **out)
{
	struct override *copy = NULL, **end = &copy;

	for (; list; list = list->next) {
		*end = override_copy(list);
		if (!*end) {
			overrides_free(&copy);
			return -ENOMEM;
		}
		end = &(*end)->next;
	}
	*out = copy;
	return 0;
}

int overrides_without_sender(const struct override *list, const struct prefix *sender, const char *service,
			     struct override **out, unsigned int *count)
{
	struct override **at, *o;
	int err = overrides_copy(list, out);

	*count = 0;
	if (err)
		return err;
	for (at = out; (o = *at);) {
		if (!is_of_sender(o, sender, service)) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		override_free(o);
		(*count)++;
	}
	return 0;
}

const struct override *override_find(const struct override *list, const struct scope *where, const char *key)
{
	const struct override *o;

	for (o = list; o; o = o->next) {
		if (scope_same(&o->scope, where) && !strcmp(o->key, key))
			return o;
	}
	return NULL;
}

/* Does `a` take precedence over `b`? The closer prefix does, then the one that names the service. */
static bool counts_before(const struct scope *a, const struct scope *b)
{
	return a->sender.len != b->sender.len ? a->sender.len > b->sender.len : *a->title && !*b->title;
}

const struct override *override_of_sender(const struct override *list, const struct sluice_addr *who,
					  const char *service, const char *key)
{
	const struct override *o, *found = NULL;

	for (o = list; o; o = o->next) {
		if (!o->scope.is_sender || strcmp(o->key, key) || !prefix_holds(&o->scope.sender, who) ||
		    (*o->scope.title && strcmp(o->scope.title, service)))
			continue;
		if (!found || counts_before(&o->scope, &found->scope))
			found = o;
	}
	return found;
}

struct override *overrides_reversed(struct override *list)
{
	struct override *out = NULL, *o;

	while ((o = list)) {
		list = o->next;
		o->next = out;
		out = o;
	}
	return out;
}

char *override_text(const struct privacy *privacy, const struct override *o)
{
	char sender[ADDR_TEXT_LEN] = "", where[SCOPE_TEXT_LEN];
	_cleanup_free_ char *text = NULL;

	if (o->scope.is_sender)
		prefix_format(&o->scope.sender, sender);
	if (asprintf(&text, "%s: %s = %s", scope_format(&o->scope, sender, where), o->key, o->value) < 0)
		text = NULL;
	return text ? redact_text(privacy, text) : NULL;
}

static int64_t nanoseconds(const struct timespec *t)
{
	return t->tv_sec * 1000000000LL + t->tv_nsec;
}

uint64_t override_until(const struct override *o)
{
	struct timespec now, wall;

	clock_gettime(CLOCK_MONOTONIC, &now);
	clock_gettime(CLOCK_REALTIME, &wall);
	if (!o->until.tv_sec)
		return 0;
	return (nanoseconds(&wall) + nanoseconds(&o->until) - nanoseconds(&now) + 500000000) / 1000000000;
}

static bool is_over(const struct override *o, const struct timespec *now)
{
	return o->until.tv_sec &&
	       (o->until.tv_sec < now->tv_sec || (o->until.tv_sec == now->tv_sec && o->until.tv_nsec <= now->tv_nsec));
}

bool overrides_expire(struct override **list, const struct timespec *now)
{
	struct override **at = list, *o;
	bool any = false;

	while ((o = *at)) {
		if (!is_over(o, now)) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		override_free(o);
		any = true;
	}
	return any;
}

bool override_wants_warning(const struct override *o)
{
	return o->scope.section == SECTION_SET || strstr(o->key, "countries");
}

void overrides_list(const struct override *list, FILE *out)
{
	unsigned int named = 0, senders = 0;
	char where[SCOPE_TEXT_LEN];
	const struct override *o;

	for (o = list; o; o = o->next) {
		senders += o->scope.is_sender;
		if (o->scope.is_sender || named++ >= LISTED_MOST)
			continue;
		fputs(named > 1 ? ", " : "", out);
		if (o->scope.section != SECTION_TOP)
			fprintf(out, "%s ", scope_format(&o->scope, "", where));
		fputs(o->key, out);
	}
	if (named > LISTED_MOST)
		fprintf(out, ", and %u more", named - LISTED_MOST);
	if (senders)
		fprintf(out, "%s%u limit%s of single senders", named ? ", " : "", senders, senders > 1 ? "s" : "");
}
