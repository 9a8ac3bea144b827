/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clone.h"

/* Sets *bad without memory; the copy then is still safe to free. */
static void *block_clone(const void *from, size_t size, bool *bad)
{
	void *copy = calloc(1, size ? size : 1);

	if (!copy)
		*bad = true;
	else if (size)
		memcpy(copy, from, size);
	return copy;
}

static char **strings_clone(char *const *from, size_t count, size_t *copied, bool *bad)
{
	char **copy = calloc(count + 1, sizeof(*copy));
	size_t i;

	*copied = 0;
	if (!copy)
		*bad = true;
	for (i = 0; i < count && copy && !*bad; i++) {
		copy[i] = strdup(from[i]);
		*bad = !copy[i];
		*copied += !*bad;
	}
	return copy;
}

static void set_clone(const struct policy_set *from, struct policy_set *to, bool *bad)
{
	to->prefix_texts = strings_clone(from->prefix_texts, from->prefix_texts_count, &to->prefix_texts_count, bad);
	to->services = strings_clone(from->services, from->services_count, &to->services_count, bad);
	to->prefixes.item = block_clone(from->prefixes.item, from->prefixes.count * sizeof(struct prefix), bad);
	to->prefixes.room = from->prefixes.count;
	to->asns.item = block_clone(from->asns.item, from->asns.count * sizeof(*from->asns.item), bad);
	to->file = from->file ? strdup(from->file) : NULL;
	*bad |= from->file && !to->file;
}

static void addresses_clone(const struct addresses *from, struct addresses *to, bool *bad)
{
	to->item = block_clone(from->item, from->count * sizeof(*from->item), bad);
}

/* Places point into `files`, which belong to the copy, too. */
static void place_move(struct place *at, const struct policy *from, const struct policy *to)
{
	size_t i;

	for (i = 0; i < from->files_count; i++) {
		if (at->file == from->files[i]) {
			at->file = to->files[i];
			return;
		}
	}
	at->file = NULL;
}

static void sections_clone(const struct policy *p, struct policy *copy, bool *bad)
{
	size_t i;

	copy->services = block_clone(p->services, p->services_count * sizeof(*p->services), bad);
	copy->written = block_clone(p->written, p->written_count * sizeof(*p->written), bad);
	for (i = 0; i < p->written_count && copy->written; i++)
		place_move(&copy->written[i].at, p, copy);
	copy->written_count = copy->written ? p->written_count : 0;
	copy->sets = block_clone(p->sets, p->sets_count * sizeof(*p->sets), bad);
	for (i = 0; i < p->services_count && copy->services; i++) {
		addresses_clone(&p->services[i].addresses, &copy->services[i].addresses, bad);
		place_move(&copy->services[i].at, p, copy);
		copy->services_count++;
	}
	for (i = 0; i < p->sets_count && copy->sets; i++) {
		set_clone(&p->sets[i], &copy->sets[i], bad);
		place_move(&copy->sets[i].at, p, copy);
		copy->sets_count++;
	}
}

static void containers_clone(const struct policy *p, struct policy *copy, bool *bad)
{
	struct policy_container *to;
	size_t i;

	copy->containers = block_clone(p->containers, p->containers_count * sizeof(*p->containers), bad);
	for (i = 0; i < p->containers_count && copy->containers; i++) {
		to = &copy->containers[i];
		addresses_clone(&p->containers[i].addresses, &to->addresses, bad);
		to->netns = to->netns ? strdup(to->netns) : NULL;
		*bad |= p->containers[i].netns && !to->netns;
		place_move(&to->at, p, copy);
		copy->containers_count++;
	}
}

DEFINE_CLEANUP(struct policy *, policy_free);

struct policy *policy_clone(const struct policy *p)
{
	_cleanup_(policy_free) struct policy *copy = policy_new();
	bool bad = false;

	if (!copy)
		return NULL;
	*copy = *p;
	copy->services = NULL;
	copy->written = NULL;
	copy->sets = NULL;
	copy->containers = NULL;
	copy->services_count = copy->sets_count = copy->written_count = copy->containers_count = 0;
	copy->geo = geo_hold(p->geo);
	copy->path = p->path ? strdup(p->path) : NULL;
	copy->files = strings_clone(p->files, p->files_count, &copy->files_count, &bad);
	copy->interfaces = strings_clone(p->interfaces, p->interfaces_count, &copy->interfaces_count, &bad);
	copy->databases = strings_clone(p->databases, p->databases_count, &copy->databases_count, &bad);
	place_move(&copy->geoip_at, p, copy);
	if (!bad)
		sections_clone(p, copy, &bad);
	if (!bad)
		containers_clone(p, copy, &bad);
	return bad || (p->path && !copy->path) ? NULL : TAKE_PTR(copy);
}
