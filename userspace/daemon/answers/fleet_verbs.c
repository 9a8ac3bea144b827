/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs fleet-status and fleet-acl; fleet_host.h provides the data. */
#include <errno.h>

#include "fleet_host.h"
#include "verbs.h"

int no_fleet(struct answer *a)
{
	diag_add(&a->diag, "the policy has no fleet: see docs/fleet.md, and fleet in sluice.conf(5)");
	return -ENOENT;
}

int verb_fleet_status(struct daemon *dm, const json_t *args, struct answer *a)
{
	(void)args;
	a->data = fleet_json(dm);
	return a->data ? 0 : no_fleet(a);
}

int verb_fleet_acl(struct daemon *dm, const json_t *args, struct answer *a)
{
	(void)args;
	a->text = fleet_acl(dm);
	return a->text ? 0 : no_fleet(a);
}
