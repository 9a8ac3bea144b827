/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in memory of databases, and whether their files have changed: see geo.h. geo_read.c fills it. */
#include "geo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "torn.h"

static const char *const kind_names[SLUICE_GEO_KINDS] = { "country", "network (ASN)" };
static const char *const family_names[SLUICE_FAMILIES] = { "IPv4", "IPv6" };

void geo_file_clear(struct geo_file *f)
{
	free(f->path);
	free(f->beside);
}

void geo_free(struct geo *g)
{
	size_t i;

	if (!g || --g->holders)
		return;
	for (i = 0; i < g->files; i++)
		geo_file_clear(&g->file[i]);
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

bool geo_is_kept(const struct geo *g)
{
	size_t i;

	for (i = 0; g && i < g->files && !g->file[i].kept; i++)
		;
	return g && i < g->files;
}

static bool is_unchanged(const struct stat *was, const char *path)
{
	struct stat now;

	return !faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) && !stat(path, &now) && now.st_dev == was->st_dev &&
	       now.st_ino == was->st_ino && file_is_as_before(was, &now);
}

bool geo_is_of(const struct geo *g, char *const *path, size_t count)
{
	size_t i;

	if (!g || g->files != count)
		return false;
	for (i = 0; i < count; i++) {
		if (strcmp(g->file[i].path, path[i]) || !is_unchanged(&g->file[i].was, path[i]))
			return false;
		if (g->file[i].beside && !is_unchanged(&g->file[i].beside_was, g->file[i].beside))
			return false;
	}
	return true;
}

int geo_check(const uint32_t now[SLUICE_GEO_KINDS][SLUICE_FAMILIES],
	      const uint32_t next[SLUICE_GEO_KINDS][SLUICE_FAMILIES], struct diag *d)
{
	int kind, family, err = 0;

	for (kind = 0; kind < SLUICE_GEO_KINDS; kind++) {
		/* If a policy names no database of this kind any more, that is intended. */
		if (!next[kind][SLUICE_IPV4] && !next[kind][SLUICE_IPV6])
			continue;
		for (family = 0; family < SLUICE_FAMILIES; family++) {
			if (!is_torn(now[kind][family], next[kind][family]))
				continue;
			diag_add(d,
				 "the %s databases have %u %s ranges where those in force have %u: a torn file? "
				 "fix it, or insist: sluicectl geo update --force",
				 kind_names[kind], next[kind][family], family_names[family], now[kind][family]);
			err = -EINVAL;
		}
	}
	return err;
}
