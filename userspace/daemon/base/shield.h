/* SPDX-License-Identifier: BSD-2-Clause */
/* The live allow that lets in the session which ran `apply --confirm`, for as long as the policy awaits its confirmation. */
#ifndef SLUICE_DAEMON_SHIELD_H
#define SLUICE_DAEMON_SHIELD_H

#include "daemon.h"

/* Lets the address in, whatever the policy says. "" is no address. */
void trial_shield(struct daemon *dm, const char *address, unsigned int seconds, uid_t uid, struct diag *d);
void trial_unshield(struct daemon *dm);
bool trial_is_shield(const char *text); /* whether this is the reason of an allow that belongs to the trial */

#endif
