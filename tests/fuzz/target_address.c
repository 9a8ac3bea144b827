/* SPDX-License-Identifier: BSD-2-Clause */
/* libFuzzer's target for addresses: text that is accepted as an address or prefix is written so that it reads as the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void address(const char *text)
{
	struct sluice_addr a, b;
	char said[ADDR_TEXT_LEN];

	if (!addr_parse(text, &a) && (addr_parse(addr_format(&a, said), &b) || memcmp(&a, &b, sizeof(a))))
		abort();
}

static void prefix(const char *text)
{
	struct prefix p, q;
	char said[ADDR_TEXT_LEN];
	const char *why = NULL;

	if (prefix_parse(text, &p, &why)) {
		if (!why)
			abort();
	} else if (prefix_parse(prefix_format(&p, said), &q, &why) || p.len != q.len ||
		   memcmp(&p.addr, &q.addr, sizeof(p.addr))) {
		abort();
	}
}

static void prefixes(const char *text)
{
	struct prefixes list = {};
	const char *why = NULL;

	if (prefixes_parse(&list, text, &why) ? list.count || !why : !list.count)
		abort();
	prefixes_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	if (!text)
		abort();
	address(text);
	prefix(text);
	prefixes(text);
	free(text);
	return 0;
}
