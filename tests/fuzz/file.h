/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes as a file, for readers that take a path. */
#ifndef SLUICE_FUZZ_FILE_H
#define SLUICE_FUZZ_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The path of a file with these bytes, the same for all of a process; it goes when the process ends. */
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
