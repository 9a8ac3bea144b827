/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests that dump writes a policy file that reads as the same policy again, and what diff compares. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dump.h"
#include "parse.h"
#include "plan.h"

static char dir[] = "/tmp/sluice-dump-XXXXXX";

static char *path_of(const char *name)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	return path;
}

static void file_write(const char *name, const char *text)
{
	char *path = path_of(name);
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
	free(path);
}

static struct policy *policy_of(const char *text)
{
	char *path = path_of("policy"), *said;
	struct policy *p = NULL;
	struct diag d = {};

	file_write("policy", text);
	if (policy_parse_file(path, NULL, &p, &d)) {
		said = diag_text(&d);
		print_error("%s\n%s\n", text, said);
		free(said);
	}
	assert_non_null(p);
	diag_free(&d);
	free(path);
	return p;
}

static struct plan *diff_of(const char *old, const char *new)
{
	struct policy *now = policy_of(old), *want = policy_of(new);
	struct plan *plan = NULL;

	assert_int_equal(plan_diff(now, want, &plan), 0);
	policy_free(now);
	policy_free(want);
	return plan;
}

#define HEAD "interfaces = {lo}\nservice smtp { ports = {25} }\n"

static void test_dump_is_read_back_whatever_a_path_holds(void **state)
{
	static const char *const names[] = { "a\"b",	   "a\\\\b",  "${HOME}",    "$x",   "a'b",
					     "a b # c {}", "caf\xe9", "f\xc3\xbcr", "end\\" };
	char *dumped = NULL, *text = NULL;
	struct policy *p, *again;
	struct plan *plan = NULL;
	size_t size, i, j;
	FILE *out;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char escaped[64];

		for (j = 0, size = 0; names[i][j]; j++) {
			if (strchr("\"\\$", names[i][j]))
				escaped[size++] = '\\';
			escaped[size++] = names[i][j];
		}
		escaped[size] = 0;
		file_write(names[i], "192.0.2.1\n");
		assert_true(asprintf(&text, HEAD "source-set s { file = \"%s\" action = deny }\n", escaped) > 0);
		p = policy_of(text);
		free(text);
		text = path_of(names[i]);
		assert_string_equal(p->sets.item[0].file, text);
		free(text);
		out = open_memstream(&dumped, &size);
		assert_int_equal(policy_dump(p, out), 0);
		fclose(out);
		again = policy_of(dumped);
		assert_string_equal(again->sets.item[0].file, p->sets.item[0].file);
		assert_int_equal(plan_diff(p, again, &plan), 0);
		assert_int_equal(plan->count, 0);
		plan_free(plan);
		policy_free(p);
		policy_free(again);
		free(dumped);
	}
}

/* Reads a file, and puts the folder of the policies in the place of each "@". The caller frees the text. */
static char *text_of(const char *path, const char *folder)
{
	char *text = NULL;
	size_t size;
	FILE *in = fopen(path, "r"), *out = open_memstream(&text, &size);
	int c;

	assert_non_null(in);
	while ((c = fgetc(in)) != EOF)
		c == '@' ? fputs(folder, out) : fputc(c, out);
	fclose(in);
	fclose(out);
	return text;
}

/* The dump of 0.1.0, which read policies with libconfuse, wrote these files. Only empty sections, which it also wrote, are left out. */
static void test_each_policy_says_what_it_said_to_the_first_version(void **state)
{
	static const char *const names[] = { "append", "blanks", "precedence", "quotes", "values" };
	char path[128], *folder = realpath("tests/policies/good", NULL), *wanted, *dumped;
	struct policy *p;
	struct diag d = {};
	size_t i, size;
	FILE *out;

	(void)state;
	assert_non_null(folder);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "tests/policies/good/%s.conf", names[i]);
		if (policy_parse_file(path, NULL, &p, &d))
			fail_msg("%s", diag_text(&d));
		out = open_memstream(&dumped, &size);
		assert_int_equal(policy_dump(p, out), 0);
		fclose(out);
		snprintf(path, sizeof(path), "tests/policies/good/%s.dump", names[i]);
		wanted = text_of(path, folder);
		assert_string_equal(dumped, wanted);
		free(wanted);
		free(dumped);
		policy_free(p);
	}
	free(folder);
}

#define A "source-set a { prefixes = {192.0.2.0/24} max-connections-per-source = 3 }\n"
#define B "source-set b { prefixes = {192.0.2.0/24} max-connections-per-source = 9 }\n"
#define C "source-set c { prefixes = {192.0.2.0/24} action = deny priority = 7 }\n"

static void test_an_order_of_sets_that_decides_is_a_difference(void **state)
{
	struct plan *plan = diff_of(HEAD A B C, HEAD B A C);

	(void)state;
	assert_int_equal(plan->changed, 1);
	assert_int_equal(plan->count, 1);
	assert_string_equal(plan->item[0].what, "source-set b: now before source-set a, which has the same priority");
	plan_free(plan);
	plan = diff_of(HEAD A B C, HEAD C A B);
	assert_int_equal(plan->count, 0);
	plan_free(plan);
	plan = diff_of(HEAD A C, HEAD A B C);
	assert_int_equal(plan->count, 1);
	assert_int_equal(plan->added, 1);
	plan_free(plan);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dump_is_read_back_whatever_a_path_holds),
		cmocka_unit_test(test_each_policy_says_what_it_said_to_the_first_version),
		cmocka_unit_test(test_an_order_of_sets_that_decides_is_a_difference),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
