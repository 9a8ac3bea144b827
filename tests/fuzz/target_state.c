/* SPDX-License-Identifier: BSD-2-Clause */
/* libFuzzer's target for state files, with any checksum and with a right one: what is accepted is written, and reads the same again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_write_read(const char *text)
{
	struct state *one = NULL, *two = NULL;
	char *written = NULL, *again = NULL;
	const char *why = NULL;

	if (state_parse(text, &one, &why)) {
		if (!why)
			abort();
		return;
	}
	if (state_write(one, &written) || state_parse(written, &two, &why) || state_write(two, &again) ||
	    strcmp(written, again))
		abort();
	free(written);
	free(again);
	state_free(one);
	state_free(two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 32);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	read_write_read(text);
	size = strlen(text);
	snprintf(text + size, 32, "end %08lx\n", crc32(0, (const Bytef *)text, size));
	read_write_read(text);
	free(text);
	return 0;
}
