/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the databases of a policy, each in its format, and laying them over each other: see geo_read.h. */
#include "geo_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "geo_age.h"
#include "geo_formats.h"
#include "geo_keep.h"
#include "text_file.h"
#include "utc.h"

DEFINE_CLEANUP(struct geo *, geo_free);

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

/* Puts `over` on top of what is known of its kind so far. */
static int geo_overlay(struct geo *g, int kind, const struct spans *over)
{
	struct spans sum = {};
	int err;

	err = spans_join(&g->by_kind[kind], over, later_one, NULL, &sum);
	if (err) {
		spans_free(&sum);
		return err;
	}
	spans_free(&g->by_kind[kind]);
	g->by_kind[kind] = sum;
	return 0;
}

static void file_count(struct geo_file *f, const struct spans by_kind[static SLUICE_GEO_KINDS])
{
	int kind;

	for (kind = 0; kind < SLUICE_GEO_KINDS; kind++)
		entries_count(&by_kind[kind], f->entries[kind]);
}

static bool file_knows(const struct geo_file *f)
{
	int kind, family, any = 0;

	for (kind = 0; kind < SLUICE_GEO_KINDS; kind++) {
		for (family = 0; family < SLUICE_FAMILIES; family++)
			any |= f->entries[kind][family] != 0;
	}
	return any;
}

/* Whether the file is called an MMDB: if it is none, it is not read as text. */
static bool is_named_mmdb(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && !strcmp(dot, ".mmdb");
}

static int bytes_read(struct geo_file *f, const struct geo_bytes *bytes, const struct place *at, struct spans *out,
		      struct diag *d)
{
	int err;

	f->format = geo_is_mmdb(bytes) || is_named_mmdb(f->path) ? "mmdb" : "text";
	if (*f->format == 'm')
		return geo_mmdb_read(f, bytes, at, out, d);
	err = text_check(f->path, bytes->at, bytes->count, false, d);
	return err ? err : geo_text_read(f, bytes->at, at, out, d);
}

static int file_read(struct geo_file *f, const struct place *at, struct spans out[static SLUICE_GEO_KINDS],
		     struct diag *d)
{
	struct geo_bytes bytes;
	int err = geo_load(f->path, at, &bytes, d);

	if (err)
		return err;
	f->was = bytes.was;
	f->built = f->was.st_mtime;
	err = bytes_read(f, &bytes, at, out, d);
	free(bytes.at);
	if (err)
		return err;
	if (f->beside && stat(f->beside, &f->beside_was))
		f->beside_was = (struct stat){};
	file_count(f, out);
	if (file_knows(f))
		return 0;
	diag_at(d, at, "the database %s names no country and no network: is it the right file, and whole?", f->path);
	return -EINVAL;
}

static void spans_of_kinds_free(struct spans by_kind[static SLUICE_GEO_KINDS])
{
	int kind;

	for (kind = 0; kind < SLUICE_GEO_KINDS; kind++)
		spans_free(&by_kind[kind]);
}

/* Reads the copy that is kept of it. Returns -ENOENT if none is, or none that can be read. */
static int kept_read(const struct geo_file *f, const struct place *at, struct geo_file *kept,
		     struct spans out[static SLUICE_GEO_KINDS])
{
	struct diag ignored = {};
	char path[PATH_MAX];
	int err = geo_kept_path(f->path, path);

	if (err)
		return err;
	*kept = (struct geo_file){ .path = strdup(path) };
	err = kept->path ? file_read(kept, at, out, &ignored) : -ENOMEM;
	diag_free(&ignored);
	if (!err)
		return 0;
	geo_file_clear(kept);
	spans_of_kinds_free(out);
	return err == -ENOMEM ? err : -ENOENT;
}

/* Replaces the file by its copy. */
static void kept_take(struct geo_file *f, const struct geo_file *kept, const struct place *at, struct diag *d)
{
	char when[UTC_LEN];

	memcpy(f->entries, kept->entries, sizeof(f->entries));
	f->format = kept->format;
	f->skipped = kept->skipped;
	f->built = kept->built;
	f->pace = kept->pace;
	f->was = (struct stat){};
	f->kept = true;
	diag_at(d, at,
		"the database %s cannot be used; its last good content, of %.10s, stays in force: fetch it again",
		f->path, utc_say(kept->built, when));
}

/* Uses the content of `f` or, if that cannot be used or is implausibly small, the last good content. */
static int file_settle(struct geo_file *f, const struct place *at, struct spans out[static SLUICE_GEO_KINDS],
		       struct diag *d)
{
	struct spans by_kind[SLUICE_GEO_KINDS] = {};
	struct geo_file kept = {};
	int err = file_read(f, at, out, d), lost;

	if (err == -ENOMEM || (!err && (geo_keep_insists() || geo_kept_is(f))))
		return err;
	lost = kept_read(f, at, &kept, by_kind);
	if (lost)
		return lost == -ENOENT ? err : lost;
	if (!err && !geo_check((const void *)kept.entries, (const void *)f->entries, d)) {
		spans_of_kinds_free(by_kind);
	} else {
		spans_of_kinds_free(out);
		memcpy(out, by_kind, sizeof(by_kind));
		kept_take(f, &kept, at, d);
	}
	geo_file_clear(&kept);
	return 0;
}

/* Reads one more, and puts it on top of the earlier ones. */
static int geo_extend(struct geo *g, const char *path, const struct place *at, struct diag *d)
{
	struct geo_file *f = &g->file[g->files++];
	struct spans by_kind[SLUICE_GEO_KINDS] = {};
	int kind, err;

	f->path = strdup(path);
	err = f->path ? file_settle(f, at, by_kind, d) : -ENOMEM;
	f->pace = f->pace || err ? f->pace : geo_pace_of(f->path);
	for (kind = 0; kind < SLUICE_GEO_KINDS && !err; kind++) {
		if (f->entries[kind][SLUICE_IPV4] || f->entries[kind][SLUICE_IPV6])
			err = geo_overlay(g, kind, &by_kind[kind]);
	}
	spans_of_kinds_free(by_kind);
	g->built = g->built > f->built ? g->built : f->built;
	return err;
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
	for (i = 0; i < count && !err && g->file; i++)
		err = geo_extend(g, path[i], at, d);
	if (err || !g->file)
		return err ? err : -ENOMEM;
	for (i = 0; i < SLUICE_GEO_KINDS; i++)
		entries_count(&g->by_kind[i], g->entries[i]);
	*out = TAKE_PTR(g);
	return 0;
}
