/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests that sluice.conf(5) has every key of the schema table in its section, and no other, and that its examples mean what it says. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "parse.h"
#include "schema.h"

#define MANUAL "docs/sluice.conf.5"

/* Returns the section that ".Ss WORDS" begins. */
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

/* Opens the file, below `dir`, that a line "# NAME" of the example begins, and writes an interface to it, which the example leaves out. */
static FILE *file_begin(const char *dir, const char *line, FILE *before)
{
	char path[256];
	FILE *out;

	if (before)
		fclose(before);
	snprintf(path, sizeof(path), "%s/%.*s", dir, (int)strcspn(line + 2, "\n"), line + 2);
	out = fopen(path, "we");
	assert_non_null(out);
	if (!before)
		fputs("interfaces = {lo}\n", out);
	return out;
}

static void test_the_example_of_precedence_means_what_the_manual_says(void **state)
{
	char dir[] = "/tmp/sluice-manual-XXXXXX", line[512], path[64];
	FILE *in = fopen(MANUAL, "re"), *out = NULL;
	struct policy *p = NULL;
	struct diag d = {};

	(void)state;
	assert_non_null(in);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/conf.d", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	while (fgets(line, sizeof(line), in) && (!out || strcmp(line, ".Ed\n"))) {
		if (!strcmp(line, "# sluice.conf\n") || (out && *line == '#'))
			out = file_begin(dir, line, out);
		else if (out)
			fputs(line, out);
	}
	fclose(in);
	fclose(out);
	snprintf(path, sizeof(path), "%s/sluice.conf", dir);
	if (policy_parse_file(path, NULL, &p, &d))
		fail_msg("%s", diag_text(&d));
	assert_int_equal(p->services.item[0].ports_count, 2);
	assert_int_equal(p->services.item[0].ports[1], 587);
	assert_int_equal(p->services.item[0].limits.max_connections_per_source.value, 7);
	assert_int_equal(p->sets.item[0].prefix_texts.count, 1);
	assert_string_equal(p->sets.item[0].prefix_texts.item[0], "198.51.100.0/24");
	assert_int_equal(p->sets.item[0].action, SLUICE_ACTION_ALLOW);
	policy_free(p);
	snprintf(line, sizeof(line), "rm -r %s", dir);
	assert_int_equal(system(line), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manual_has_every_key_and_no_other),
		cmocka_unit_test(test_the_example_of_precedence_means_what_the_manual_says),
	};

	return cmocka_run_group_tests_name("manual", tests, NULL, NULL);
}
