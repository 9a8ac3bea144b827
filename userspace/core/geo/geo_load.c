/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a whole database file, and decompresses it if needed: see geo_load.h. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#include "cleanup.h"
#include "files.h"
#include "geo_load.h"

#define GEO_BYTES (1U << 30) /* limit of the unpacked content of a gzip file, too */
#define CHUNK (1U << 20)

static int loaded_refuse(const char *path, const struct place *at, int err, const char *remedy, struct diag *d)
{
	diag_at(d, at, "cannot read the database %s: %s: %s", path, strerror(err), remedy);
	return err == ENOMEM ? -ENOMEM : -EINVAL;
}

/*
 * Reads everything that zlib gives, packed or not. It closes the file, because only that tells whether a gzip file is complete. Returns an
 * errno.
 */
static int bytes_inflate(gzFile from, struct geo_bytes *out)
{
	size_t room = 0;
	char *more;
	int got;

	do {
		if (room - out->count < CHUNK) {
			room = room ? room * 2 : 2 * CHUNK;
			more = realloc(out->at, room + 1);
			if (!more) {
				gzclose_r(from);
				return ENOMEM;
			}
			out->at = more;
		}
		got = gzread(from, out->at + out->count, CHUNK);
		out->count += got > 0 ? got : 0;
	} while (got > 0 && out->count <= GEO_BYTES);
	out->at[out->count] = 0;
	if (gzclose_r(from) != Z_OK || got < 0)
		return EBADMSG;
	return out->count > GEO_BYTES ? EFBIG : 0;
}

/* Refuses a file that is packed in a way that is not unpacked here, or has a format that is not read. */
static int form_check(const char *path, const struct place *at, const struct geo_bytes *b, struct diag *d)
{
	static const struct {
		const char *begins, *is;
	} forms[] = {
		{ "PK\003\004", "a zip archive: unzip it, and name the file inside" },
		{ "\3757zXZ", "compressed by xz: unxz it first" },
		{ "\x28\xb5\x2f\xfd", "compressed by zstd: unzstd it first" },
		{ "BZh", "compressed by bzip2: bunzip2 it first" },
		{ "7z\xbc\xaf", "a 7z archive: unpack it, and name the file that was in it" },
		{ "<", "a page of HTML or XML: the server sent an error instead of the file" },
		{ "{", "JSON: fetch the database as CSV or MMDB" },
	};
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		if (strncmp(b->at, forms[i].begins, strlen(forms[i].begins)))
			continue;
		diag_at(d, at, "cannot read the database %s: it is %s", path, forms[i].is);
		return -EINVAL;
	}
	return 0;
}

static const char *remedy_of(int err)
{
	return err == EBADMSG ? "the gzip file is cut short or broken: fetch it again"
	       : err == EFBIG ? "it is larger than a gigabyte when unpacked: is it the right file?"
			      : "name a readable file";
}

static int file_load(const char *path, const struct place *at, struct geo_bytes *out, struct diag *d)
{
	const char *why;
	int fd = file_open(path, &why), err;
	gzFile from = NULL;
	struct stat after;

	if (fd < 0)
		return loaded_refuse(path, at, -fd, why, d);
	err = fstat(fd, &out->was) ? errno : out->was.st_size > GEO_BYTES ? EFBIG : 0;
	if (!err)
		from = gzdopen(fd, "r");
	if (from)
		err = bytes_inflate(from, out);
	else
		close(fd);
	if (err || !from)
		return loaded_refuse(path, at, err ? err : ENOMEM, remedy_of(err), d);
	if (stat(path, &after) || after.st_ino != out->was.st_ino || file_is_as_before(&out->was, &after))
		return 0; /* if it was replaced, the new one is read the next time */
	return file_refuse_changed(path, at, d);
}

int geo_load(const char *path, const struct place *at, struct geo_bytes *out, struct diag *d)
{
	int err;

	*out = (struct geo_bytes){};
	err = file_load(path, at, out, d);
	if (!err)
		err = form_check(path, at, out, d);
	if (err) {
		free(out->at);
		out->at = NULL;
	}
	return err;
}
