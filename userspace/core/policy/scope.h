/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be set live, and where: a key of the top level, of a service or of a set, or a limit of one sender. The daemon calls it for new
 * orders, for saved ones, for those of other hosts, and for the file that it saves one in.
 */
#ifndef SLUICE_CORE_SCOPE_H
#define SLUICE_CORE_SCOPE_H

#include "schema.h"

#define SCOPE_TEXT_LEN (ADDR_TEXT_LEN + SLUICE_NAME_LEN + 16)

struct scope {
	enum section section; /* SECTION_TOP, SECTION_SERVICE or SECTION_SET; for a sender SECTION_SERVICE */
	char title[SLUICE_NAME_LEN]; /* the service or set; "" at the top and, for a sender, at all services */
	bool is_sender; /* the scope is one prefix */
	struct prefix sender;
};

struct scope scope_of_service(const char *name);
bool scope_same(const struct scope *a, const struct scope *b);
/*
 * Formats "service smtp", "source-set partners", "192.0.2.1 at smtp"; "mode" belongs to "the policy". `sender` is how its prefix is shown.
 */
const char *scope_format(const struct scope *s, const char *sender, char buf[static SCOPE_TEXT_LEN]);
/* The keys that a single sender can have; NULL-terminated. */
extern const char *const scope_sender_keys[];
/* Returns the row of the schema for a key there, or NULL if it has no such key. */
const struct setting *scope_key(const struct scope *s, const char *key);

/*
 * One setting, live: the values that the policy takes, a list also without its braces, `none` for an empty one; and the messages of the
 * policy, without a place. 0, -EINVAL, -ENOMEM: then a list may hold some of its elements, and `p` is good for policy_free() only.
 */
int policy_set_value(struct policy *p, const struct scope *where, const char *key, const char *value, struct diag *d);
/*
 * Returns the value of a key there, as the policy writes it, or its default if nothing is set; "": no file, or no such key. NULL without
 * memory. Freed with free().
 */
char *policy_get_value(const struct policy *p, const struct scope *where, const char *key);

#endif
