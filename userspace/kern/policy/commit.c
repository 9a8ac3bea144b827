/* SPDX-License-Identifier: BSD-2-Clause */
/* A policy becomes a generation: fill the idle slot, flip one index, bring open sockets in line. */
#include <errno.h>
#include <string.h>

#include "compile.h"
#include "slot.h"
#include "internal.h"
#include "registry.h"

static void compiled_release(struct compiled *c)
{
	compiled_free(c);
}
DEFINE_CLEANUP(struct compiled *, compiled_release);

/* Writes rows [first, first + count) of an array, and zeroes the rest of the slot's `room` rows. */
static int rows_write(int fd, __u32 first, __u32 room, const void *rows, size_t size, __u32 count)
{
	_cleanup_free_ char *values = calloc(room, size);
	_cleanup_free_ __u32 *keys = calloc(room, sizeof(*keys));
	__u32 i, n = room;

	if (!values || !keys)
		return -ENOMEM;
	memcpy(values, rows, count * size);
	for (i = 0; i < room; i++)
		keys[i] = first + i;
	return bpf_map_update_batch(fd, keys, values, &n, NULL);
}

static int ports_write(const struct engine *e, __u32 slot, const struct compiled *c)
{
	_cleanup_free_ struct sluice_port *rows = calloc(65536, sizeof(*rows));
	size_t i;

	if (!rows)
		return -ENOMEM;
	for (i = 0; i < c->ports_count; i++)
		rows[c->ports[i].port] = c->ports[i].row;
	return rows_write(e->map[MAP_ports], slot * 65536, 65536, rows, sizeof(*rows), 65536);
}

static int listeners_write(const struct engine *e, __u32 slot, const struct compiled *c)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_listener_key *old;
	struct sluice_listener_key key;
	size_t count = 0, i;
	__u32 service;
	int err;

	err = table_read(e->map[MAP_listeners], sizeof(key), sizeof(service), &keys, &values, &count);
	old = keys;
	for (i = 0; i < count && !err; i++) {
		if (old[i].slot == slot)
			err = bpf_map_delete_elem(e->map[MAP_listeners], &old[i]);
	}
	for (i = 0; i < c->listeners_count && !err; i++) {
		key = (struct sluice_listener_key){ c->listeners[i].addr, slot, c->listeners[i].port };
		service = c->listeners[i].service;
		err = bpf_map_update_elem(e->map[MAP_listeners], &key, &service, BPF_ANY);
	}
	return err;
}

static int names_write(const struct engine *e)
{
	int err = 0;
	__u32 i;

	for (i = 1; i < SLUICE_MAX_TOTALS && !err; i++) {
		if (e->registry->used[i])
			err = bpf_map_update_elem(e->map[MAP_names], &i, e->registry->name[i], BPF_ANY);
	}
	return err;
}

/* Writes everything of a generation except the flip. */
static int slot_fill(struct engine *e, __u32 slot, const struct compiled *c)
{
	int err;

	err = trie_replace(e, slot, c->trie); /* first: it waits until nobody reads the slot */
	if (!err)
		err = ports_write(e, slot, c);
	if (!err)
		err = listeners_write(e, slot, c);
	if (!err)
		err = rows_write(e->map[MAP_services], slot * SLUICE_MAX_SERVICES, SLUICE_MAX_SERVICES, c->services,
				 sizeof(*c->services), SLUICE_MAX_SERVICES);
	if (!err)
		err = rows_write(e->map[MAP_classes], slot * SLUICE_MAX_CLASSES, SLUICE_MAX_CLASSES, c->classes,
				 sizeof(*c->classes), c->classes_count);
	if (!err)
		err = rows_write(e->map[MAP_rules], slot * SLUICE_MAX_RULES, SLUICE_MAX_RULES, c->rules,
				 sizeof(*c->rules), c->rules_count);
	if (!err)
		err = rows_write(e->map[MAP_containers], slot * SLUICE_MAX_CONTAINERS, SLUICE_MAX_CONTAINERS,
				 c->containers, sizeof(*c->containers), c->containers_count);
	if (!err)
		err = containers_write(e, slot);
	if (!err)
		err = names_write(e);
	if (!err)
		err = bpf_map_update_elem(e->map[MAP_generations], &slot, &c->generation, BPF_ANY);
	return err;
}

