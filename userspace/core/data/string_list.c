/* SPDX-License-Identifier: BSD-2-Clause */
/* A growing list of owned texts: see string_list.h. */
#include <errno.h>
#include <string.h>

#include "list.h"
#include "string_list.h"

int strings_add(struct strings *s, const char *text)
{
	char *copy = strdup(text), **last = copy ? LIST_ADD(s) : NULL;

	if (!last) {
		free(copy);
		return -ENOMEM;
	}
	*last = copy;
	return 0;
}

bool strings_have(const struct strings *s, const char *text)
{
	size_t i;

	for (i = 0; i < s->count && strcmp(s->item[i], text); i++)
		;
	return i < s->count;
}

void strings_clear(struct strings *s)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		free(s->item[i]);
	free(s->item);
	*s = (struct strings){};
}
