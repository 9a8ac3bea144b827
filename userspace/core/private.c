/* SPDX-License-Identifier: BSD-2-Clause */
#include "private.h"

#define IPV4(a, b) (IPV4_FIRST + ((addr_number)(a) << 24) + ((addr_number)(b) << 16))
#define IPV6(word) ((addr_number)(word) << 112)

/* In their order. */
static const struct {
	addr_number first, last;
} blocks[] = {
	{ 1, 1 }, /* ::1 */
	{ IPV4(10, 0), IPV4(11, 0) - 1 },
	{ IPV4(127, 0), IPV4(128, 0) - 1 },
	{ IPV4(169, 254), IPV4(169, 255) - 1 },
	{ IPV4(172, 16), IPV4(172, 32) - 1 },
	{ IPV4(192, 168), IPV4(192, 169) - 1 },
	{ IPV6(0xfc00), IPV6(0xfe00) - 1 },
	{ IPV6(0xfe80), IPV6(0xfec0) - 1 },
};

#define BLOCKS (sizeof(blocks) / sizeof(*blocks))

bool addr_is_private(const struct sluice_addr *a)
{
	addr_number n = number_of(a);
	size_t i;

	for (i = 0; i < BLOCKS && (n < blocks[i].first || n > blocks[i].last); i++)
		;
	return i < BLOCKS;
}

int private_spans(struct spans *out)
{
	int err = spans_init(out, 0);
	size_t i;

	for (i = 0; i < BLOCKS && !err; i++) {
		err = spans_add(out, blocks[i].first, 1);
		if (!err)
			err = spans_add(out, blocks[i].last + 1, 0);
	}
	return err;
}
