/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses and prefixes as text and as 16 bytes (IPv4 in mapped form, its prefix lengths shifted by 96). */
#ifndef SLUICE_CORE_ADDR_H
#define SLUICE_CORE_ADDR_H

#include <stdbool.h>
#include <stddef.h>

#include "abi.h"

#define ADDR_TEXT_LEN 64

struct prefix {
	struct sluice_addr addr; /* host bits are 0 */
	unsigned int len; /* 0..128 in mapped form */
};

/* A growing list; the caller zeroes it before first use and frees it with prefixes_free(). */
struct prefixes {
	struct prefix *item;
	size_t count, room;
};

int addr_parse(const char *text, struct sluice_addr *out); /* 0 or -EINVAL */
bool addr_is_ipv4(const struct sluice_addr *a);
bool addr_is_any(const struct sluice_addr *a); /* 0.0.0.0 or ::, which no packet is sent to */
/* Truncates `a` to `len` bits of the mapped form. */
struct sluice_addr addr_mask(const struct sluice_addr *a, unsigned int len);
/* Whether `a` lies in `p`, and whether all of `inner` does. An IPv6 prefix never covers IPv4, however short it is. */
bool prefix_holds(const struct prefix *p, const struct sluice_addr *a);
bool prefix_covers(const struct prefix *p, const struct prefix *inner);
/* Returns the mask itself: 128 bits, `len` of them ones. */
struct sluice_addr mask_of(unsigned int len);
/* Writes IPv4 as IPv4. Returns buf. */
const char *addr_format(const struct sluice_addr *a, char buf[static ADDR_TEXT_LEN]);
/* Writes a whole address without "/len". Returns buf. */
const char *prefix_format(const struct prefix *p, char buf[static ADDR_TEXT_LEN]);

/*
 * Appends what `text` names: an address, a prefix, a range a-b or an address/netmask; both families. Ranges become the
 * fewest prefixes. On -EINVAL `*why` is a sentence that says what is wrong and what would be right (static storage);
 * -ENOMEM leaves *why NULL. On failure the list is as it was.
 */
int prefixes_parse(struct prefixes *list, const char *text, const char **why);
/* Reads exactly one prefix (an address counts, a range does not). Host bits that are set are an error. */
int prefix_parse(const char *text, struct prefix *out, const char **why);
/* The same, but such bits are cut off. */
int prefix_cut_parse(const char *text, struct prefix *out, const char **why);
/* Reads what names exactly one address, however it is written: for lookup, explain, export, erase. -EINVAL and *why as above. */
int address_parse(const char *text, struct sluice_addr *out, const char **why);
int prefixes_add(struct prefixes *list, const struct prefix *p);
void prefixes_free(struct prefixes *list);

#endif
