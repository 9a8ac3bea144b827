/* SPDX-License-Identifier: BSD-2-Clause */
/* What a policy would change before it is in force, as data: for every --dry-run. */
#ifndef SLUICE_DAEMON_FORECAST_H
#define SLUICE_DAEMON_FORECAST_H

#include "daemon.h"

/*
 * Says what `want` would change, service by service, and which sources that are connected now it would refuse the next connection. Changes
 * nothing.
 */
int forecast_json(struct daemon *dm, const struct policy *want, json_t **out, struct diag *d);

#endif
