/* SPDX-License-Identifier: BSD-2-Clause */
/* What was refused while a policy was read: see spoilt.h. */
#include "spoilt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "list.h"

int section_spoil(struct policy *p, enum section section, const char *title, const struct setting *key)
{
	struct spoilt *more = LIST_ADD(&p->spoilt);

	if (!more)
		return -ENOMEM;
	*more = (struct spoilt){ .section = section, .key = key };
	snprintf(more->title, sizeof(more->title), "%s", title);
	return 0;
}

bool section_is_spoilt(const struct policy *p, enum section section, const char *title, const char *key)
{
	const struct spoilt *s;
	size_t i;

	for (i = 0; i < p->spoilt.count; i++) {
		s = &p->spoilt.item[i];
		if (s->section == (int)section && !strcmp(s->title, title) && (!s->key || !strcmp(s->key->key, key)))
			return true;
	}
	return false;
}
