/* SPDX-License-Identifier: BSD-2-Clause */
/* Sources and what the live tables say of them. */
#include <errno.h>
#include <string.h>

#include "addr.h"
#include "internal.h"
#include "tables.h"

static int class_read(const struct engine *e, __u32 slot, const struct sluice_addr *a, __u32 *out)
{
	struct sluice_prefix_key key = { .prefixlen = 128, .addr = *a };
	_cleanup_close_ int fd = -1;
	__u32 id;
	int err;

	err = bpf_map_lookup_elem(e->map[MAP_class_tables], &slot, &id);
	if (err)
		return err;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		return fd;
	*out = bpf_map_lookup_elem(fd, &key, &id) ? 0 : id;
	return 0;
}

static int rule_read(const struct engine *e, __u32 slot, __u32 class_id, unsigned int service, struct sluice_rule *out)
{
	__u32 index = slot * SLUICE_MAX_CLASSES + class_id;
	struct sluice_class row;
	int err;

	err = bpf_map_lookup_elem(e->map[MAP_classes], &index, &row);
	if (err)
		return err;
	index = slot * SLUICE_MAX_RULES + row.rule[service % SLUICE_MAX_SERVICES];
	return bpf_map_lookup_elem(e->map[MAP_rules], &index, out);
}

int lookup_read(const struct engine *e, const struct sluice_addr *a, unsigned int service, struct lookup_status *out)
{
	struct sluice_control control;
	struct lookup_status s = { .reason = SLUICE_UNDECIDED };
	struct live_status live;
	int err;

	err = control_read(e, &control);
	if (!err)
		err = class_read(e, control.active, a, &s.class_id);
	if (!err)
		err = rule_read(e, control.active, s.class_id, service, &s.rule);
	if (err)
		return err;
	if (!live_find(e, LIVE_ALLOW, a, &live))
		s.reason = SLUICE_ALLOWED;
	else if (!live_find(e, LIVE_BAN, a, &live))
		s.reason = SLUICE_BANNED;
	else if (s.rule.action == SLUICE_ACTION_ALLOW)
		s.reason = SLUICE_ALLOWED;
	else if (s.rule.action == SLUICE_ACTION_DENY)
		s.reason = SLUICE_DENIED;
	*out = s;
	return 0;
}

static unsigned int mask_length(const struct sluice_addr *mask)
{
	unsigned int i, bits = 0;

	for (i = 0; i < 4; i++)
		bits += __builtin_popcount(mask->word[i]);
	return bits;
}

static int by_connections(const void *a, const void *b)
{
	const struct source_status *x = a, *y = b;

	if (x->connections != y->connections)
		return x->connections < y->connections ? 1 : -1;
	return memcmp(&x->addr, &y->addr, sizeof(x->addr));
}

static void source_fill(const struct engine *e, const struct sluice_generation *g, const struct sluice_source_key *key,
			const struct sluice_counter *c, struct source_status *out)
{
	struct lookup_status look;

	out->addr = key->addr;
	out->service = key->service;
	out->prefix_len = mask_length(addr_is_ipv4(&key->addr) ? &g->mask4 : &g->mask6);
	out->connections = c->held - c->reserved;
	out->reserved = c->reserved;
	out->limit = 0;
	if (!lookup_read(e, &key->addr, key->service, &look) && look.rule.action == SLUICE_ACTION_LIMIT)
		out->limit = look.rule.source.connections;
}

int sources_read(const struct engine *e, unsigned int service, struct source_status **out, size_t *count)
{
	_cleanup_free_ struct source_status *list = NULL;
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_source_key *key;
	const struct sluice_counter *counter;
	struct sluice_generation g;
	struct sluice_control control;
	size_t i, total = 0, n = 0;
	int err;

	err = control_read(e, &control);
	if (!err)
		err = bpf_map_lookup_elem(e->map[MAP_generations], &control.active, &g);
	if (!err)
		err = table_read(e->map[MAP_sources], sizeof(*key), sizeof(*counter), &keys, &values, &total);
	if (err)
		return err;
	list = calloc(total + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	key = keys;
	counter = values;
	for (i = 0; i < total; i++) {
		if (counter[i].held && (!service || key[i].service == service))
			source_fill(e, &g, &key[i], &counter[i], &list[n++]);
	}
	qsort(list, n, sizeof(*list), by_connections);
	*out = TAKE_PTR(list);
	*count = n;
	return 0;
}
