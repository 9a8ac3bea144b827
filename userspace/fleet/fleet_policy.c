/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares what two hosts say of their policies: see fleet_policy.h. */
#include <stdbool.h>
#include <string.h>

#include "fleet_policy.h"
#include "fleet_wire.h"

#define PAIR_LENGTH (2 * FLEET_POLICY_DIGITS + 1) /* KEY=VALUE */

static bool is_pair(const char *at)
{
	static const char digits[] = "0123456789abcdef";

	return strspn(at, digits) == FLEET_POLICY_DIGITS && at[FLEET_POLICY_DIGITS] == '=' &&
	       strspn(at + FLEET_POLICY_DIGITS + 1, digits) == FLEET_POLICY_DIGITS;
}

/* Returns the pair of this key, or NULL if it is not there. It stops at anything that is no pair. */
static const char *pair_find(const char *text, const char *key)
{
	const char *at;

	for (at = text; is_pair(at); at += PAIR_LENGTH + (at[PAIR_LENGTH] == ' ')) {
		if (!strncmp(at, key, FLEET_POLICY_DIGITS))
			return at;
	}
	return NULL;
}

json_t *policy_differs(const char *own, const char *other)
{
	json_t *list = json_array();
	const char *at, *there;

	for (at = own; is_pair(at) && json_array_size(list) < POLICY_DIFFERS_MOST;
	     at += PAIR_LENGTH + (at[PAIR_LENGTH] == ' ')) {
		there = pair_find(other, at);
		if (there && strncmp(at, there, PAIR_LENGTH))
			json_array_append_new(list, json_stringn(at, FLEET_POLICY_DIGITS));
	}
	return list;
}
