/* SPDX-License-Identifier: BSD-2-Clause */
/* One key, from the command line. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "parse.h"
#include "schema.h"

#define WORDS_MOST 700 /* all countries there can be */

static int words_split(char *text, const char **word, size_t room)
{
	size_t n = 0;
	char *save, *w;

	for (w = strtok_r(text, ", \t", &save); w && n < room; w = strtok_r(NULL, ", \t", &save))
		word[n++] = w;
	return n;
}

int policy_set_value(struct policy *p, const char *service, const char *key, const char *value, struct diag *d)
{
	enum section section = *service ? SECTION_SERVICE : SECTION_TOP;
	const struct setting *s = schema_find(section, key);
	_cleanup_free_ char *copy = strdup(value);
	const char *word[WORDS_MOST] = { value };
	void *base = p;
	char why[256];
	size_t n = 1;
	int err;

	if (!copy)
		return -ENOMEM;
	if (*service)
		base = policy_service_find(p, service);
	if (!base) {
		diag_add(d, "no service '%s': `sluicectl status` lists them", service);
		return -EINVAL;
	}
	if (!s) {
		diag_add(d, "unknown key '%s': did you mean '%s'?", key, schema_suggest(key));
		return -EINVAL;
	}
	if (kind_is_list(s->kind))
		n = words_split(copy, word, WORDS_MOST);
	err = setting_set(s, base, word, n, NULL, why, sizeof(why));
	if (err)
		diag_add(d, "%s: %s", key, why);
	return err;
}
