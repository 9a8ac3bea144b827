/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replaces another build's kernel side by ours. If ours works on the same maps, only the pins of its programs are renamed;
 * otherwise all are, and ours are made and filled next to them. The old kernel side keeps judging and counting until our gate has replaced it.
 * If this is interrupted, the next start finds the renamed pins and continues. Of another ABI's maps only those are read whose keys
 * and values have the same size as ours: the others are left behind.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "bans.h"
#include "internal.h"
#include "registry.h"
#include "tables.h"

static void move_refused(const struct engine *e, int err, struct diag *d)
{
	diag_add(d, "cannot move its pins out of the way: %s: run sluicectl -i %s unload, then start again",
		 strerror(-err), e->instance);
}

int old_make(const struct engine *e, struct diag *d)
{
	char ours[PIN_PATH_LEN], old[PIN_PATH_LEN];
	int err;

	pin_path(e->instance, "", ours);
	old_path(e->instance, "", old);
	err = rename(ours, old) ? -errno : 0;
	if (err)
		move_refused(e, err, d);
	return err;
}

void old_unmake(const struct engine *e)
{
	char ours[PIN_PATH_LEN], old[PIN_PATH_LEN];

	pin_path(e->instance, "", ours);
	old_path(e->instance, "", old);
	rename(old, ours);
}

static bool is_map(const char *pin)
{
	int i;

	for (i = 0; i < MAPS; i++) {
		if (!strcmp(map_names[i], pin))
			return true;
	}
	return false;
}

struct move {
	const char *instance;
};

/*
 * Moves a pin over an existing one. If both builds have a program, only one is needed; if two trackers run, the second finds the work done.
 */
static int program_move(const char *pin, const char *path, void *arg)
{
	const struct move *to = arg;
	char there[PIN_PATH_LEN];

	pin_path(to->instance, pin, there);
	return !is_map(pin) && rename(path, there) ? -errno : 0;
}

int old_programs_make(const struct engine *e, struct diag *d)
{
	char name[OLD_NAME_LEN], path[PIN_PATH_LEN];
	struct move to = { name };
	int err;

	old_name(e->instance, name);
	pin_path(name, "", path);
	err = mkdir(path, 0700) && errno != EEXIST ? -errno : pins_each(e->instance, program_move, &to);
	if (err)
		move_refused(e, err, d);
	return err;
}

void old_programs_unmake(const struct engine *e)
{
	char name[OLD_NAME_LEN], path[PIN_PATH_LEN];
	struct move to = { e->instance };

	old_name(e->instance, name);
	pin_path(name, "", path);
	if (!pins_each(name, program_move, &to))
		rmdir(path);
}

/* Until ABI 12 some maps had other names. */
static const char *const earlier_names[MAPS] = { [MAP_syncookies] = "tuning" };

/* Returns the old map by its name, or by the one that it had earlier; or -1. */
static int old_open(const struct engine *e, enum map_id id)
{
	char path[PIN_PATH_LEN];
	int fd;

	old_path(e->instance, map_names[id], path);
	fd = bpf_obj_get(path);
	if (fd >= 0 || !earlier_names[id])
		return fd;
	old_path(e->instance, earlier_names[id], path);
	return bpf_obj_get(path);
}

/* The same, but only if its rows are like ours. */
static int old_map(const struct engine *e, enum map_id id)
{
	struct bpf_map_info old = {}, ours = {};
	__u32 len = sizeof(old), size = sizeof(ours);
	_cleanup_close_ int fd = old_open(e, id);
	int found;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &old, &len) || bpf_obj_get_info_by_fd(e->map[id], &ours, &size) ||
	    old.key_size != ours.key_size || old.value_size != ours.value_size)
		return -1;
	found = fd;
	fd = -1;
	return found;
}

/* *keys and *values are freed with free(). Returns -ENOENT if there are none of this form. */
static int lives_read(const struct engine *e, enum map_id id, void **keys, void **values, size_t *count)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_LEN];

	old_path(e->instance, map_names[id], path);
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) || info.key_size != sizeof(struct sluice_prefix_key) ||
	    info.value_size != sizeof(struct sluice_live))
		return -ENOENT;
	return table_read(fd, sizeof(struct sluice_prefix_key), sizeof(struct sluice_live), keys, values, count);
}

static int allows_carry(const struct engine *e)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_prefix_key *key;
	const struct sluice_live *live;
	size_t count = 0, i;
	int err = lives_read(e, MAP_live_allows, &keys, &values, &count);

	key = keys;
	live = values;
	for (i = 0; i < count && !err; i++)
		err = bpf_map_update_elem(e->map[MAP_live_allows], &key[i], &live[i], BPF_ANY);
	return err == -ENOENT ? 0 : err;
}

static uint64_t seconds_left(__u64 expires_ns, uint64_t now)
{
	return expires_ns ? (expires_ns - now) / 1000000000 + 1 : 0;
}

/*
 * Carries bans over with their owners; counts of what each has stopped begin anew. Returns -ENOENT if the old side has none in this form.
 */
