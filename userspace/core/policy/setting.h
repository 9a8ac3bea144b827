/* SPDX-License-Identifier: BSD-2-Clause */
/* What setting_value.c (single values) and setting_list.c (lists) share. */
#ifndef SLUICE_CORE_SETTING_H
#define SLUICE_CORE_SETTING_H

#include "schema.h"

/* What a text is read with, and where the answer to "why not" goes. */
struct asked {
	const struct setting *setting;
	const char *dir; /* what a relative file name is relative to */
	char *why;
	size_t size;
};

/* -EINVAL */
__attribute__((format(printf, 2, 3))) int setting_refuse(const struct asked *a, const char *fmt, ...);
/* The absolute name of a file (of a `noun`); *out is freed with free(). 0, -ENOMEM, -EINVAL: there is no name. */
int setting_path(const struct asked *a, const char *text, const char *noun, char **out);

/* Between quotes, so that the reader of policies gives back these bytes and no others. */
void quoted_write(const char *text, FILE *out);

/* Lists: one more element; "KEY = {...}". */
int list_add(const struct asked *a, void *base, const char *text);
void list_write(const struct setting *s, const void *base, FILE *out);

#endif
