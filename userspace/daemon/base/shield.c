/* SPDX-License-Identifier: BSD-2-Clause */
/* The live allow that lets in the session which ran `apply --confirm`: see shield.h. */
#include "shield.h"

#include <string.h>

#include "tables.h"

#define SHIELD "shield of the session that ran apply --confirm"

bool trial_is_shield(const char *text)
{
	return !strcmp(text, SHIELD);
}

void trial_unshield(struct daemon *dm)
{
	_cleanup_free_ struct live_status *list = NULL;
	size_t count = 0, i;

	if (allows_read(dm->engine, &list, &count))
		return;
	for (i = 0; i < count; i++) {
		if (trial_is_shield(list[i].text))
			live_clear(dm->engine, LIVE_ALLOW, &list[i].prefix);
	}
}

/* Somebody's own allow that lasts as long is left as it is. */
void trial_shield(struct daemon *dm, const char *address, unsigned int seconds, uid_t uid, struct diag *d)
{
	struct prefix p = { .len = 128 };
	struct live_status now;

	if (!*address)
		return;
	if (addr_parse(address, &p.addr)) {
		diag_add(d, "SSH_CONNECTION names no address ('%s'): your session is not shielded", address);
		return;
	}
	if (!allow_find(dm->engine, &p.addr, &now) && (!now.expires_in || now.expires_in >= seconds))
		return;
	if (live_set(dm->engine, LIVE_ALLOW, &p, seconds, uid, SHIELD))
		diag_add(d, "%s could not be shielded: the table of allows is full", address);
}
