/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits that hold over several hosts: this host's part in a fleet, while the policy has one. docs/fleet.md says what that is; leases are got
 * from the store by sluice-fleet, a process of its own, and the gate keeps to them (maps/fleet.h).
 */
#ifndef SLUICE_DAEMON_FLEET_HOST_H
#define SLUICE_DAEMON_FLEET_HOST_H

#include "daemon.h"
#include "fleet_tables.h"
#include "metrics.h"

/* Begins, ends or changes it as the policy in force says; after each change of that, in the loop. */
void fleet_follow(struct daemon *dm);
void fleet_settled(struct daemon *dm); /* no policy awaits its confirmation any more */
void fleet_end(struct daemon *dm); /* the engine or the loop is about to go */
/* What keeps the policy from holding its limits over the fleet. */
void fleet_warn(const struct policy *p, struct diag *d);

json_t *fleet_json(const struct daemon *dm); /* for the verb fleet-status; NULL: the policy has no fleet */
json_t *fleet_page_json(const struct daemon *dm); /* for the status page: no address is in it; null: no fleet */
uint64_t fleet_differing(const struct daemon *dm); /* hosts that give a limit another value than this one */
char *fleet_acl(const struct daemon *dm); /* the least rights at the store; NULL: no fleet runs. Freed with free() */
void fleet_metrics(const struct daemon *dm, struct metrics_fleet *out);
/* By how many connections one of the limits of a service may be exceeded while all hosts are in touch. */
uint64_t fleet_over(const struct daemon *dm, const struct sluice_service *s);

/*
 * What the other hosts have of the limit of this counter: [{"name", "held", "lease"}], not the caller's. NULL: it is not known; *awaited: but may be in a
 * moment. fleet_looks() asks the store for all that was not known, and says whether an answer is still awaited.
 */
json_t *fleet_holders(struct daemon *dm, const struct fleet_counter *c, bool *awaited);
bool fleet_looks(struct daemon *dm);
/* For `sources --fleet`, of sources of one service ("": of all). *awaited as above. NULL: no fleet, or no memory. */
json_t *fleet_sources_json(struct daemon *dm, const struct privacy *eyes, const char *service, size_t top,
			   bool *awaited);

#endif