static int owners_carry(struct engine *e)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	_cleanup_close_ int old = old_map(e, MAP_ban_rows);
	_cleanup_free_ struct ban *list = NULL;
	const struct sluice_ban_key *key;
	const struct sluice_ban_row *row;
	uint64_t now = clock_ns();
	size_t count = 0, i, n = 0;
	int err;

	if (old < 0)
		return -ENOENT;
	err = table_read(old, sizeof(*key), sizeof(*row), &keys, &values, &count);
	if (err)
		return err;
	list = calloc(count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (i = 0, key = keys, row = values; i < count; i++) {
		if (row[i].expires_ns && row[i].expires_ns <= now)
			continue;
		list[n] = (struct ban){ .prefix = { key[i].prefix.addr, key[i].prefix.prefixlen },
					.expires_in = seconds_left(row[i].expires_ns, now),
					.since = row[i].since_s,
					.uid = row[i].uid,
					.observe = row[i].observe };
		memcpy(list[n].owner, row[i].owner, sizeof(list->owner));
		memcpy(list[n++].text, row[i].text, sizeof(list->text));
	}
	return bans_put(e, list, n, NULL);
}

/* Until ABI 7 a ban had the form of an allow, and no owner. */
static int ownerless_carry(struct engine *e)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	_cleanup_free_ struct ban *list = NULL;
	const struct sluice_prefix_key *key;
	const struct sluice_live *live;
	uint64_t now = clock_ns();
	size_t count = 0, i, n = 0;
	int err = lives_read(e, MAP_live_bans, &keys, &values, &count);

	if (err)
		return err == -ENOENT ? 0 : err;
	list = calloc(count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (i = 0, key = keys, live = values; i < count; i++) {
		if (live[i].expires_ns && live[i].expires_ns <= now)
			continue;
		list[n] = (struct ban){ .prefix = { key[i].addr, live[i].prefixlen }, .since = live[i].since_s };
		list[n].expires_in = seconds_left(live[i].expires_ns, now);
		list[n].uid = live[i].uid;
		ban_owner_of(live[i].uid, list[n].owner);
		memcpy(list[n++].text, live[i].text, sizeof(list->text));
	}
	return bans_put(e, list, n, NULL);
}

int old_lives_carry(struct engine *e)
{
	int err = owners_carry(e);

	if (err == -ENOENT)
		err = ownerless_carry(e);
	return err ? err : allows_carry(e);
}

struct carry {
	int from, to; /* per-CPU arrays with the same values */
	__u32 from_rows, to_rows; /* per service */
};

/* Carries a service's rows over; reasons are only ever appended. Returns 0 or -errno. */
static int rows_carry(const struct carry *c, __u32 from, __u32 to, void *each)
{
	__u32 rows = c->from_rows < c->to_rows ? c->from_rows : c->to_rows, i, a, b;
	int err = 0;

	for (i = 0; i < rows && !err; i++) {
		a = from * c->from_rows + i;
		b = to * c->to_rows + i;
		err = bpf_map_lookup_elem(c->from, &a, each);
		if (!err)
			err = bpf_map_update_elem(c->to, &b, each, BPF_ANY);
	}
	return err;
}

/* Carries over the statistics of every service that still has its name. */
static int stats_carry(const struct engine *e, int names, enum map_id id, __u32 to_rows)
{
	_cleanup_free_ void *each = calloc(possible_cpus(), sizeof(struct sluice_stat));
	_cleanup_close_ int from = old_map(e, id);
	struct carry c = { .from = from, .to = e->map[id], .to_rows = to_rows };
	struct bpf_map_info info = {};
	char name[SLUICE_TOTAL_NAME_LEN];
	__u32 len = sizeof(info), i, service;
	int err = 0;

	if (!each)
		return -ENOMEM;
	if (from < 0 || bpf_obj_get_info_by_fd(from, &info, &len))
		return 0;
	c.from_rows = info.max_entries / SLUICE_MAX_SERVICES;
	for (i = 1; i < SLUICE_MAX_SERVICES && !err; i++) {
		if (bpf_map_lookup_elem(names, &i, name))
			continue;
		service = registry_service(e->registry, name);
		if (service)
			err = rows_carry(&c, i, service, each);
	}
	return err ? err : rows_carry(&c, 0, 0, each);
}

int engine_inherit(struct engine *e, struct diag *d)
{
	_cleanup_close_ int names = -1, noted = -1;
	struct sluice_syncookies t;
	__u32 zero = 0;
	int err = 0;

	if (!engine_old_stands(e))
		return 0;
	names = old_map(e, MAP_names);
	noted = old_map(e, MAP_syncookies);
	if (noted >= 0 && !bpf_map_lookup_elem(noted, &zero, &t))
		err = bpf_map_update_elem(e->map[MAP_syncookies], &zero, &t, BPF_ANY);
	if (!err && names >= 0)
		err = stats_carry(e, names, MAP_stats, SLUICE_REASONS);
	if (!err && names >= 0)
		err = stats_carry(e, names, MAP_countries, SLUICE_COUNTRIES);
	if (!err && names >= 0)
		err = stats_carry(e, names, MAP_admitted_from, SLUICE_ORIGINS);
	if (!err)
		err = origins_begin(e); /* for those that the earlier version did not count */
	if (err)
		diag_add(d, "counters of the previous version could not be carried over: %s", strerror(-err));
	return 0; /* limits matter more than figures */
}

int engine_bury(const char *instance, struct diag *d)
{
	char name[OLD_NAME_LEN], path[PIN_PATH_LEN];
	int err;

	old_path(instance, "", path);
	if (access(path, F_OK))
		return 0;
	old_name(instance, name);
	err = gates_detach(name, d);
	if (!err)
		err = pins_remove(name);
	if (err)
		diag_add(d, "cannot remove the kernel side of the previous version: %s", strerror(-err));
	return err;
}
