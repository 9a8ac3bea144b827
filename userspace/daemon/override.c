/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of live settings: see override.h. reload.c calls it, and state.c reads the list that struct daemon owns. */
#include <stdio.h>
#include <string.h>

#include "override.h"

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

struct override *override_new(const struct override *want, unsigned int seconds)
{
	struct override *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	snprintf(o->service, sizeof(o->service), "%s", want->service);
	o->key = strdup(want->key);
	o->value = strdup(want->value);
	o->uid = want->uid;
	o->since = time(NULL);
	if (seconds) {
		clock_gettime(CLOCK_MONOTONIC, &o->until);
		o->until.tv_sec += seconds;
	}
	if (o->key && o->value)
		return o;
	override_free(o);
	return NULL;
}

struct override *override_take(struct daemon *dm, const char *service, const char *key)
{
	struct override **at, *o;

	for (at = &dm->overrides; (o = *at); at = &o->next) {
		if (strcmp(o->service, service) || strcmp(o->key, key))
			continue;
		*at = o->next;
		o->next = NULL;
		return o;
	}
	return NULL;
}

const struct override *override_find(const struct daemon *dm, const char *service, const char *key)
{
	const struct override *o;

	for (o = dm->overrides; o; o = o->next) {
		if (!strcmp(o->service, service) && !strcmp(o->key, key))
			return o;
	}
	return NULL;
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

static bool is_over(const struct override *o, const struct timespec *now)
{
	return o->until.tv_sec &&
	       (o->until.tv_sec < now->tv_sec || (o->until.tv_sec == now->tv_sec && o->until.tv_nsec <= now->tv_nsec));
}

bool overrides_expire(struct daemon *dm)
{
	struct override **at = &dm->overrides, *o;
	struct timespec now;
	bool any = false;

	clock_gettime(CLOCK_MONOTONIC, &now);
	while ((o = *at)) {
		if (!is_over(o, &now)) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		override_free(o);
		any = dm->state.dirty = true;
	}
	return any;
}
