/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests how `sluicectl import` joins lines, and how it cuts them into words. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cleanup.h"
#include "import.h"

/* Checks the lines of a text, as "NUMBER:TEXT|NUMBER:TEXT". */
static void lines_are(const char *format, const char *text, const char *expected)
{
	struct import m = { .format = import_format(format) };
	_cleanup_free_ char *copy = strdup(text);
	char said[1024] = "";
	size_t i, n = 0;

	assert_non_null(copy);
	import_text(&m, "file", copy);
	for (i = 0; i < m.lines.count; i++)
		n += snprintf(said + n, sizeof(said) - n, "%s%u:%s", i ? "|" : "", m.lines.item[i]->number,
			      m.lines.item[i]->text);
	assert_string_equal(said, expected);
	import_free(&m);
}

static void indented_lines_go_on_over_comments_and_empty_lines(void **state)
{
	(void)state;
	lines_are("postfix", "a = 1,\n# said\n\n  2\n\t3\nb = 4 # text\n", "1:a = 1, 2 3|6:b = 4 # text");
	lines_are("fail2ban", "; said\n[x]\nip = a\n  b\n", "2:[x]|3:ip = a b");
	lines_are("fail2ban", "[x]\n  a = 1 ; said\n\n    2\n  b = 3;4\n", "1:[x]|2:a = 1 2|5:b = 3;4");
}

static void a_backslash_joins_the_next_line_and_is_no_part_of_it(void **state)
{
	(void)state;
	lines_are("exim", "a = b : \\\n    c\n  # said\nd = #e\n", "1:a = b :  c|4:d = #e");
	lines_are("exim", "a = b : \\\n # x\n c\nd = \\\n\ne\n", "1:a = b :  c|4:d = |6:e");
	lines_are("pf", "pass in \\\r\n port 25 # said\r\nblock\\", "1:pass in  port 25|3:block");
}

static void braces_join_what_is_between_them_unless_they_hold_rules(void **state)
{
	(void)state;
	lines_are("nft", "table inet t {\n set s {\n  elements = { a,\n b }\n }\n chain c {\n drop\n }\n}\n",
		  "1:table inet t {|2:set s { elements = { a, b } }|6:chain c {|7:drop|8:}|9:}");
	lines_are("pf", "table <bad> { 192.0.2.1,\n 192.0.2.2 }\nanchor \"a\" {\n pass\n}\n",
		  "1:table <bad> { 192.0.2.1, 192.0.2.2 }|3:anchor \"a\" {|4:pass|5:}");
}

static void comments_end_at_quotes_and_those_of_c_are_blanks(void **state)
{
	(void)state;
	lines_are("haproxy", "log \"#1\" '#2' # three\n#four\n", "1:log \"#1\" '#2'");
	lines_are("axigen", "a = 1 /* b\n c */ d = 2\n/* no end", "1:a = 1|2:d = 2");
}

static void words_are(const char *text, const char *marks, bool whole, const char *expected)
{
	_cleanup_strings_ struct strings words = {};
	struct import m = {};
	char said[256] = "";
	size_t i, n = 0;

	assert_int_equal(words_split(&m, text, " \t", marks, &words), whole);
	for (i = 0; i < words.count; i++)
		n += snprintf(said + n, sizeof(said) - n, "%s%s", i ? "|" : "", words.item[i]);
	assert_string_equal(said, expected);
}

static void marks_are_words_of_their_own_and_quotes_hold_words_together(void **state)
{
	(void)state;
	words_are(" tcp dport {25,  465} ", "{},", true, "tcp|dport|{|25|,|465|}");
	words_are("log prefix \"too many: \" drop", "\"", true, "log|prefix|too many: |drop");
	words_are("log prefix \"too many", "\"", false, "log|prefix");
	words_are("it's", "", true, "it's");
	words_are("", "{}", true, "");
}

static void services_get_names_that_a_policy_accepts(void **state)
{
	static const char *const names[][2] = {
		{ "smtp", "smtp" },
		{ "smtp in", "smtp-in" },
		{ "", "unnamed" },
		{ "-", "unnamed" },
		{ "*", "unnamed" },
		{ "--", "--" },
		{ "a234567890123456789012345678901234", "a234567890123456789012345678901" },
	};
	struct import m = {};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_string_equal(service_get(&m, names[i][0])->name, names[i][1]);
	import_free(&m);
}

static void macros_that_name_themselves_come_to_an_end(void **state)
{
	struct import m = {};
	struct macros all = {};
	_cleanup_free_ char *plain = NULL, *endless = NULL;

	(void)state;
	macro_add(&m, &all, "a", "1");
	macro_add(&m, &all, "b", "$a $c");
	macro_add(&m, &all, "d", "$d $d");
	plain = macros_expand(&m, &all, "x$b");
	endless = macros_expand(&m, &all, "$d");
	assert_string_equal(plain, "x  1  $c ");
	assert_true(endless && strlen(endless) < 1 << 20);
	macros_clear(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(indented_lines_go_on_over_comments_and_empty_lines),
		cmocka_unit_test(a_backslash_joins_the_next_line_and_is_no_part_of_it),
		cmocka_unit_test(braces_join_what_is_between_them_unless_they_hold_rules),
		cmocka_unit_test(comments_end_at_quotes_and_those_of_c_are_blanks),
		cmocka_unit_test(marks_are_words_of_their_own_and_quotes_hold_words_together),
		cmocka_unit_test(services_get_names_that_a_policy_accepts),
		cmocka_unit_test(macros_that_name_themselves_come_to_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
