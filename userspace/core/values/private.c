/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses that belong to no public network: see private.h. One table of blocks; owns nothing. */
#include "private.h"

#define WIDEST_IPV4 8
#define WIDEST_IPV6 16
#define IPV4(a, b) (IPV4_FIRST + ((addr_number)(a) << 24) + ((addr_number)(b) << 16))
#define IPV6(word) ((addr_number)(word) << 112)

/* Sorted. */
static const struct {
	addr_number first, last;
	bool never_forwarded;
} blocks[] = {
	{ 1, 1, true }, /* ::1 */
	{ IPV4(10, 0), IPV4(11, 0) - 1, false },
	{ IPV4(127, 0), IPV4(128, 0) - 1, true },
	{ IPV4(169, 254), IPV4(169, 255) - 1, true },
	{ IPV4(172, 16), IPV4(172, 32) - 1, false },
	{ IPV4(192, 168), IPV4(192, 169) - 1, false },
	{ IPV6(0xfc00), IPV6(0xfe00) - 1, false },
	{ IPV6(0xfe80), IPV6(0xfec0) - 1, true },
};

#define BLOCKS (sizeof(blocks) / sizeof(*blocks))

/* BLOCKS means that it is in none. */
static size_t block_of(const struct sluice_addr *a)
{
	addr_number n = number_of(a);
	size_t i;

	for (i = 0; i < BLOCKS && (n < blocks[i].first || n > blocks[i].last); i++)
		;
	return i;
}

bool addr_is_private(const struct sluice_addr *a)
{
	return block_of(a) < BLOCKS;
}

bool addr_is_never_forwarded(const struct sluice_addr *a)
{
	size_t i = block_of(a);

	return i < BLOCKS && blocks[i].never_forwarded;
}

/* Linux drops what claims to come from these (net/ipv4/route.c, ip_route_input_slow; net/ipv6/ip6_input.c). */
const char *prefix_without_senders(const struct prefix *p)
{
	static const struct {
		addr_number first, last;
		const char *why;
	} nobody[] = {
		{ 0, 0, "it is an unspecified address" },
		{ IPV4(0, 0), IPV4(1, 0) - 1, "it is an unspecified network" },
		{ IPV4(224, 0), IPV4(240, 0) - 1, "it is multicast" },
		{ IPV4_LAST, IPV4_LAST, "it is broadcast" },
		{ IPV6(0xff00), ADDR_LAST, "it is multicast" },
	};
	addr_number first = number_of(&p->addr), last = prefix_last(p);
	size_t i;

	for (i = 0; i < sizeof(nobody) / sizeof(*nobody); i++) {
		if (first >= nobody[i].first && last <= nobody[i].last)
			return nobody[i].why;
	}
	return NULL;
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

bool prefix_is_wide(const struct prefix *p)
{
	const bool ipv4 = addr_is_ipv4(&p->addr) && p->len >= SLUICE_IPV4_SHIFT;

	return p->len < (ipv4 ? SLUICE_IPV4_SHIFT + WIDEST_IPV4 : WIDEST_IPV6);
}
