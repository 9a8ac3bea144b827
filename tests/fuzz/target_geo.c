/* SPDX-License-Identifier: BSD-2-Clause */
/* libFuzzer's target for databases: one (text, gzip, or MMDB by its marker) is accepted, or refused with a message; so is a list of places. */
#include "file.h"
#include "geo_diff.h"
#include "geo_read.h"
#include "geo_places.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct place at = { .file = "fuzz.conf", .line = 1 };
	char path[64], *paths = path;
	static struct geo_change changes[SLUICE_COUNTRIES];
	struct geo_places places = {};
	struct geo *g = NULL;
	struct diag d = {};

	snprintf(path, sizeof(path), "%s", file_of(data, size));
	if (geo_read(&paths, 1, &at, &g, &d) && (g || !d.count))
		abort();
	if (g && geo_diff(g, g, changes))
		abort();
	geo_places_read(path, &at, &places, &d);
	geo_places_free(&places);
	geo_free(g);
	diag_free(&d);
	file_done();
	return 0;
}
