/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer's target for list files: each is read as either kind, in either way. It is refused or left unused with a message, or accepted;
 * and what is accepted is well formed.
 */
#include "addr.h"
#include "file.h"
#include "list_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void list_check(const struct list_file *f)
{
	size_t i;

	if ((f->state == LIST_NONE || f->bad || f->masked) && !f->said.count)
		abort();
	for (i = 0; i < f->prefixes.count; i++) {
		struct sluice_addr cut = addr_mask(&f->prefixes.item[i].addr, f->prefixes.item[i].len);

		if (f->prefixes.item[i].len > 128 || __builtin_memcmp(&cut, &f->prefixes.item[i].addr, sizeof(cut)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct list_wanted want = { .path = file_of(data, size), .at = { .file = "fuzz.conf", .line = 1 } };
	struct list_file *f = NULL;
	struct diag d = {};
	int way;

	for (way = 0; way < 4; way++) {
		want.kind = way & 1 ? LIST_NETWORKS : LIST_PREFIXES;
		want.reading = way & 2 ? LIST_STRICT : LIST_TOLERANT;
		if (list_file_read(&want, NULL, &f, &d)) {
			if (want.reading == LIST_TOLERANT || !d.count)
				abort();
		} else {
			list_check(f);
			list_file_free(f);
		}
		diag_free(&d);
	}
	file_done();
	return 0;
}
