/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "dump.h"
#include "schema.h"

static void section_write(enum section section, const void *base, const char *indent, FILE *out)
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

int policy_dump(const struct policy *p, FILE *out)
{
	enum section section;
	size_t i;

	section_write(SECTION_TOP, p, "", out);
	for (section = SECTION_TOP + 1; section_is_single(section); section++) {
		fprintf(out, "\n%s {\n", section_names[section]);
		section_write(section, p, "    ", out);
		fputs("}\n", out);
	}
	for (i = 0; i < p->services_count; i++) {
		fprintf(out, "\nservice %s {\n", p->services[i].name);
		section_write(SECTION_SERVICE, &p->services[i], "    ", out);
		fputs("}\n", out);
	}
	for (i = 0; i < p->sets_count; i++) {
		fprintf(out, "\nsource-set %s {\n", p->sets[i].name);
		section_write(SECTION_SET, &p->sets[i], "    ", out);
		fputs("}\n", out);
	}
	for (i = 0; i < p->containers_count; i++) {
		fprintf(out, "\ncontainer %s {\n", p->containers[i].name);
		section_write(SECTION_CONTAINER, &p->containers[i], "    ", out);
		fputs("}\n", out);
	}
	return fflush(out) || ferror(out) ? -EIO : 0;
}
