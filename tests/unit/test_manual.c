/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice.conf(5) has every key of the schema table in its section, and none else. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "schema.h"

#define MANUAL "docs/sluice.conf.5"

/* The section that ".Ss WORDS" begins. */
static enum section section_of(const char *words)
{
	enum section s;

	for (s = SECTION_TOP + 1; s < SECTIONS; s++) {
		if (!strncmp(words, section_names[s], strlen(section_names[s])) &&
		    strchr(" \n", words[strlen(section_names[s])]))
			return s;
	}
	return SECTION_TOP;
}

static void test_manual_has_every_key_and_no_other(void **state)
{
	FILE *in = fopen(MANUAL, "re");
	enum section section = SECTION_TOP;
	bool found[128] = {};
	const struct setting *s;
	char line[512], key[64];
	size_t i;

	(void)state;
	assert_non_null(in);
	assert_true(schema_count <= 128);
	while (fgets(line, sizeof(line), in)) {
		if (!strncmp(line, ".Ss ", 4))
			section = section_of(line + 4);
		if (sscanf(line, ".It Cm %63s", key) != 1)
			continue;
		s = schema_find(section, key);
		if (!s)
			fail_msg(MANUAL ": no key '%s' in section '%s'", key, section_names[section]);
		found[s - schema] = true;
	}
	fclose(in);
	for (i = 0; i < schema_count; i++) {
		if (!found[i])
			fail_msg(MANUAL " has nothing of '%s' in section '%s'", schema[i].key,
				 section_names[schema[i].section]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_manual_has_every_key_and_no_other) };

	return cmocka_run_group_tests_name("manual", tests, NULL, NULL);
}