/* Rates with different intervals cannot be compared: a new interval begins anew. */
static void peaks_begin(struct sluice_peaks *p, const struct sluice_service *row)
{
	if (p->width_ns != row->source.width_ns)
		memset(p->source_rate, 0, sizeof(p->source_rate));
	if (p->total_width_ns != row->total.width_ns)
		p->rate = 0;
	p->width_ns = row->source.width_ns;
	p->total_width_ns = row->total.width_ns;
}

int peaks_write(const struct engine *e, const struct sluice_service *row)
{
	struct sluice_peaks p;
	int err = 0;
	__u32 id;

	for (id = 1; id < SLUICE_MAX_SERVICES && !err; id++) {
		if (!*row[id].name)
			continue;
		err = bpf_map_lookup_elem(e->map[MAP_peaks], &id, &p);
		if (err || (p.width_ns == row[id].source.width_ns && p.total_width_ns == row[id].total.width_ns))
			continue;
		peaks_begin(&p, &row[id]);
		err = bpf_map_update_elem(e->map[MAP_peaks], &id, &p, BPF_ANY);
	}
	return err;
}

/* Zeroes a service's rows of statistics on all processors: `zero` is large enough for any. */
static int stats_clear(int fd, __u32 service, __u32 rows, const void *zero)
{
	__u32 index = service * rows, i;
	int err = 0;

	for (i = 0; i < rows && !err; i++, index++)
		err = bpf_map_update_elem(fd, &index, zero, BPF_ANY);
	return err;
}

static int service_clear(const struct engine *e, __u32 service)
{
	const struct sluice_pressure calm = {};
	_cleanup_free_ struct sluice_stat *zero = calloc(possible_cpus(), sizeof(*zero));
	const struct sluice_peaks none = {};
	int err;

	if (!zero)
		return -ENOMEM;
	err = stats_clear(e->map[MAP_stats], service, SLUICE_REASONS, zero);
	if (!err)
		err = stats_clear(e->map[MAP_countries], service, SLUICE_COUNTRIES, zero);
	if (!err)
		err = stats_clear(e->map[MAP_admitted_from], service, SLUICE_ORIGINS, zero);
	if (!err)
		err = bpf_map_update_elem(e->map[MAP_peaks], &service, &none, BPF_ANY);
	return err ? err : bpf_map_update_elem(e->map[MAP_pressures], &service, &calm, BPF_ANY);
}

/*
 * Frees the names that no policy uses and under which nothing is held: their counters may serve others. A service's name and statistics
 * stay while the next policy has room beside them, so that a service that comes back continues its counters.
 */
int registry_retire(struct engine *e)
{
	struct registry *reg = e->registry;
	unsigned int spare = SLUICE_MAX_SERVICES - 1 - registry_count(reg, 1, SLUICE_MAX_SERVICES);
	const struct sluice_rate rate = {};
	struct sluice_counter counter;
	int err = 0;
	__u32 i;

	for (i = 1; i < SLUICE_MAX_TOTALS && !err; i++) {
		if (reg->used[i] || !*reg->name[i] || (i < SLUICE_MAX_SERVICES && spare >= SLUICE_POLICY_SERVICES))
			continue;
		err = bpf_map_lookup_elem(e->map[MAP_totals], &i, &counter);
		if (err || counter.held)
			continue;
		memset(&counter, 0, sizeof(counter));
		err = bpf_map_update_elem(e->map[MAP_total_rates], &i, &rate, BPF_ANY);
		if (err)
			continue;
		memset(reg->name[i], 0, sizeof(reg->name[i]));
		err = bpf_map_update_elem(e->map[MAP_totals], &i, &counter, BPF_ANY);
		if (!err && i < SLUICE_MAX_SERVICES) {
			err = service_clear(e, i);
			spare++;
		}
		if (!err)
			err = bpf_map_update_elem(e->map[MAP_names], &i, reg->name[i], BPF_ANY);
	}
	return err;
}

