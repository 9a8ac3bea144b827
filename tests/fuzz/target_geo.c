/* SPDX-License-Identifier: BSD-2-Clause */
/* A database (text, CSV, or by its marker MMDB) is refused with a message, or taken. */
#include "file.h"
#include "geo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct place at = { .file = "fuzz.conf", .line = 1 };
	char path[64], *paths = path;
	struct geo *g = NULL;
	struct diag d = {};

	snprintf(path, sizeof(path), "%s", file_of(data, size));
	if (geo_read(&paths, 1, &at, &g, &d) && (g || !d.count))
		abort();
	geo_free(g);
	diag_free(&d);
	file_done();
	return 0;
}
