/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs of a policy on trial, and the shield of the session that began it. The trial itself is standing_trial.c's. */
#ifndef SLUICE_DAEMON_TRIAL_H
#define SLUICE_DAEMON_TRIAL_H

#include "verbs.h"

int verb_confirm(struct daemon *dm, const json_t *args, struct answer *a);
int verb_revert(struct daemon *dm, const json_t *args, struct answer *a);
/* Lets the address in, whatever is said, for as long as the policy awaits its confirmation; "": nobody. */
void trial_shield(struct daemon *dm, const char *address, unsigned int seconds, uid_t uid, struct diag *d);
void trial_unshield(struct daemon *dm);
bool trial_is_shield(const char *text); /* the reason of an allow that goes with the trial */

#endif
