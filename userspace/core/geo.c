/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "geo.h"
#include "torn.h"

static const char *const kind_names[SLUICE_GEO_KINDS] = { "country", "network (ASN)" };
static const char *const family_names[SLUICE_FAMILIES] = { "IPv4", "IPv6" };

DEFINE_CLEANUP(struct geo *, geo_free);

void geo_free(struct geo *g)
{
	size_t i;

	if (!g || --g->holders)
		return;
	for (i = 0; i < g->files; i++)
		free(g->file[i].path);
	for (i = 0; i < SLUICE_GEO_KINDS; i++)
		spans_free(&g->by_kind[i]);
	free(g->file);
	free(g);
}

struct geo *geo_hold(struct geo *g)
{
	if (g)
		g->holders++;
	return g;
}

static void entries_count(const struct spans *s, uint32_t entries[static SLUICE_FAMILIES])
{
	size_t i;

	entries[SLUICE_IPV4] = entries[SLUICE_IPV6] = 0;
	for (i = 0; i < s->count; i++) {
		if (s->item[i].value)
			entries[s->item[i].first >= IPV4_FIRST && s->item[i].first <= IPV4_LAST ? SLUICE_IPV4
												: SLUICE_IPV6]++;
	}
}

static uint32_t later_one(void *arg, uint32_t earlier, uint32_t later)
{
	(void)arg;
	return later ? later : earlier;
}

/* Lays `over` on what is known of its kind so far, and takes it. */
static int geo_overlay(struct geo *g, int kind, struct spans *over)
{
	struct spans sum = {};
	int err;

	err = spans_join(&g->by_kind[kind], over, later_one, NULL, &sum);
	spans_free(over);
	if (err) {
		spans_free(&sum);
		return err;
	}
	spans_free(&g->by_kind[kind]);
	g->by_kind[kind] = sum;
	return 0;
}

static bool is_mmdb(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && !strcmp(dot, ".mmdb");
}

static int file_read(struct geo *g, struct geo_file *f, const struct place *at, struct diag *d)
{
	struct spans spans = {};
	int err;

	if (stat(f->path, &f->was)) {
		diag_at(d, at, "cannot read the database %s: %s: name a readable file", f->path, strerror(errno));
		return -EINVAL;
	}
	f->built = f->was.st_mtime;
	f->kind = GEO_NO_KIND;
	f->format = is_mmdb(f->path) ? "mmdb" : "text";
	err = is_mmdb(f->path) ? geo_mmdb_read(f, at, &spans, d) : geo_text_read(f, at, &spans, d);
	if (!err && f->kind == GEO_NO_KIND) {
		diag_at(d, at, "the database %s names no country and no network: is it the right file, and whole?",
			f->path);
		err = -EINVAL;
	}
	if (err) {
		spans_free(&spans);
		return err;
	}
	entries_count(&spans, f->entries);
	g->built = g->built > f->built ? g->built : f->built;
	return geo_overlay(g, f->kind, &spans);
}

int geo_read(char *const *path, size_t count, const struct place *at, struct geo **out, struct diag *d)
{
	_cleanup_(geo_free) struct geo *g = calloc(1, sizeof(*g));
	int err = 0;
	size_t i;

	if (!g)
		return -ENOMEM;
	g->holders = 1;
	g->file = calloc(count + 1, sizeof(*g->file));
	for (i = 0; i < SLUICE_GEO_KINDS && !err; i++)
		err = spans_init(&g->by_kind[i], 0);
	for (i = 0; i < count && !err && g->file; i++) {
		g->file[i].path = strdup(path[i]);
		g->files++;
		err = g->file[i].path ? file_read(g, &g->file[i], at, d) : -ENOMEM;
	}
	if (err || !g->file)
		return err ? err : -ENOMEM;
	for (i = 0; i < SLUICE_GEO_KINDS; i++)
		entries_count(&g->by_kind[i], g->entries[i]);
	*out = TAKE_PTR(g);
	return 0;
}

static bool is_unchanged(const struct stat *was, const char *path)
{
	struct stat now;

	return !stat(path, &now) && now.st_dev == was->st_dev && now.st_ino == was->st_ino &&
	       now.st_size == was->st_size && now.st_mtim.tv_sec == was->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == was->st_mtim.tv_nsec;
}

bool geo_is_of(const struct geo *g, char *const *path, size_t count)
{
	size_t i;

	if (!g || g->files != count)
		return false;
	for (i = 0; i < count; i++) {
		if (strcmp(g->file[i].path, path[i]) || !is_unchanged(&g->file[i].was, path[i]))
			return false;
	}
	return true;
}

int geo_check(const uint32_t now[SLUICE_GEO_KINDS][SLUICE_FAMILIES],
	      const uint32_t next[SLUICE_GEO_KINDS][SLUICE_FAMILIES], struct diag *d)
{
	int kind, family, err = 0;

	for (kind = 0; kind < SLUICE_GEO_KINDS; kind++) {
		/* A policy that names no database of this kind any more means it. */
		if (!next[kind][SLUICE_IPV4] && !next[kind][SLUICE_IPV6])
			continue;
		for (family = 0; family < SLUICE_FAMILIES; family++) {
			if (!is_torn(now[kind][family], next[kind][family]))
				continue;
			diag_add(d,
				 "the %s databases have %u %s ranges where those in force have %u: a torn file? "
				 "mend it, or insist: sluicectl geo update --force",
				 kind_names[kind], next[kind][family], family_names[family], now[kind][family]);
			err = -EINVAL;
		}
	}
	return err;
}
