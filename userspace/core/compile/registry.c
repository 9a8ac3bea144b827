/* SPDX-License-Identifier: BSD-2-Clause */
/* Gives names their counters: see registry.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry.h"

static int find(const struct registry *reg, const char *name, unsigned int from, unsigned int to)
{
	unsigned int i;

	for (i = from; i < to; i++) {
		if (!strcmp(reg->name[i], name))
			return i;
	}
	return -ENOSPC;
}

int registry_name(struct registry *reg, const char *name, unsigned int from, unsigned int to)
{
	int i = find(reg, name, from, to);

	if (i < 0)
		i = find(reg, "", from, to);
	if (i < 0)
		return i;
	snprintf(reg->name[i], sizeof(reg->name[i]), "%s", name);
	reg->used[i] = true;
	return i;
}

unsigned int registry_count(const struct registry *reg, unsigned int from, unsigned int to)
{
	unsigned int n = 0;

	for (; from < to; from++)
		n += *reg->name[from] != 0;
	return n;
}

unsigned int registry_service(const struct registry *reg, const char *name)
{
	int i = find(reg, name, 1, SLUICE_MAX_SERVICES);

	return *name && i > 0 ? i : 0;
}
