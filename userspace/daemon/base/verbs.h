/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files with verbs share, and the verbs that live in files of their own. */
#ifndef SLUICE_DAEMON_VERBS_H
#define SLUICE_DAEMON_VERBS_H

#include "cover.h"
#include "daemon.h"

/*
 * One function for each verb of userspace/api/verbs.def, which its arguments have been checked against. Returns 0, or -errno with a
 * message.
 */
#define VERB(id, ...) int verb_##id(struct daemon *dm, const json_t *args, struct answer *a);
#define COMMAND(...)
#include "verbs.def"
#undef VERB
#undef COMMAND

/* Returns "" if it is missing or no string. */
const char *arg(const json_t *args, const char *name);
/* In seconds; "" gives 0, which means for ever. */
int time_arg(const json_t *args, const char *name, uint32_t *seconds, struct answer *a);
int bad(struct answer *a); /* returns -EINVAL, and sets the exit status of a bad question */
/* As whom the caller may see addresses: root sees those that he could read in the kernel himself. */
const struct privacy *eyes(const struct daemon *dm, const struct answer *a);
int address_arg(const json_t *args, struct sluice_addr *out, struct answer *a);
/* Says so if a reason is longer than what is kept of it. */
void reason_say(const json_t *args, struct answer *a);
/* Reads one address or one prefix, as in `ban`. */
int prefix_arg(const json_t *args, const char *name, struct prefix *out, struct answer *a);

int no_fleet(struct answer *a); /* fleet_verbs.c: returns -ENOENT with a message */

/* kill.c: the connections that an order concerns */
struct kill {
	const struct cover *from;
	const struct policy_service *service; /* NULL: of any service */
	bool allowed_too; /* otherwise those of sources that are allowed live are left out */
};
struct met {
	size_t sources, connections;
};
int kill_check(struct answer *a); /* can they be ended at all? Ask before anything is done */
int kill_list(const struct daemon *dm, const struct kill *what, struct answer *a);
int kill_count(const struct daemon *dm, const struct kill *what, struct met *out);
int kill_run(const struct daemon *dm, const struct kill *what, size_t *ended);

/*
 * arguments.c, about the policy in force: the file that the next start reads and the one that it was read from, with a remark if they
 * differ
 */
json_t *kept_json(const struct daemon *dm);
const char *kept_say(const struct daemon *dm);

struct ban_lines;
/* named.c: prefixes behind a translator's prefix become the IPv4 prefixes inside. Returns true if there were any. */
bool named_inside(const struct daemon *dm, struct ban_lines *list);
/* For IPv6, and for what was translated, adds to the answer how much of a source the prefix of a ban or allow covers. */
int named_say(const struct daemon *dm, const struct prefix *p, bool translated, struct answer *a);

#endif
