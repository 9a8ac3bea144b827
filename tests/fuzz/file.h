/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes bytes to a file, for readers that take a path. The fuzz targets call it. */
#ifndef SLUICE_FUZZ_FILE_H
#define SLUICE_FUZZ_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Returns the path of a file with these bytes. A process has only one such file, which file_done() removes. */
static inline const char *file_of(const uint8_t *data, size_t size)
{
	static char path[64];
	FILE *out;

	snprintf(path, sizeof(path), "/dev/shm/sluice-fuzz-%d", getpid());
	out = fopen(path, "we");
	if (!out || fwrite(data, 1, size, out) != size || fclose(out))
		abort();
	return path;
}

static inline void file_done(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/shm/sluice-fuzz-%d", getpid());
	unlink(path);
}

#endif
