/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parses a policy: opens each file, has grammar.y and reader.c read it, follows its includes, and checks the whole. The daemon,
 * `sluicectl check` and `doctor` call it. One run reports all mistakes in all files; if there are any, there is no policy.
 */
#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>

#include "check.h"
#include "cleanup.h"
#include "data.h"
#include "defaults.h"
#include "files.h"
#include "list.h"
#include "parse.h"
#include "syntax.h"
#include "text_file.h"

#define INCLUDE_DEPTH 8

/* A file that was read; messages show lines of it. */
struct source {
	const char *file; /* owned by the policy */
	char *text;
};

struct reading {
	struct reader reader;
	LIST(struct source) sources;
	int depth; /* of includes */
};

static int file_read(struct reading *g, const char *path, const struct place *at);

/* Parses one file's text, without its includes, and keeps the text. */
static int text_parse(struct reading *g, char *text)
{
	struct source *more = LIST_ADD(&g->sources);

	if (!more) {
		free(text);
		g->reader.err = -ENOMEM;
		return -ENOMEM;
	}
	*more = (struct source){ g->reader.file, text };
	return grammar_read(&g->reader, text);
}

/* A folder that cannot be read is not empty: glob() ends, unless the folder does not exist. */
static int glob_failed(const char *path, int err)
{
	(void)path;
	return err != ENOENT && err != ENOTDIR;
}

/* A file that an include names and that cannot be read may contain anything that the policy lacks. */
static int include_lost(struct reading *g, int err)
{
	g->reader.lost = true;
	if (!g->reader.err || err == -ENOMEM)
		g->reader.err = err;
	return err;
}

static int include_read(struct reading *g, const char *dir, const struct include *in)
{
	char pattern[PATH_MAX * 2];
	glob_t found = {};
	size_t i;
	int err;

	snprintf(pattern, sizeof(pattern), "%s%s%s", *in->pattern == '/' ? "" : dir, *in->pattern == '/' ? "" : "/",
		 in->pattern);
	err = folders_check(pattern, &in->at, g->reader.diag);
	if (err)
		return include_lost(g, err);
	err = glob(pattern, 0, glob_failed, &found);
	if (err == GLOB_NOMATCH && strpbrk(in->pattern, "*?["))
		return 0;
	if (err) {
		diag_at(g->reader.diag, &in->at, "include: cannot read %s: name an existing file, or a pattern",
			pattern);
		return include_lost(g, -EINVAL);
	}
	for (i = 0; i < found.gl_pathc && g->reader.err != -ENOMEM && !g->reader.stop; i++)
		file_read(g, found.gl_pathv[i], &in->at);
	globfree(&found);
	return g->reader.err;
}

/* Remembers that a file is read, as a name for places; a second time is a loop or a slip. */
static int file_enter(struct reading *g, const char *path, const struct place *at)
{
	struct strings *files = &g->reader.policy->files;
	struct diag *d = g->reader.diag;
	char real[PATH_MAX];

	if (!realpath(path, real)) {
		diag_at(d, at, "cannot read %s: %s: name a readable file%s", path, strerror(errno),
			errno == EACCES ? " in folders that their owner root may search" : "");
		return -EINVAL;
	}
	if (strings_have(files, real)) {
		diag_at(d, at, "%s was already read: include each file once, and never in a circle", path);
		return -EINVAL;
	}
	if (g->depth >= INCLUDE_DEPTH) {
		diag_at(d, at, "includes nest deeper than %d: include from fewer places", INCLUDE_DEPTH);
		return -EINVAL;
	}
	if (strings_add(files, real))
		return -ENOMEM;
	g->reader.file = files->item[files->count - 1];
	snprintf(g->reader.dir, sizeof(g->reader.dir), "%s", dirname(real));
	return 0;
}

/* Reads a file, and then the files that it includes: their values override it. */
static int file_read(struct reading *g, const char *path, const struct place *at)
{
	__typeof__(g->reader.includes) mine;
	char *text = NULL, dir[PATH_MAX];
	size_t i;
	int err;

	err = file_enter(g, path, at);
	if (!err)
		err = text_file_read(g->reader.file, POLICY_BYTES, at, &text, g->reader.diag);
	if (err)
		return include_lost(g, err);
	text_parse(g, text);
	mine = g->reader.includes;
	g->reader.includes = (__typeof__(mine)){};
	snprintf(dir, sizeof(dir), "%s", g->reader.dir);
	g->depth++;
	for (i = 0; i < mine.count; i++) {
		if (g->reader.err != -ENOMEM && !g->reader.stop)
			include_read(g, dir, &mine.item[i]);
		free(mine.item[i].pattern);
	}
	g->depth--;
	free(mine.item);
	return g->reader.err;
}

/* Checks what is wrong beyond single values; after an error in a file, only what cannot be its consequence. */
static int whole_check(struct reading *g, const struct policy *now)
{
	struct policy *p = g->reader.policy;
	struct diag *d = g->reader.diag;
	const struct place whole = { .file = p->files.count ? p->files.item[0] : NULL };
	int err = g->reader.err, one = lists_read(p, now, d);

	err = err ? err : one;
	if (g->reader.lost)
		return err;
	one = policy_check(p, d);
	err = err ? err : one;
	one = databases_read(p, now, d);
	err = err ? err : one;
	if (strlen(p->files.item[0]) < SLUICE_PATH_LEN)
		return err;
	diag_at(d, &whole, "the path of a policy has at most %d bytes: use a shorter path", SLUICE_PATH_LEN - 1);
	return err ? err : -EINVAL;
}

static void reading_end(struct reading *g)
{
	struct source *s;
	size_t i;

	for (i = 0; i < g->sources.count; i++) {
		s = &g->sources.item[i];
		diag_quote(g->reader.diag, s->file, s->text);
		free(s->text);
	}
	free(g->sources.item);
	reader_free(&g->reader);
}

DEFINE_CLEANUP(struct policy *, policy_free);

int policy_parse_file(const char *path, const struct policy *now, struct policy **out, struct diag *d)
{
	_cleanup_(policy_free) struct policy *p = policy_new();
	const struct place nowhere = { .file = path };
	struct reading g = {};
	int err;

	if (!p)
		return -ENOMEM;
	err = reader_init(&g.reader, p, d);
	if (!err)
		err = file_read(&g, path, &nowhere);
	if (err != -ENOMEM)
		err = whole_check(&g, now);
	reading_end(&g);
	if (err)
		return err;
	p->path = strdup(p->files.item[0]);
	if (!p->path)
		return -ENOMEM;
	lists_say(p, d);
	*out = TAKE_PTR(p);
	return 0;
}
