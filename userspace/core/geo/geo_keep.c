/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps the last good content of each database in the state directory: see geo_keep.h. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sendfile.h>

#include "cleanup.h"
#include "files.h"
#include "geo_keep.h"
#include "text_file.h"

#define NAME_MOST 150 /* most bytes of a file's name; the hash before it identifies its path */

static struct {
	char prefix[PATH_MAX / 2]; /* "": nowhere */
	bool insists;
} keep;

void geo_keep_at(const char *dir, const char *instance)
{
	snprintf(keep.prefix, sizeof(keep.prefix), "%s/%s.geo-", dir, instance);
}

void geo_keep_insist(bool on)
{
	keep.insists = on;
}

bool geo_keep_insists(void)
{
	return keep.insists;
}

/* FNV-1a: distinguishes files of the same name. */
static uint64_t path_hash(const char *path)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * 0x100000001b3;
	return hash;
}

/* Makes the name of the copy of `path`, or of the file beside it. */
static void copy_name(const char *path, const char *file, char out[static PATH_MAX])
{
	const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
	size_t len = strlen(name);

	snprintf(out, PATH_MAX, "%s%016" PRIx64 "-%s", keep.prefix, path_hash(path),
		 name + (len > NAME_MOST ? len - NAME_MOST : 0));
}

int geo_kept_path(const char *path, char out[static PATH_MAX])
{
	copy_name(path, path, out);
	return *keep.prefix && !access(out, F_OK) ? 0 : -ENOENT;
}

static bool is_copy_of(const char *copy, const struct stat *was)
{
	struct stat is;

	return !stat(copy, &is) && file_is_as_before(was, &is);
}

bool geo_kept_is(const struct geo_file *f)
{
	char copy[PATH_MAX];

	return !geo_kept_path(f->path, copy) && is_copy_of(copy, &f->was);
}

/* Copies the time of the original, too: that is how old the data are. */
static int bytes_copy(const char *from, const struct stat *was, const char *to)
{
	const struct timespec times[2] = { was->st_mtim, was->st_mtim };
	const char *why;
	_cleanup_close_ int in = file_open(from, &why), out = -1;
	ssize_t got;

	if (in < 0)
		return in;
	unlink(to); /* left by a copy that was cut short */
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	while ((got = sendfile(out, in, NULL, 1 << 24)) > 0)
		;
	if (got < 0 || futimens(out, times) || fsync(out))
		return -errno;
	return is_copy_of(to, was) && is_copy_of(from, was) ? 0 : -EAGAIN; /* it changed meanwhile */
}

static int file_copy(const char *from, const struct stat *was, const char *to, struct diag *d)
{
	char fresh[PATH_MAX + 8];
	int err;

	if (is_copy_of(to, was))
		return 0;
	snprintf(fresh, sizeof(fresh), "%s.new", to);
	err = bytes_copy(from, was, fresh);
	if (!err && rename(fresh, to))
		err = -errno;
	if (err)
		unlink(fresh);
	if (err && err != -EAGAIN)
		diag_add(
			d,
			"cannot keep a copy of the database %s as %s: %s: make room; until then a start needs the file itself",
			from, to, strerror(-err));
	return err == -EAGAIN ? 0 : err;
}

/* Copies the other file first: the copy of the database is useless without it. */
static int database_keep(const struct geo_file *f, struct diag *d)
{
	char copy[PATH_MAX];
	int err = 0;

	if (f->kept)
		return 0;
	if (f->beside) {
		copy_name(f->path, f->beside, copy);
		err = file_copy(f->beside, &f->beside_was, copy, d);
	}
	copy_name(f->path, f->path, copy);
	return err ? err : file_copy(f->path, &f->was, copy, d);
}

static bool is_in_use(const struct geo *g, const char *copy)
{
	char hash[20];
	size_t i;

	for (i = 0; i < g->files; i++) {
		snprintf(hash, sizeof(hash), "%016" PRIx64 "-", path_hash(g->file[i].path));
		if (!strncmp(copy + strlen(keep.prefix), hash, strlen(hash)))
			return true;
	}
	return false;
}

static void unused_remove(const struct geo *g, struct diag *d)
{
	char pattern[PATH_MAX];
	glob_t found = {};
	size_t i;

	snprintf(pattern, sizeof(pattern), "%s*", keep.prefix);
	if (glob(pattern, GLOB_NOSORT, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++) {
		if (!is_in_use(g, found.gl_pathv[i]))
			text_file_remove(found.gl_pathv[i], d);
	}
	globfree(&found);
}

int geo_keep(const struct geo *g, struct diag *d)
{
	int err = 0, one;
	size_t i;

	for (i = 0; i < g->files && *keep.prefix; i++) {
		one = database_keep(&g->file[i], d);
		err = err ? err : one;
	}
	if (*keep.prefix && !err)
		unused_remove(g, d);
	return err;
}
