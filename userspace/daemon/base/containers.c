/* SPDX-License-Identifier: BSD-2-Clause */
/* Follows containers that restart: their namespaces go, and new ones come under the same name. */
#include <string.h>
#include <syslog.h>

#include "containers.h"
#include "daemon.h"

static const struct container_status *container_before(const struct daemon *dm, const char *name)
{
	size_t i;

	for (i = 0; i < dm->containers_count; i++) {
		if (!strcmp(dm->containers[i].name, name))
			return &dm->containers[i];
	}
	return NULL;
}

static void container_tell(const struct container_status *now, const struct container_status *before)
{
	if (before && before->namespaces == now->namespaces && !strcmp(before->why, now->why))
		return;
	if (now->namespaces > 0)
		log_say(LOG_NOTICE, "container %s: its sockets are counted, in %d network namespace%s", now->name,
			now->namespaces, now->namespaces == 1 ? "" : "s");
	else
		log_say(LOG_WARNING, "container %s is away: no such network namespace%s%s", now->name,
			*now->why ? ": " : "; sluiced looks for it every second", now->why);
	if (now->namespaces > 0 && *now->why)
		log_say(LOG_WARNING, "container %s: %s", now->name, now->why);
}

void containers_tell(struct daemon *dm)
{
	_cleanup_free_ struct container_status *now = NULL;
	size_t count = 0, i;

	if (containers_read(dm->engine, &now, &count))
		return;
	for (i = 0; i < count; i++)
		container_tell(&now[i], container_before(dm, now[i].name));
	free(dm->containers);
	dm->containers = TAKE_PTR(now);
	dm->containers_count = count;
}
