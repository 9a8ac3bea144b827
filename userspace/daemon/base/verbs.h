/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files with verbs share, and the verbs that live in files of their own. */
#ifndef SLUICE_DAEMON_VERBS_H
#define SLUICE_DAEMON_VERBS_H

#include "cover.h"
#include "daemon.h"

/* One function a verb of userspace/api/verbs.def; what it is given has been checked against that. 0, or -errno with a message. */
#define VERB(id, ...) int verb_##id(struct daemon *dm, const json_t *args, struct answer *a);
#define COMMAND(...)
#include "verbs.def"
#undef VERB
#undef COMMAND

/* "" where it is missing or no string. */
const char *arg(const json_t *args, const char *name);
/* In seconds; "" is 0: for ever. */
int time_arg(const json_t *args, const char *name, uint32_t *seconds, struct answer *a);
int bad(struct answer *a); /* -EINVAL, and the exit status of a bad question */
/* As whom he asks may see addresses: root asks for what he could read in the kernel himself. */
const struct privacy *eyes(const struct daemon *dm, const struct answer *a);
int address_arg(const json_t *args, struct sluice_addr *out, struct answer *a);
/* A reason that is longer than what is kept of it is not cut in silence. */
void reason_say(const json_t *args, struct answer *a);
/* One address or one prefix, as in `ban`. */
int prefix_arg(const json_t *args, const char *name, struct prefix *out, struct answer *a);

int no_fleet(struct answer *a); /* fleet_verbs.c: -ENOENT, and says so */

/* kill.c: the connections that an order meets */
struct kill {
	const struct cover *from;
	const struct policy_service *service; /* NULL: of any */
	bool allowed_too; /* else but for those of sources that are allowed live */
};
struct met {
	size_t sources, connections;
};
int kill_check(struct answer *a); /* can they be ended at all? To be asked before anything is done */
int kill_list(const struct daemon *dm, const struct kill *what, struct answer *a);
int kill_count(const struct daemon *dm, const struct kill *what, struct met *out);
int kill_run(const struct daemon *dm, const struct kill *what, size_t *ended);

/* arguments.c, of the policy in force: the file that the next start reads and the one it was read from; a remark where they differ */
json_t *kept_json(const struct daemon *dm);
const char *kept_say(const struct daemon *dm);

struct ban_lines;
/* named.c: what lies behind a translator's prefix becomes the IPv4 prefix inside. True: some did. */
bool named_inside(const struct daemon *dm, struct ban_lines *list);
/* Of IPv6, and of what was translated: adds to the answer how much of a source the prefix of a ban or allow covers. */
int named_say(const struct daemon *dm, const struct prefix *p, bool translated, struct answer *a);

#endif
