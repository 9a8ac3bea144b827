/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes a policy as a file that reads back to the same: see dump.h. */
#include <errno.h>

#include "dump.h"
#include "schema.h"

static void keys_write(enum section section, const void *base, const char *indent, FILE *out)
{
	size_t i;

	for (i = 0; i < schema_count; i++) {
		if (schema[i].section != section)
			continue;
		if (!setting_is_default(&schema[i], base)) {
			fputs(indent, out);
			setting_write(&schema[i], base, out);
			fputc('\n', out);
		}
	}
}

/* Whether a section that every policy has anyway contains nothing. */
static bool says_nothing(enum section section, const void *base)
{
	size_t i;

	for (i = 0; i < schema_count; i++) {
		if (schema[i].section == section && !setting_is_default(&schema[i], base))
			return false;
	}
	return section_is_single(section);
}

int policy_dump(const struct policy *p, FILE *out)
{
	enum section section;
	const void *base;
	size_t i;

	keys_write(SECTION_TOP, p, "", out);
	for (section = SECTION_TOP + 1; section < SECTIONS; section++) {
		for (i = 0; (base = section_at(p, section, i)); i++) {
			if (says_nothing(section, base))
				continue;
			fprintf(out, "\n%s %s%s{\n", section_names[section], section_title(section, base),
				section_is_single(section) ? "" : " ");
			keys_write(section, base, "    ", out);
			fputs("}\n", out);
		}
	}
	return fflush(out) || ferror(out) ? -EIO : 0;
}
