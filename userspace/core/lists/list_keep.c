/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists in the state directory: see list_keep.h. Owns nothing. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "list.h"
#include "list_keep.h"
#include "seal.h"
#include "text_file.h"
#include "value.h"

#define HEAD "sluice-list 1 "

DEFINE_CLEANUP(struct list_file *, list_file_free);

/* FNV-1a, of 64 bits. */
const char *list_keep_name(const char *path, enum list_kind kind, char buf[static LIST_KEEP_NAME])
{
	uint64_t hash = 0xcbf29ce484222325 ^ kind;

	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * 0x100000001b3;
	snprintf(buf, LIST_KEEP_NAME, "%016" PRIx64, hash);
	return buf;
}

static void lines_write(const void *what, FILE *out)
{
	const struct list_file *f = what;
	char text[ADDR_TEXT_LEN];
	size_t i;

	fprintf(out, HEAD "%d %" PRIu64 " %u %u\n%s\n", f->kind, f->written, f->entries[0], f->entries[1], f->path);
	for (i = 0; i < f->prefixes.count; i++)
		fprintf(out, "%s\n", prefix_format(&f->prefixes.item[i], text));
	for (i = 0; i < f->networks.count; i++)
		fprintf(out, "%u\n", f->networks.item[i]);
}

int list_keep_write(const struct list_file *f, char **out)
{
	return seal_write(lines_write, f, out);
}

/* Removes the last line of the text, if that has the right checksum. */
static int sum_check(char *text)
{
	long len = seal_check(text);

	if (len < 0)
		return -EINVAL;
	text[len] = 0;
	return 0;
}

/* *lines are those after the head and the path. */
static int head_parse(char *text, struct list_file **out, char **lines)
{
	uint32_t entries[SLUICE_FAMILIES];
	uint64_t written;
	char *next = text;
	int kind, n = 0;

	if (sum_check(text) ||
	    sscanf(text, HEAD "%d %" SCNu64 " %" SCNu32 " %" SCNu32 "\n%n", &kind, &written, &entries[0], &entries[1],
		   &n) != 4 ||
	    !n || kind < LIST_PREFIXES || kind > LIST_NETWORKS)
		return -EINVAL;
	next = strchr(text, '\n') + 1;
	*lines = strchr(next, '\n');
	if (!*lines)
		return -EINVAL;
	*(*lines)++ = 0;
	*out = list_file_new(next, kind);
	if (!*out)
		return -ENOMEM;
	(*out)->written = written;
	memcpy((*out)->entries, entries, sizeof(entries));
	return 0;
}

static int keep_load(const char *file, char **text, struct list_file **out, char **lines)
{
	const struct place at = { .file = file };
	struct diag ignored = {};
	int err = text_file_read(file, LIST_BYTES, &at, text, &ignored);

	diag_free(&ignored);
	return err ? err : head_parse(*text, out, lines);
}

int list_keep_head(const char *file, struct list_file **out)
{
	_cleanup_(list_file_free) struct list_file *f = NULL;
	_cleanup_free_ char *text = NULL;
	char *lines;
	int err = keep_load(file, &text, &f, &lines);

	if (err)
		return err;
	f->saved = true;
	f->kept = strdup(file);
	if (!f->kept)
		return -ENOMEM;
	*out = TAKE_PTR(f);
	return 0;
}

static int line_add(struct list_file *to, const char *line)
{
	const char *why;
	struct prefix p;
	uint32_t *more;
	int err;

	if (to->kind == LIST_PREFIXES) {
		err = prefix_parse(line, &p, &why);
		return err ? err : prefixes_add(&to->prefixes, &p);
	}
	more = LIST_ADD(&to->networks);
	return more ? asn_parse(line, more) : -ENOMEM;
}

int list_keep_fill(const struct list_file *head, struct list_file *to)
{
	_cleanup_(list_file_free) struct list_file *f = NULL;
	_cleanup_free_ char *text = NULL;
	char *line, *next;
	int err = keep_load(head->kept, &text, &f, &next);

	if (err)
		return err;
	if (f->kind != head->kind || strcmp(f->path, head->path))
		return -EINVAL;
	while (!err && (line = strsep(&next, "\n")) && next)
		err = line_add(to, line);
	return err;
}
