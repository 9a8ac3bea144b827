/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Live settings of services and sets that all hosts of a fleet share: what the verbs of this host tell, and may ask. All of it does nothing
 * where the policy has no fleet, or one with share-settings = false.
 */
#ifndef SLUICE_DAEMON_FLEET_SETTINGS_H
#define SLUICE_DAEMON_FLEET_SETTINGS_H

#include "daemon.h"
#include "override.h"

bool fleet_shares_settings(const struct daemon *dm);
/* A verb has put it in force here. `local`: on this host alone. Whether all hosts are told; where one would expect it, `d` says why not. */
bool fleet_say_setting(struct daemon *dm, const struct scope *where, const char *key, bool local, struct diag *d);
/* A verb has ended it here. Whether all hosts are told; `d` says what counts here now, where it is not the file. */
bool fleet_unsay_setting(struct daemon *dm, const struct scope *where, const char *key, struct diag *d);
/* The host that said it; NULL: it is not shared. */
const char *fleet_setting_origin(const struct daemon *dm, const struct override *o);

#endif
