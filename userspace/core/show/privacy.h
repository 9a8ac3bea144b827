/* SPDX-License-Identifier: BSD-2-Clause */
/* How an address is shown where it leaves the kernel (docs/privacy.md). */
#ifndef SLUICE_CORE_PRIVACY_H
#define SLUICE_CORE_PRIVACY_H

#include "policy.h"

struct privacy;

/* Returns NULL without memory. The key is kept out of swap and core dumps, and overwritten when it is replaced or freed. */
struct privacy *privacy_new(void);
void privacy_free(struct privacy *v); /* NULL is fine */
/* Applies what the policy in force says. */
void privacy_set(struct privacy *v, const struct policy *p);
/* Makes a new key when the old one has lived for the retention time; `now` is CLOCK_MONOTONIC, in seconds. */
void privacy_tick(struct privacy *v, uint64_t now);

/*
 * Shows a prefix. truncated: the network of at most 24 (IPv4) or 48 bits; hashed: "h-" and 16 hexadecimal digits, the same for all
 * addresses of one source as long as the key lives; full: everything. `v` NULL, for root's own questions, means full. Returns buf.
 */
const char *privacy_show(const struct privacy *v, const struct prefix *p, char buf[static ADDR_TEXT_LEN]);
/* Are prefixes shown whole even to users other than root? */
bool privacy_shows(const struct privacy *v, const struct prefix *p);

/*
 * For what is kept, and not only shown: no more of an address than the above shows, and no more than its source. A hash is a prefix of the
 * length PRIVACY_HASH, which only privacy_kept_format() can read.
 */
#define PRIVACY_HASH 255
struct prefix privacy_keep(const struct privacy *v, const struct sluice_addr *a);
const char *privacy_kept_format(const struct prefix *kept, char buf[static ADDR_TEXT_LEN]); /* returns buf */
int privacy_kept_parse(const char *text, struct prefix *kept); /* 0 or -EINVAL */
/* May an entry that was kept in another form stay? It may if it contains no more than what would be kept now. */
bool privacy_may_keep(const struct privacy *v, const struct prefix *kept);
/* Whether what is kept may belong to `asked`: they have addresses in common. For a hash: `asked` lies in that source. */
bool privacy_kept_is(const struct privacy *v, const struct prefix *kept, const struct prefix *asked);

#endif
