/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the pins of another build's kernel side are while ours replaces it. takeover.c moves them there, attach.c looks there. */
#include <unistd.h>

#include "internal.h"

void old_name(const char *instance, char name[static OLD_NAME_LEN])
{
	snprintf(name, OLD_NAME_LEN, "%.31s" PIN_OLD, instance);
}

void old_path(const char *instance, const char *pin, char path[static PIN_PATH_LEN])
{
	char name[OLD_NAME_LEN];

	old_name(instance, name);
	pin_path(name, pin, path);
}

int old_each_gate(const struct engine *e, int (*f)(const char *interface, const char *path, void *arg), void *arg)
{
	char name[OLD_NAME_LEN];

	old_name(e->instance, name);
	return pins_each_gate(name, f, arg);
}

bool engine_old_stands(const struct engine *e)
{
	char path[PIN_PATH_LEN];

	old_path(e->instance, "", path);
	return !access(path, F_OK);
}
