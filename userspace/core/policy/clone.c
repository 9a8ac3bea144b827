/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies a policy; lists and databases are shared, not copied. See clone.h. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clone.h"
#include "defaults.h"
#include "list.h"

/* Sets *bad without memory; the copy can still be freed. */
static void *block_clone(const void *from, size_t size, bool *bad)
{
	void *copy = calloc(1, size ? size : 1);

	if (!copy)
		*bad = true;
	else if (size)
		memcpy(copy, from, size);
	return copy;
}

#define LIST_CLONE(from, to, bad)                                                                   \
	({                                                                                          \
		(to)->item = block_clone((from)->item, (from)->count * sizeof(*(from)->item), bad); \
		(to)->count = (to)->room = (to)->item ? (from)->count : 0;                          \
	})

static void strings_clone(const struct strings *from, struct strings *to, bool *bad)
{
	size_t i;

	*to = (struct strings){};
	for (i = 0; i < from->count && !*bad; i++)
		*bad = strings_add(to, from->item[i]);
}

static void text_clone(const char *from, char **to, bool *bad)
{
	*to = from ? strdup(from) : NULL;
	*bad |= from && !*to;
}

/* Places point into `files`, which the copy has, too. */
static void place_move(struct place *at, const struct policy *from, const struct policy *to)
{
	size_t i;

	for (i = 0; i < to->files.count; i++) {
		if (at->file == from->files.item[i]) {
			at->file = to->files.item[i];
			return;
		}
	}
	at->file = NULL;
}

static void service_clone(const struct policy_service *from, struct policy_service *to, bool *bad)
{
	LIST_CLONE(&from->addresses, &to->addresses, bad);
}

static void set_clone(const struct policy_set *from, struct policy_set *to, bool *bad)
{
	strings_clone(&from->prefix_texts, &to->prefix_texts, bad);
	strings_clone(&from->services, &to->services, bad);
	LIST_CLONE(&from->prefixes, &to->prefixes, bad);
	LIST_CLONE(&from->asns, &to->asns, bad);
	text_clone(from->file, &to->file, bad);
	text_clone(from->asns_file, &to->asns_file, bad);
	list_file_hold(to->listed);
	list_file_hold(to->listed_asns);
}

static void container_clone(const struct policy_container *from, struct policy_container *to, bool *bad)
{
	LIST_CLONE(&from->addresses, &to->addresses, bad);
	text_clone(from->netns, &to->netns, bad);
}

/* From here on the copy owns what each section points to, even if memory ran out. */
static void sections_clone(const struct policy *p, struct policy *copy, bool *bad)
{
	size_t i;

	LIST_CLONE(&p->services, &copy->services, bad);
	LIST_CLONE(&p->sets, &copy->sets, bad);
	LIST_CLONE(&p->containers, &copy->containers, bad);
	LIST_CLONE(&p->senders, &copy->senders, bad);
	LIST_CLONE(&p->written, &copy->written, bad);
	LIST_CLONE(&p->translated, &copy->translated, bad);
	for (i = 0; i < copy->services.count; i++) {
		service_clone(&p->services.item[i], &copy->services.item[i], bad);
		place_move(&copy->services.item[i].at, p, copy);
	}
	for (i = 0; i < copy->sets.count; i++) {
		set_clone(&p->sets.item[i], &copy->sets.item[i], bad);
		place_move(&copy->sets.item[i].at, p, copy);
	}
	for (i = 0; i < copy->containers.count; i++) {
		container_clone(&p->containers.item[i], &copy->containers.item[i], bad);
		place_move(&copy->containers.item[i].at, p, copy);
	}
	for (i = 0; i < copy->written.count; i++)
		place_move(&copy->written.item[i].at, p, copy);
}

DEFINE_CLEANUP(struct policy *, policy_free);

struct policy *policy_clone(const struct policy *p)
{
	_cleanup_(policy_free) struct policy *copy = policy_new();
	bool bad = false;

	if (!copy)
		return NULL;
	*copy = *p;
	copy->spoilt = (__typeof__(copy->spoilt)){};
	copy->geo = geo_hold(p->geo);
	text_clone(p->path, &copy->path, &bad);
	strings_clone(&p->files, &copy->files, &bad);
	strings_clone(&p->interfaces, &copy->interfaces, &bad);
	strings_clone(&p->databases, &copy->databases, &bad);
	strings_clone(&p->fleet.servers, &copy->fleet.servers, &bad);
	text_clone(p->fleet.secret_file, &copy->fleet.secret_file, &bad);
	text_clone(p->fleet.password_file, &copy->fleet.password_file, &bad);
	sections_clone(p, copy, &bad);
	return bad ? NULL : TAKE_PTR(copy);
}
