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

/* Begins, ends or changes it as the policy in force says. Call it after each change of that, while the loop runs. */
void fleet_follow(struct daemon *dm);
void fleet_settled(struct daemon *dm); /* call it when no policy awaits its confirmation any more */
void fleet_end(struct daemon *dm); /* call it before the engine or the loop goes */
/* Warns of what keeps the policy from holding its limits over the fleet. */
void fleet_warn(const struct policy *p, struct diag *d);

json_t *fleet_json(const struct daemon *dm); /* for the verb fleet-status; NULL if the policy has no fleet */
/* For the status page, without addresses; null if there is no fleet. */
json_t *fleet_page_json(const struct daemon *dm);
uint64_t fleet_differing(const struct daemon *dm); /* number of hosts that give a limit another value than this one */
/* The least rights that it needs at the store; NULL if no fleet runs. Freed with free(). */
char *fleet_acl(const struct daemon *dm);
void fleet_metrics(const struct daemon *dm, struct metrics_fleet *out);
/* Returns by how many connections one of the limits of a service may be exceeded while all hosts are in touch. */
uint64_t fleet_over(const struct daemon *dm, const struct sluice_service *s);

/*
 * Returns what the other hosts have of the limit of this counter: [{"name", "held", "lease"}], not the caller's; NULL if that is not known.
 * *awaited: it may be known in a moment. fleet_looks() asks the store for everything that was not known, and says whether an answer is
 * still awaited.
 */
json_t *fleet_holders(struct daemon *dm, const struct fleet_counter *c, bool *awaited);
bool fleet_looks(struct daemon *dm);
/* For `sources --fleet`: sources of one service ("": of all). *awaited as above. Returns NULL without a fleet, or without memory. */
json_t *fleet_sources_json(struct daemon *dm, const struct privacy *eyes, const char *service, size_t top,
			   bool *awaited);

#endif
