/* SPDX-License-Identifier: BSD-2-Clause */
/* How an address is shown where it leaves the kernel (docs/privacy.md). */
#ifndef SLUICE_CORE_PRIVACY_H
#define SLUICE_CORE_PRIVACY_H

#include "policy.h"

struct privacy;

/* NULL without memory. The key is kept out of swap and core dumps, and overwritten when it is replaced or freed. */
struct privacy *privacy_new(void);
void privacy_free(struct privacy *v); /* NULL is fine */
/* What the policy in force wants. */
void privacy_set(struct privacy *v, const struct policy *p);
/* A new key where the old one has lived for the retention time; `now` is CLOCK_MONOTONIC, in seconds. */
void privacy_tick(struct privacy *v, uint64_t now);

/*
 * truncated: the network of at least 24 (IPv4) or 48 bits; hashed: "h-" and 16 hexadecimal digits, the same for all addresses
 * of one source as long as the key lives; full: all. `v` NULL, for root's own questions: full. Returns buf.
 */
const char *privacy_show(const struct privacy *v, const struct prefix *p, char buf[static ADDR_TEXT_LEN]);

#endif
