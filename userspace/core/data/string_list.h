/* SPDX-License-Identifier: BSD-2-Clause */
/* A growing list of owned texts. */
#ifndef SLUICE_CORE_STRING_LIST_H
#define SLUICE_CORE_STRING_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct strings {
	char **item;
	size_t count, room;
};

/* Appends a copy. Returns 0 or -ENOMEM. */
int strings_add(struct strings *s, const char *text);
bool strings_have(const struct strings *s, const char *text);
/* Frees all of it, and leaves an empty list. */
void strings_clear(struct strings *s);

#endif
