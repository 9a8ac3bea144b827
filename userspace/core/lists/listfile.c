/* SPDX-License-Identifier: BSD-2-Clause */
/* A list in memory: see listfile.h. list_read.c fills it, list_keep.c copies it. Owns nothing beyond what it returns. */
#include "listfile.h"

#include <stdlib.h>
#include <string.h>

struct list_file *list_file_new(const char *path, enum list_kind kind)
{
	struct list_file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->holders = 1;
	f->kind = kind;
	f->path = strdup(path);
	if (f->path)
		return f;
	free(f);
	return NULL;
}

struct list_file *list_file_hold(struct list_file *f)
{
	if (f)
		f->holders++;
	return f;
}

void list_file_free(struct list_file *f)
{
	if (!f || --f->holders)
		return;
	prefixes_free(&f->prefixes);
	free(f->networks.item);
	diag_free(&f->said);
	free(f->path);
	free(f->kept);
	free(f);
}

size_t list_file_entries(const struct list_file *f)
{
	return f->entries[SLUICE_IPV4] + f->entries[SLUICE_IPV6];
}