static int policy_path_write(const struct engine *e, __u32 slot, const struct policy *p)
{
	struct sluice_identity who = {};
	__u32 zero = 0;
	int err;

	err = bpf_map_lookup_elem(e->map[MAP_identity], &zero, &who);
	if (err)
		return err;
	snprintf(who.policy[slot], sizeof(who.policy[slot]), "%s", p->path ? p->path : "");
	who.reverted_s = 0;
	return bpf_map_update_elem(e->map[MAP_identity], &zero, &who, BPF_ANY);
}

int engine_geo_check(const struct engine *e, const struct policy *p, struct diag *d)
{
	struct sluice_generation now = {};
	__u32 slot;
	int err = slot_read(e, &slot);

	if (!err)
		err = bpf_map_lookup_elem(e->map[MAP_generations], &slot, &now);
	return err || !p->geo || policy_only_counts_countries(p) ? err : geo_check(now.geo_entries, p->geo->entries, d);
}

/* Returns one more than any number that was ever in force. */
static int number_next(const struct engine *e, __u64 *out)
{
	struct sluice_generation g;
	__u64 last = 0;
	int err = 0;
	__u32 slot;

	for (slot = 0; slot < SLUICE_SLOTS && !err; slot++) {
		err = bpf_map_lookup_elem(e->map[MAP_generations], &slot, &g);
		if (!err && g.number > last)
			last = g.number;
	}
	*out = last + 1;
	return err;
}

/* The new policy is in force whatever becomes of this: the next commit or audit does what fails here. */
static void commit_settle(struct engine *e, bool on_trial, struct diag *d)
{
	__u32 slot;
	long drift;
	int err = on_trial ? 0 : slot_read(e, &slot);

	if (!err && !on_trial)
		err = trie_drop(e, !slot);
	if (err)
		diag_add(d, "the new policy is in force, but the memory of the old one is freed later: %s",
			 strerror(-err));
	err = engine_audit(e, &drift, d);
	if (!err && !on_trial)
		err = registry_retire(e);
	if (!err)
		err = origins_begin(e);
	if (err)
		diag_add(d, "the new policy is in force, but live connections are only counted by the next audit: %s",
			 strerror(-err));
}

/* Compiles the policy, fills the idle slot, and puts it in force: for good, or for `ms` if that is given. */
static int commit(struct engine *e, const struct policy *p, unsigned int ms, struct diag *d)
{
	_cleanup_(compiled_release) struct compiled *c = NULL;
	__u64 until = 0;
	__u32 slot;
	int err;

	if (engine_trial(e, NULL) != TRIAL_NONE) {
		diag_add(d, "a policy awaits its confirmation: first run sluicectl confirm, or revert");
		return -EBUSY;
	}
	err = policy_compile(p, e->registry, &c, d);
	if (err)
		return err;
	err = number_next(e, &c->generation.number);
	if (!err)
		err = slot_read(e, &slot);
	slot = err ? 0 : !slot;
	if (!err)
		err = slot_fill(e, slot, c);
	if (!err)
		err = peaks_write(e, c->services);
	if (!err)
		err = policy_path_write(e, slot, p);
	if (ms) /* from now on, however long filling the tables took */
		until = (clock_ns() + ms * 1000000ULL) & SLUICE_FORCE_UNTIL;
	if (!err)
		err = force_store(e, slot | until);
	if (err) {
		diag_add(d, "cannot write the policy into the kernel: %s: the old one stays in force", strerror(-err));
		return err;
	}
	e->committed[slot].listeners = c->listeners_count;
	e->committed[slot].classes = c->classes_count;
	e->committed[slot].rules = c->rules_count;
	e->committed[slot].pages = c->trie->pages;
	commit_settle(e, ms, d);
	return 0;
}

int engine_commit(struct engine *e, const struct policy *p, struct diag *d)
{
	return commit(e, p, 0, d);
}

int engine_try(struct engine *e, const struct policy *p, unsigned int ms, struct diag *d)
{
	_cleanup_free_ bool *before = calloc(SLUICE_MAX_TOTALS, sizeof(*before));
	int err;

	if (!before)
		return -ENOMEM;
	memcpy(before, e->registry->used, SLUICE_MAX_TOTALS * sizeof(*before));
	err = commit(e, p, ms, d);
	if (err)
		return err;
	free(e->used_before);
	e->used_before = TAKE_PTR(before);
	return 0;
}
