/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the current network namespaces of the policy's containers, and what the tracker must know about them. */
#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

#include "containers.h"
#include "internal.h"
#include "list.h"

struct row {
	struct sluice_published_key key;
	struct sluice_published to;
};

struct rows {
	struct row *item;
	size_t count, room;
};

static void rows_free(struct rows *r)
{
	free(r->item);
}

static int row_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sluice_published_key));
}

/* The ports of a container in one of its namespaces. */
static int rows_add(struct rows *r, const struct sluice_container *c, __u32 slot, __u64 netns)
{
	size_t addresses = c->addresses_count ? c->addresses_count : 1, i, j;
	struct row *more;

	for (i = 0; i < addresses; i++) {
		for (j = 0; j < c->ports_count; j++) {
			more = LIST_ADD(r);
			if (!more)
				return -ENOMEM;
			*more = (struct row){
				.key = { .netns = netns, .addr = c->addresses[i], .slot = slot, .port = c->port[j] },
				.to = c->host[j],
			};
		}
	}
	return 0;
}

/* Brings the slot's rows in line, and leaves correct ones alone: the tracker reads them all the while. */
static int rows_put(const struct engine *e, __u32 slot, struct rows *want)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_published_key *key;
	const struct sluice_published *to;
	const struct row *found;
	size_t count = 0, i;
	int err;

	if (want->count)
		qsort(want->item, want->count, sizeof(*want->item), row_compare);
	err = table_read(e->map[MAP_published], sizeof(*key), sizeof(*to), &keys, &values, &count);
	key = keys;
	to = values;
	for (i = 0; i < count && !err; i++) {
		if (key[i].slot != slot)
			continue;
		found = want->count ? bsearch(&key[i], want->item, want->count, sizeof(*want->item), row_compare)
				    : NULL;
		if (!found)
			err = bpf_map_delete_elem(e->map[MAP_published], &key[i]);
		else if (memcmp(&found->to, &to[i], sizeof(*to)))
			err = bpf_map_update_elem(e->map[MAP_published], &key[i], &found->to, BPF_EXIST);
	}
	for (i = 0; i < want->count && !err; i++) {
		err = bpf_map_update_elem(e->map[MAP_published], &want->item[i].key, &want->item[i].to, BPF_NOEXIST);
		if (err == -EEXIST)
			err = 0;
	}
	return err;
}

/* Returns -ENOENT if there are no more of them. */
static int container_at(const struct engine *e, __u32 slot, __u32 number, struct sluice_container *out)
{
	__u32 index = slot * SLUICE_MAX_CONTAINERS + number;

	if (number >= SLUICE_MAX_CONTAINERS || bpf_map_lookup_elem(e->map[MAP_containers], &index, out))
		return -ENOENT;
	return *out->name ? 0 : -ENOENT;
}

void engine_netns_by(struct engine *e, netns_ask ask, void *arg)
{
	e->ask = ask;
	e->ask_arg = arg;
}

static int netns_find(struct engine *e, const struct sluice_container *c, enum netns_opens what, struct netns_fds *out,
		      struct diag *d)
{
	return e->ask ? e->ask(e->ask_arg, c, what, out, d) : netns_enter(e->instance, c, what, out, d);
}

static void status_note(struct container_status *s, const struct sluice_container *c, const struct netns_fds *found,
			const struct diag *d, __u64 own)
{
	size_t i;

	memset(s, 0, sizeof(*s));
	memcpy(s->name, c->name, sizeof(s->name));
	for (i = 0; i < found->count; i++)
		s->namespaces += found->item[i].fd >= 0 && found->item[i].cookie != own;
	if (d->count)
		snprintf(s->why, sizeof(s->why), "%s", d->item[0].text);
}

/* Adds namespaces except the host's own, which is visited anyway. Each is added once, even if several sections name it. */
static int netns_merge(struct netns_fds *all, struct netns_fds *found, __u64 own)
{
	int err = 0, fd;
	size_t i, j;

	for (i = 0; i < found->count && !err; i++) {
		for (j = 0; j < all->count && all->item[j].cookie != found->item[i].cookie; j++)
			;
		if (j < all->count || found->item[i].fd < 0 || found->item[i].cookie == own)
			continue;
		fd = found->item[i].fd;
		found->item[i].fd = -1;
		err = netns_fds_add(all, found->item[i].cookie, fd);
	}
	return err;
}

struct gathering {
	__u32 slot;
	__u64 own;
	enum netns_opens what;
	struct rows rows;
	struct netns_fds *out;
};

static int container_gather(struct engine *e, struct gathering *g, const struct sluice_container *c,
			    struct container_status *status, struct diag *d)
{
	_cleanup_diag_ struct diag said = {};
	_cleanup_netns_ struct netns_fds found = {};
	int err = netns_find(e, c, g->what, &found, &said);
	size_t i;

