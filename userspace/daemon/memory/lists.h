/* SPDX-License-Identifier: BSD-2-Clause */
/* The list files of sets in the daemon: their last good content across restarts, and what status and log say about them. */
#ifndef SLUICE_DAEMON_LISTS_H
#define SLUICE_DAEMON_LISTS_H

#include "daemon.h"

/*
 * Returns a policy of nothing but the lists whose last good content is kept, for policy_parse_file() to use as what is in force. NULL: no
 * memory.
 */
struct policy *lists_recall(const struct daemon *dm);
/*
 * Keeps what is in force and not kept yet, and forgets what no policy names any more. Call it once a second; failures are reported, and
 * tried again.
 */
void lists_tick(struct daemon *dm);
/* Says in the log what is wrong with the lists in force. */
void lists_log(const struct daemon *dm);
/* For `status`: [{"set", "key", "file", "state", ...}]. */
json_t *lists_json(const struct daemon *dm);
/* Calls `each` for each list in force, with the set and the key that names the file. */
void lists_each(const struct policy *p,
		void (*each)(void *arg, const struct policy_set *s, const char *key, struct list_file *f), void *arg);

#endif
