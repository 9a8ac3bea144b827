/* SPDX-License-Identifier: BSD-2-Clause */
/* What setting_value.c (single values) and setting_list.c (lists) share. */
#ifndef SLUICE_CORE_SETTING_H
#define SLUICE_CORE_SETTING_H

#include "schema.h"

/* The context in which a text is read, and where the answer to "why not" goes. */
struct asked {
	const struct setting *setting;
	const char *dir; /* relative file names are relative to this */
	char *why;
	size_t size;
};

/* -EINVAL */
__attribute__((format(printf, 2, 3))) int setting_refuse(const struct asked *a, const char *fmt, ...);
/* Makes the absolute name of a file (a `noun`); *out is freed with free(). Returns 0, -ENOMEM, or -EINVAL if there is no name. */
int setting_path(const struct asked *a, const char *text, const char *noun, char **out);

/* Writes it in quotes, so that the reader of policies gives back exactly these bytes. */
void quoted_write(const char *text, FILE *out);

/* For lists: adds one element; writes "KEY = {...}". */
int list_add(const struct asked *a, void *base, const char *text);
void list_write(const struct setting *s, const void *base, FILE *out);

#endif
