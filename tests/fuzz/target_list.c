/* SPDX-License-Identifier: BSD-2-Clause */
/* A list file is refused with a message, and the list is as it was; or taken. */
#include "addr.h"
#include "file.h"
#include "listfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct place at = { .file = "fuzz.conf", .line = 1 };
	struct prefixes list = {};
	struct diag d = {};
	size_t i;

	if (listfile_read(file_of(data, size), &at, &list, &d) && (list.count || !d.count))
		abort();
	for (i = 0; i < list.count; i++) {
		struct sluice_addr cut = addr_mask(&list.item[i].addr, list.item[i].len);

		if (list.item[i].len > 128 || __builtin_memcmp(&cut, &list.item[i].addr, sizeof(cut)))
			abort();
	}
	prefixes_free(&list);
	diag_free(&d);
	file_done();
	return 0;
}
