/* SPDX-License-Identifier: BSD-2-Clause */
/* An order about addresses: its owner, the addresses that it names, and whether it is likely a mistake. bans.c carries it out. */
#ifndef SLUICE_DAEMON_ORDERS_H
#define SLUICE_DAEMON_ORDERS_H

#include "banfile.h"
#include "cover.h"
#include "utc.h"
#include "verbs.h"

struct order {
	char owner[SLUICE_NAME_LEN];
	struct ban_lines lines; /* at least one */
	struct cover cover; /* of them */
	const char *file; /* where the lines come from, "-" if the client does not say; NULL: from no file */
	bool translated; /* some were behind a translator's prefix */
	bool local; /* they hold on this host alone, by the order or for want of room */
	bool tolerant; /* bad lines, and those that need --force, are left out */
	size_t left_out;
};

#define END_TEXT_LEN (UTC_LEN + 8)

/* Returns "until 2026-01-31T11:00:00Z", or "for good" for 0. */
const char *end_text(uint64_t ends, char buf[static END_TEXT_LEN]);
/* `by`, or the caller's uid. */
int owner_read(const json_t *args, struct answer *a, char owner[static SLUICE_NAME_LEN]);
/*
 * Reads it from `prefix`, or from the bytes behind the request; `for` applies to lines without a time of their own. Freed with
 * order_free(), even after a failure.
 */
int order_read(const struct daemon *dm, struct order *o, const json_t *args, struct answer *a);
void order_free(struct order *o);
/* Unless `force` is given, refuses what is too wide, or covers what the host or the caller depends on; or leaves that out. */
int order_check(const struct daemon *dm, struct order *o, const json_t *args, struct answer *a);

#endif
