/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files with verbs share, and the verbs that live in files of their own. */
#ifndef SLUICE_DAEMON_VERBS_H
#define SLUICE_DAEMON_VERBS_H

#include "daemon.h"

/* "" where it is missing or no string. */
const char *arg(const json_t *args, const char *name);
int bad(struct answer *a); /* -EINVAL, and the exit status of a bad question */
int address_arg(const json_t *args, struct sluice_addr *out, struct answer *a);

/* arguments.c: 0, or -EINVAL with a message and the exit status of a bad question */
int arguments_check(const json_t *args, struct answer *a);

/* ends.c: connections that a ban ends, but for those of sources that are allowed */
int ends_check(const struct daemon *dm,
	       struct answer *a); /* can they be ended at all? To be asked before the ban is set */
int ends_list(struct daemon *dm, const struct prefix *banned, struct answer *a);
int ends_run(struct daemon *dm, const struct prefix *banned, struct answer *a);
/* trial.c */
int verb_confirm(struct daemon *dm, const json_t *args, struct answer *a);
int verb_revert(struct daemon *dm, const json_t *args, struct answer *a);
/* Lets the address in, whatever is said, for as long as the policy awaits its confirmation; "": nobody. */
void trial_unshield(struct daemon *dm);
void trial_shield(struct daemon *dm, const char *address, unsigned int seconds, uid_t uid, struct diag *d);

/* suggest.c */
int verb_suggest(struct daemon *dm, const json_t *args, struct answer *a);

/* subject.c */
int verb_privacy(struct daemon *dm, const json_t *args, struct answer *a);
int verb_erase(struct daemon *dm, const json_t *args, struct answer *a);
int verb_export(struct daemon *dm, const json_t *args, struct answer *a);

enum live_kind;
/* Puts into the answer what the prefix of a ban or allow covers. */
int named_say(const struct daemon *dm, enum live_kind kind, const struct prefix *p, struct answer *a);

#endif
