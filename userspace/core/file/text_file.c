/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads whole text files, and replaces one so that nobody ever sees half of it: see text_file.h. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "files.h"
#include "text_file.h"

static int bytes_read(FILE *file, size_t limit, char **out, size_t *len)
{
	_cleanup_free_ char *text = NULL;
	size_t room = 0, n = 0, got;
	char *more;

	do {
		room = room ? room * 2 : 65536;
		more = realloc(text, room + 1);
		if (!more)
			return -ENOMEM;
		text = more;
		got = fread(text + n, 1, room - n, file);
		n += got;
	} while (n == room && n <= limit);
	if (ferror(file))
		return -EIO;
	if (n > limit)
		return -EFBIG;
	text[n] = 0;
	*out = TAKE_PTR(text);
	*len = n;
	return 0;
}

/* Says what binary data is, by its first bytes. */
static const char *binary_name(const char *text, size_t len)
{
	static const struct {
		const char *bytes, *name;
	} known[] = { { "\x1f\x8b", " (compressed by gzip)" },
		      { "PK\x03", " (a zip archive)" },
		      { "\xff\xfe", " (UTF-16)" },
		      { "\xfe\xff", " (UTF-16)" } };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (len > 3 && !memcmp(text, known[i].bytes, strlen(known[i].bytes)))
			return known[i].name;
	}
	return "";
}

/* Whether only a CR ends the line here. For others that is a blank, and the next line would belong to a comment. */
static bool ends_oddly(const char *text, size_t i, size_t len)
{
	while (i < len && text[i] == '\r')
		i++;
	return i < len && text[i] != '\n';
}

int text_check(const char *path, const char *text, size_t len, bool odd, struct diag *d)
{
	struct place at = { path, 1 };
	unsigned char c;
	size_t i;

	for (i = 0; i < len; i++) {
		c = text[i];
		at.column += (c & 0xc0) != 0x80;
		if (c == '\n') {
			at.line++;
			at.column = 0;
		}
		if (c == '\r' && !odd && ends_oddly(text, i, len)) {
			diag_at(d, &at, "%s has a line here that only a CR ends: save it with Unix line ends", path);
			return -EINVAL;
		}
		if ((c >= ' ' && c != 0x7f) || c == '\n' || c == '\t' || c == '\r' || (odd && c))
			continue;
		diag_at(d, &at, "binary data at byte %zu%s: this must be a text file", i + 1, binary_name(text, len));
		return -EINVAL;
	}
	return 0;
}

/* Takes over the descriptor. */
static int file_read(int fd, size_t limit, char **out, size_t *len, bool *changed)
{
	_cleanup_fclose_ FILE *file = fdopen(fd, "r");
	_cleanup_free_ char *text = NULL;
	struct stat before, after;
	int err;

	if (!file)
		close(fd);
	if (!file || fstat(fd, &before))
		return -errno;
	if (before.st_size > 0 && (size_t)before.st_size > limit)
		return -EFBIG;
	err = bytes_read(file, limit, &text, len);
	*changed = !err && (fstat(fd, &after) || !file_is_as_before(&before, &after));
	*out = TAKE_PTR(text);
	return err;
}

static int text_load(const char *path, size_t limit, const struct place *at, bool odd, char **out, struct diag *d)
{
	_cleanup_free_ char *text = NULL;
	bool changed = false;
	const char *why;
	size_t len = 0;
	int fd = file_open(path, &why), err = fd < 0 ? fd : 0;

	if (!err)
		err = file_read(fd, limit, &text, &len, &changed);
	if (err) {
		diag_at(d, at, "cannot read %s: %s: %s", path, strerror(-err), why);
		return err == -EFBIG || err == -EISDIR ? -EINVAL : err;
	}
	if (changed)
		return file_refuse_changed(path, at, d);
	err = text_check(path, text, len, odd, d);
	if (!err)
		*out = TAKE_PTR(text);
	return err;
}

int text_file_read_own(const char *path, size_t limit, const struct place *at, char **out, struct diag *d)
{
	return text_load(path, limit, at, false, out, d);
}

/* What cannot be read is, to all others, as good as what makes no sense. */
static int input_read(const char *path, size_t limit, const struct place *at, bool odd, char **out, struct diag *d)
{
	int err = text_load(path, limit, at, odd, out, d);

	return !err || err == -ENOMEM ? err : -EINVAL;
}

int text_file_read(const char *path, size_t limit, const struct place *at, char **out, struct diag *d)
{
	return input_read(path, limit, at, false, out, d);
}

int text_file_read_odd(const char *path, size_t limit, const struct place *at, char **out, struct diag *d)
{
	return input_read(path, limit, at, true, out, d);
}

static int text_write(const char *path, const char *text, unsigned int mode)
{
	_cleanup_close_ int fd = -1;
	size_t left = strlen(text);
	ssize_t n;

	unlink(path); /* left by a write that was cut short, or a pipe that would wait for a reader */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	while (left) {
		n = write(fd, text, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		left -= n;
	}
	return fsync(fd) ? -errno : 0;
}

/* A file's name is only as durable as its directory. */
static int dir_sync(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_close_ int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	return fd < 0 || fsync(fd) ? -errno : 0;
}

int text_file_replace(const char *path, const char *text, unsigned int mode, struct diag *d)
{
	char fresh[PATH_MAX];
	int err;

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	err = text_write(fresh, text, mode);
	if (!err && rename(fresh, path))
		err = -errno;
	if (err)
		unlink(fresh);
	else
		err = dir_sync(path);
	if (err)
		diag_add(d, "cannot write %s: %s", path, strerror(-err));
	return err;
}

int text_file_remove(const char *path, struct diag *d)
{
	int err = unlink(path) ? -errno : dir_sync(path);

	if (err == -ENOENT)
		return 0;
	if (err)
		diag_add(d, "cannot remove %s: %s", path, strerror(-err));
	return err;
}