	if (err && said.count)
		diag_add(d, "container %s: %s", c->name, said.item[0].text);
	status_note(status, c, &found, &said, g->own);
	for (i = 0; i < found.count && !err; i++) {
		if (found.item[i].cookie != g->own)
			err = rows_add(&g->rows, c, g->slot, found.item[i].cookie);
	}
	return err ? err : netns_merge(g->out, &found, g->own);
}

/* Gathers the namespaces, and brings `published` in line. */
static int netns_gather(struct engine *e, __u32 slot, enum netns_opens what, struct netns_fds *out, struct diag *d)
{
	_cleanup_free_ struct container_status *status = calloc(SLUICE_MAX_CONTAINERS, sizeof(*status));
	struct gathering g = { .slot = slot, .what = what, .out = out };
	struct sluice_container c;
	struct sluice_control control;
	int err = status ? control_read(e, &control) : -ENOMEM;
	__u32 n = 0;

	if (err)
		return err;
	g.own = control.netns;
	for (; !err && !container_at(e, slot, n, &c); n++)
		err = container_gather(e, &g, &c, &status[n], d);
	if (!err)
		err = rows_put(e, slot, &g.rows);
	rows_free(&g.rows);
	if (err)
		return err;
	free(e->containers);
	e->containers = TAKE_PTR(status);
	e->containers_count = n;
	return 0;
}

int engine_netns(struct engine *e, enum netns_opens what, struct netns_fds *out, struct diag *d)
{
	__u32 slot;
	int err = slot_read(e, &slot);

	return err ? err : netns_gather(e, slot, what, out, d);
}

bool published_find(const struct engine *e, uint64_t netns, struct sluice_addr *local, uint16_t *port)
{
	struct sluice_published_key key = { .netns = netns, .addr = *local, .port = *port };
	struct sluice_published to;
	__u32 slot;

	if (slot_read(e, &slot))
		return false;
	key.slot = slot;
	if (bpf_map_lookup_elem(e->map[MAP_published], &key, &to)) {
		key.addr = (struct sluice_addr){};
		if (bpf_map_lookup_elem(e->map[MAP_published], &key, &to))
			return false;
	}
	*local = to.addr;
	*port = to.port;
	return true;
}

int containers_write(struct engine *e, __u32 slot)
{
	_cleanup_diag_ struct diag ignored = {};
	_cleanup_netns_ struct netns_fds opened = {};

	return netns_gather(e, slot, NETNS_AUDIT, &opened, &ignored);
}

int containers_read(const struct engine *e, struct container_status **out, size_t *count)
{
	_cleanup_free_ struct container_status *list = calloc(SLUICE_MAX_CONTAINERS, sizeof(*list));
	struct sluice_container c;
	__u32 slot, n;
	int err = list ? slot_read(e, &slot) : -ENOMEM;
	size_t i;

	if (err)
		return err;
	for (n = 0; !container_at(e, slot, n, &c); n++) {
		list[n].namespaces = -1;
		memcpy(list[n].name, c.name, sizeof(c.name));
		for (i = 0; i < e->containers_count; i++) {
			if (!strcmp(e->containers[i].name, c.name))
				list[n] = e->containers[i];
		}
	}
	*out = TAKE_PTR(list);
	*count = n;
	return 0;
}

/* FNV-1a (Fowler, Noll, Vo). */
static uint64_t hash_add(uint64_t hash, const void *data, size_t size)
{
	const uint8_t *byte = data;
	size_t i;

	for (i = 0; i < size; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3;
	return hash;
}

/* The kernel reuses numbers of namespaces at once, so their time is hashed, too. */
static uint64_t pattern_hash(uint64_t hash, const char *pattern)
{
	glob_t found = {};
	struct stat st;
	size_t i;

	if (!glob(pattern, 0, NULL, &found)) {
		for (i = 0; i < found.gl_pathc; i++) {
			if (stat(found.gl_pathv[i], &st))
				continue;
			hash = hash_add(hash, found.gl_pathv[i], strlen(found.gl_pathv[i]));
			hash = hash_add(hash, &st.st_ino, sizeof(st.st_ino));
			hash = hash_add(hash, &st.st_ctim, sizeof(st.st_ctim));
		}
	}
	globfree(&found);
	return hash;
}

bool engine_netns_moved(struct engine *e)
{
	uint64_t hash = 0xcbf29ce484222325;
	struct sluice_container c;
	__u32 slot, n;
	bool moved;

	if (slot_read(e, &slot))
		return false;
	for (n = 0; !container_at(e, slot, n, &c); n++)
		hash = pattern_hash(hash, c.netns);
	moved = hash != e->netns_seen;
	e->netns_seen = hash;
	return moved && n;
}
