/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks what a policy says about a fleet, as a whole: see check_fleet.h. check.c calls it. */
#include <errno.h>

#include "check_fleet.h"
#include "schema.h"
#include "spoilt.h"

/* Limits that should hold over a fleet need one. */
static int fleet_is_there(const struct policy *p, enum section section, const char *title, const struct place *at,
			  struct diag *d)
{
	struct place key = schema_place(p, section, title, "fleet", at);

	if (p->fleet.servers.count || section_is_spoilt(p, SECTION_FLEET, "", "servers"))
		return 0;
	diag_at(d, &key,
		"%s %s: no fleet to hold its limits over: add fleet { servers = {192.0.2.5:6379} secret-file = "
		"/etc/sluice/fleet.secret }",
		section_names[section], title);
	return -EINVAL;
}

int fleet_section_check(const struct policy *p, const struct place *whole, struct diag *d)
{
	const struct fleet *f = &p->fleet;
	struct place at;

	if (f->servers.count && !f->secret_file && !section_is_spoilt(p, SECTION_FLEET, "", "secret-file")) {
		at = schema_place(p, SECTION_FLEET, "", "servers", whole);
		diag_at(d, &at,
			"fleet has no secret-file: name a file of at least 16 bytes, the same on every host; `openssl rand -hex "
			"32` makes one");
		return -EINVAL;
	}
	if (!f->user[0] || f->password_file || section_is_spoilt(p, SECTION_FLEET, "", "password-file"))
		return 0;
	at = schema_place(p, SECTION_FLEET, "", "user", whole);
	diag_at(d, &at, "fleet: a user without a password: add password-file");
	return -EINVAL;
}

int fleet_service_check(const struct policy *p, const struct policy_service *s, struct diag *d)
{
	struct place at;

	if (s->fleet)
		return fleet_is_there(p, SECTION_SERVICE, s->name, &s->at, d);
	if (!s->exact)
		return 0;
	at = schema_place(p, SECTION_SERVICE, s->name, "exact", &s->at);
	diag_at(d, &at, "service %s: exact says how limits of a fleet hold: add fleet = true", s->name);
	return -EINVAL;
}

int fleet_set_check(const struct policy *p, const struct policy_set *s, struct diag *d)
{
	return s->fleet ? fleet_is_there(p, SECTION_SET, s->name, &s->at, d) : 0;
}
