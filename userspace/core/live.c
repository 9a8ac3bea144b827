/* SPDX-License-Identifier: BSD-2-Clause */
/* One key, from the command line. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "parse.h"
#include "schema.h"

/* Every element of a list anew. */
static int list_set(const struct setting *s, void *base, char *text, char *why, size_t size)
{
	char *save, *word;
	int err = 0;

	list_clear(s, base);
	for (word = strtok_r(text, ", \t", &save); word && !err; word = strtok_r(NULL, ", \t", &save))
		err = setting_set(s, base, word, NULL, why, size);
	return err;
}

int policy_set_value(struct policy *p, const char *service, const char *key, const char *value, struct diag *d)
{
	enum section section = *service ? SECTION_SERVICE : SECTION_TOP;
	const struct setting *s = schema_find(section, key);
	void *base = section_find(p, section, service);
	_cleanup_free_ char *copy = strdup(value);
	char why[256];
	int err;

	if (!copy)
		return -ENOMEM;
	if (!base) {
		diag_add(d, "no service '%s': `sluicectl status` lists them", service);
		return -EINVAL;
	}
	if (!s) {
		const char *like = schema_suggest(section, key);

		diag_add(d, "unknown key '%s': %s%s%s", key, *like ? "did you mean '" : "sluice.conf(5) lists them",
			 like, *like ? "'?" : "");
		return -EINVAL;
	}
	err = kind_is_list(s->kind) ? list_set(s, base, copy, why, sizeof(why))
				    : setting_set(s, base, value, NULL, why, sizeof(why));
	if (err)
		diag_add(d, "%s: %s", key, why);
	return err;
}
