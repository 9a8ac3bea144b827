/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds sluice-fleet: see fleet_program.h. Called by the keeper, which starts it, and by doctor. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fleet_program.h"
#include "fleet_wire.h"

/* Relative to the program's own folder. */
static const char *const places[] = { "", "../libexec/sluice/", "../lib/sluice/" };

int fleet_program_open(struct diag *d)
{
	char own[PATH_MAX] = "", path[PATH_MAX + 64];
	ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash = len > 0 ? strrchr(own, '/') : NULL;
	size_t i;
	int fd;

	if (slash)
		slash[1] = 0;
	for (i = 0; slash && i < sizeof(places) / sizeof(*places); i++) {
		snprintf(path, sizeof(path), "%s%s" FLEET_PROGRAM, own, places[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	diag_add(d, "fleet: there is no " FLEET_PROGRAM " in %s or ../libexec/sluice: install all of sluice", own);
	return -ENOENT;
}
