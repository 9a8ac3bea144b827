/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests what the grammar of policies accepts, what it refuses, and the places that its messages name: sluice.conf(5), "GRAMMAR". */
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

static char dir[] = "/tmp/sluice-grammar-XXXXXX";

#define HEAD "interfaces = {lo}\n"
#define SMTP HEAD "service smtp { ports = {25} }\n"
#define SET(keys) SMTP "source-set a { action = deny " keys " }\n"

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void file_write(const char *name, const char *text)
{
	FILE *out = fopen(path_of(name), "w");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static struct policy *policy_of(const char *text)
{
	struct policy *p = NULL;
	struct diag d = {};

	file_write("policy", text);
	if (policy_parse_file(path_of("policy"), NULL, &p, &d))
		fail_msg("%s\n%s", text, diag_text(&d));
	diag_free(&d);
	return p;
}

static struct diag refused(const char *text)
{
	struct policy *p = NULL;
	struct diag d = {};

	file_write("policy", text);
	assert_int_equal(policy_parse_file(path_of("policy"), NULL, &p, &d), -22);
	assert_null(p);
	assert_true(d.count > 0);
	return d;
}

/* Checks that the text has exactly these mistakes, each "LINE:COLUMN: a part of the message". */
static void refuses(const char *text, const char *const *wanted)
{
	struct diag d = refused(text);
	size_t i;

	for (i = 0; wanted[i] && i < d.count; i++) {
		const char *at = strstr(d.item[i].text, "/policy:");
		size_t place = strspn(wanted[i], "0123456789:");

		if (!at || strncmp(at + 8, wanted[i], place) || !strstr(at, wanted[i] + place + 1))
			fail_msg("%s\nwanted %s\nand not %s", text, wanted[i], d.item[i].text);
		assert_non_null(d.item[i].excerpt);
		assert_int_equal(strchr(d.item[i].excerpt, '\0')[-1], '^');
	}
	if (wanted[i] || i < d.count)
		fail_msg("%s\nwanted %s after\n%s", text, wanted[i] ? wanted[i] : "nothing", diag_text(&d));
	diag_free(&d);
}

#define REFUSES(text, ...) refuses(text, (const char *const[]){ __VA_ARGS__, NULL })

static void test_an_empty_list_empties_that_of_an_earlier_file(void **state)
{
	struct policy *p;

	(void)state;
	file_write("more.conf",
		   "service smtp { deny-countries = {} addresses = {} }\nsource-set a { services = {} }\n");
	p = policy_of(HEAD "service smtp { ports = {25} deny-countries = {DE} addresses = {127.0.0.1} }\n"
			   "geoip { database = {geo.csv} }\n"
			   "source-set a { prefixes = {10.0.0.0/8} action = deny services = {smtp} }\n"
			   "include(more.conf)\n");
	assert_int_equal(p->services.item[0].deny_countries.count, 0);
	assert_int_equal(p->services.item[0].addresses.count, 0);
	assert_int_equal(p->services.item[0].ports_count, 1);
	assert_int_equal(p->sets.item[0].services.count, 0);
	policy_free(p);
	REFUSES(HEAD "service smtp { ports = {} }\n", "2:1: smtp has no ports");
}

static void test_plus_equals_adds_to_what_this_file_or_an_earlier_one_has_said(void **state)
{
	struct policy *p;

	(void)state;
	file_write("more.conf", "source-set a { prefixes += {192.0.2.3} }\nservice smtp { ports += 587 }\n");
	p = policy_of(SET("prefixes = {192.0.2.1} prefixes += {192.0.2.2}") "include(more.conf)\n");
	assert_int_equal(p->sets.item[0].prefix_texts.count, 3);
	assert_string_equal(p->sets.item[0].prefix_texts.item[2], "192.0.2.3");
	assert_int_equal(p->services.item[0].ports_count, 2);
	policy_free(p);
	p = policy_of(SET("prefixes += {192.0.2.1} prefixes += {}"));
	assert_int_equal(p->sets.item[0].prefix_texts.count, 1);
	policy_free(p);
	REFUSES(SMTP "mode += observe\n", "3:1: mode: '+=' adds to a list");
	REFUSES(SET("prefixes += {192.0.2.2} prefixes = {192.0.2.1}"),
		"3:54: appears twice here, first in line 3, column 30");
}

static void test_a_key_or_section_that_is_given_twice_is_refused_with_both_places(void **state)
{
	struct policy *p;

	(void)state;
	REFUSES(SMTP "mode = observe\n\n  mode = enforce\n", "5:3: mode appears twice here, first in line 3, column 1");
	REFUSES(HEAD "service smtp {\n\tports = {25}\n\tmax-rate = 5/1m max-rate = 5/1m\n}\n",
		"4:18: max-rate appears twice here, first in line 4, column 2");
	REFUSES(SMTP "sources { max = 5 }\nsources { retention = 1m }\n",
		"4:1: 'sources' appears twice in this file, first in line 3, column 1");
	REFUSES(SMTP "service  smtp { max-connections = 5 }\n",
		"3:10: 'smtp' appears twice in this file, first in line 2, column 9");
	file_write("more.conf", "mode = observe\nservice smtp { ports = {587} }\n");
	p = policy_of(SMTP "mode = enforce\ninclude(more.conf)\n");
	assert_int_equal(p->mode, POLICY_OBSERVE);
	assert_int_equal(p->services.item[0].ports[0], 587);
	policy_free(p);
}

static void test_nothing_is_taken_from_the_environment(void **state)
{
	struct policy *p;

	(void)state;
	setenv("MODE", "observe", 1);
	REFUSES(SMTP "mode = ${MODE}\n", "3:8: environment variables are not expanded");
	REFUSES(SMTP "mode = \"${MODE}\"\n", "3:8: environment variables are not expanded");
	REFUSES(SMTP "mode = x${MODE:-observe}y\n", "3:8: environment variables are not expanded");
	file_write("${MODE}", "192.0.2.1\n");
	p = policy_of(SET("file = \"\\${MODE}\""));
	assert_string_equal(strrchr(p->sets.item[0].file, '/'), "/${MODE}");
	policy_free(p);
	p = policy_of(SET("file = '${MODE}'"));
	assert_string_equal(strrchr(p->sets.item[0].file, '/'), "/${MODE}");
	policy_free(p);
}

/* The text between the quotes, and what it means. */
static const struct {
	const char *written, *means;
} escapes[] = {
	{ "\"a\\\"b\"", "a\"b" },
	{ "\"a\\\\b\"", "a\\b" },
	{ "\"\\x41\\x7f\\xfF\\x9\"", "A\x7f\xff\t" },
	{ "\"\\101\\60\"", "A0" },
	{ "\"\\a\\b\\e\\f\\n\\r\\t\\v\"", "\a\b\033\f\n\r\t\v" },
	{ "\"\\$\\{\\#\\ \\/\"", "${# /" },
	{ "\"a # b {,} = + 'c'\"", "a # b {,} = + 'c'" },
	{ "'a\\\"b\\\\c\\'d\\n$'", "a\\\"b\\c'd\\n$" },
	{ "a/b//c*[?]~;:.@", "a/b//c*[?]~;:.@" },
	{ "\"f\xc3\xbcr\"", "f\xc3\xbcr" },
};

static void test_escapes_mean_what_the_manual_says_and_dump_writes_them_back(void **state)
{
	char keys[128], *dumped, *file;
	struct policy *p, *again;
	size_t i, size;
	FILE *out;

	(void)state;
	for (i = 0; i < sizeof(escapes) / sizeof(*escapes); i++) {
		snprintf(keys, sizeof(keys), "file = %s prefixes = {10.0.0.0/8} enabled = no", escapes[i].written);
		assert_true(asprintf(&file, SMTP "source-set a { action = deny %s }\n", keys) > 0);
		p = policy_of(file);
		free(file);
		file = p->sets.item[0].file + strlen(dir) + 1;
		assert_string_equal(file, escapes[i].means);
		out = open_memstream(&dumped, &size);
		assert_int_equal(policy_dump(p, out), 0);
		fclose(out);
		again = policy_of(dumped);
		assert_string_equal(again->sets.item[0].file, p->sets.item[0].file);
		free(dumped);
		policy_free(p);
		policy_free(again);
	}
	REFUSES(SET("file = \"a\\q\""), "3:39: '\\q' is not an escape");
	REFUSES(SET("file = \"f\xc3\xbcr\\x00\""), "3:41: '\\x' is not an escape");
	REFUSES(SET("file = \"\\777\""), "3:38: is not an escape");
	REFUSES(SET("file = \"\\9\""), "3:38: '\\9' is not an escape");
}

static void test_what_is_read_does_not_depend_on_blanks_comments_or_line_ends(void **state)
{
	static const char *const texts[] = {
		"interfaces={lo}service smtp{ports={25,587}max-connections=5}",
		"\xef\xbb\xbfinterfaces = lo\r\nservice\r\nsmtp\r\n{\r\nports\r\n=\r\n{25\r\n,587,}\r\nmax-connections\r\n= 5 }\r\n",
		"# a {\ninterfaces = {lo} // b }\n/* c ' \n * / \" **/service \"smtp\"/**/{ ports#{\n= {25 /* , */,587}/*\n*/'max-connections'=\"5\" }",
	};
	struct policy *p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		p = policy_of(texts[i]);
		assert_string_equal(p->interfaces.item[0], "lo");
		assert_int_equal(p->services.item[0].ports_count, 2);
		assert_int_equal(p->services.item[0].ports[1], 587);
		assert_int_equal(p->services.item[0].limits.max_connections, 5);
		policy_free(p);
	}
}

static void test_each_slip_gets_one_message_at_its_place(void **state)
{
	(void)state;
	REFUSES(SMTP "mode observe\n", "3:1: '=' is missing between 'mode' and 'observe'");
	REFUSES(SMTP "mode =\n", "3:1: mode has no value: write mode = VALUE");
	REFUSES(SMTP "mode\n", "3:5: the file ends in the middle");
	REFUSES(SMTP "mode = {observe}\n", "3:8: mode: this is one value, not a list");
	REFUSES(HEAD "service smtp { ports {25} }\n", "2:16: ports: '=' is missing before '{'");
	REFUSES(HEAD "service smtp { ports = 25, 587 }\n", "2:26: a list needs braces");
	REFUSES(HEAD "service smtp { ports = {25 587} }\n", "2:28: a comma is missing before '587'");
	REFUSES(HEAD "service smtp { ports = {25,,587} }\n", "2:28: ',' does not fit here");
	REFUSES(HEAD "service smtp {\n ports = {25\n max-connections = 5\n}\n",
		"3:10: the list that opens here is never closed");
	REFUSES(HEAD "service smtp { ports = {25} max-connections = }\n", "2:29: max-connections has no value");
	REFUSES(HEAD "service smtp { ports = {25}\n max-connections =\n max-rate = 5/1m }\n",
		"3:2: max-connections has no value");
	REFUSES(HEAD "service smtp { ports = {25}\n max-connections\n max-rate = 5/1m }\n",
		"3:2: '=' and a value are missing after 'max-connections'");
	REFUSES(HEAD "service smtp { ports = {25}\nservice imap { ports = {143} }\n",
		"2:14: the brace that opens here is not closed before line 3");
	REFUSES(HEAD "service smtp { ports = {25}\n", "2:14: the brace that opens here is never closed");
	REFUSES(SMTP "}\n", "3:1: this brace closes nothing");
	REFUSES(SMTP "service = imap { ports = {143} }\n", "3:1: service is a section and takes no '='");
	REFUSES(SMTP "sources = { max = 5 }\n", "3:1: sources is a section and takes no '='");
	REFUSES(SMTP "sources all { max = 5 }\n", "3:9: sources takes no name");
	REFUSES(SMTP "service { ports = {143} }\n", "3:1: service has no name");
	REFUSES(SMTP "servise imap { ports = {143} }\n", "3:1: did you mean 'service'?");
	REFUSES(SMTP "whatever imap { ports = {143} }\n", "3:1: unknown section 'whatever'");
	REFUSES(HEAD "service smtp { ports = {25}\nmode = observe }\n",
		"3:1: 'mode' in service: it belongs outside all sections");
	REFUSES(SMTP "max-connections = 5\n", "3:1: outside all sections: it is a key of service");
	REFUSES(SMTP "source-set a { file = \"list action = deny }\n", "3:23: the quote that begins here never ends");
	REFUSES(SET("file = a+b enabled = no"), "3:38: a value with such characters needs quotes");
	REFUSES(SMTP "/* mode = observe\n", "3:1: the comment that begins here never ends");
	REFUSES(SMTP "source-set a { prefixes = {::1 /* mode = observe\n",
		"3:32: the comment that begins here never ends");
	REFUSES(SMTP "sources = 5\nservice imap { ports = {143} }\n", "3:1: sources is a section and takes no '='");
	REFUSES(SMTP "mode = observe;\n", "3:8: 'observe;' is not one of");
	REFUSES(SMTP "mode = observe ;\n", "3:16: ';' is not needed");
	REFUSES(SMTP "include a.conf\n", "3:1: include needs parentheses");
	REFUSES(SMTP "include(\"a.conf\", \"b.conf\")\n", "3:17: include takes one path");
	REFUSES(SMTP "source-set a { action = deny prefixes = {::1} include(a.conf) }\n",
		"3:55: include is inside a section");
}

static void test_a_value_that_would_wrap_around_or_has_two_meanings_is_refused(void **state)
{
	(void)state;
	REFUSES(SMTP "fleet { max-staleness = 4294968s }\n", "3:25: '4294968s' is not a time from 20ms to 5000ms");
	REFUSES(SMTP "sources { retention = 4294967296 }\n", "3:23: '4294967296' is not a time");
	REFUSES(SMTP "sources { max = 18446744073709551641 }\n", "3:17: '18446744073709551641' is not a whole number");
	REFUSES(SMTP "sources { retention = 49711d }\n", "3:23: '49711d' is not a time");
	REFUSES(SMTP "metrics { listen = \"::1:9798\" }\n", "3:20: '::1:9798' is not a place to listen");
	REFUSES(SMTP "metrics { listen = \"[::1]\" }\n", "3:20: '[::1]' is not a place to listen");
}

static void test_one_run_names_all_mistakes_of_all_files_and_none_that_follows_from_another(void **state)
{
	struct diag d;

	(void)state;
	file_write("more.conf", "service imap { ports = {143} max-rate = 5 }\n");
	d = refused("interfaces = {lo, lo}\n"
		    "include(more.conf)\n"
		    "service smtp {\n"
		    "    ports = {25, 65536}\n"
		    "    max-conections = 5\n"
		    "    max-connections-per-source = 5%\n"
		    "}\n"
		    "source-set a { prefixes = {10.0.0.0/33} action = allow services = {smtp, pop3} }\n"
		    "container c { netns = run ports = {\"25\"} }\n");
	assert_int_equal(d.count, 7);
	assert_non_null(strstr(d.item[5].text, "more.conf:1:41: max-rate: '5' is not a rate"));
	assert_string_equal(d.item[5].excerpt, "    service imap { ports = {143} max-rate = 5 }\n"
					       "                                            ^");
	assert_string_equal(d.item[5].key, "max-rate");
	assert_non_null(strstr(d.item[6].text, ":8:56: source-set a: no service 'pop3'"));
	diag_free(&d);
}

static void test_a_run_ends_after_a_hundred_mistakes(void **state)
{
	static char text[65536];
	struct diag d;
	size_t i;

	(void)state;
	strcpy(text, SMTP);
	for (i = 0; i < 1000; i++)
		strcat(text, "moode = observe\n");
	d = refused(text);
	assert_int_equal(d.count, 101);
	assert_non_null(strstr(d.item[100].text, ":102:1: that is error 100"));
	diag_free(&d);
	strcpy(text, SMTP);
	for (i = 0; i < 10000; i++)
		strcat(text, "a{");
	d = refused(text);
	assert_true(d.count < 20);
	diag_free(&d);
}

static void test_a_long_line_is_shown_around_its_mistake(void **state)
{
	static char text[4096];
	struct diag d;
	size_t i;

	(void)state;
	strcpy(text, HEAD "service smtp { ports = {");
	for (i = 0; i < 200; i++)
		strcat(text, "1, ");
	strcat(text, "x} }\n");
	d = refused(text);
	for (i = 0; i < d.count; i++) {
		assert_true(strlen(d.item[i].excerpt) < 250);
		assert_true(strlen(strrchr(d.item[i].excerpt, '\n')) <= strlen(d.item[i].excerpt) / 2 + 1);
	}
	diag_free(&d);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	file_write("geo.csv", "10.0.0.0,10.0.0.255,DE\n");
	return 0;
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
		cmocka_unit_test(test_an_empty_list_empties_that_of_an_earlier_file),
		cmocka_unit_test(test_plus_equals_adds_to_what_this_file_or_an_earlier_one_has_said),
		cmocka_unit_test(test_a_key_or_section_that_is_given_twice_is_refused_with_both_places),
		cmocka_unit_test(test_nothing_is_taken_from_the_environment),
		cmocka_unit_test(test_escapes_mean_what_the_manual_says_and_dump_writes_them_back),
		cmocka_unit_test(test_what_is_read_does_not_depend_on_blanks_comments_or_line_ends),
		cmocka_unit_test(test_each_slip_gets_one_message_at_its_place),
		cmocka_unit_test(test_a_value_that_would_wrap_around_or_has_two_meanings_is_refused),
		cmocka_unit_test(test_one_run_names_all_mistakes_of_all_files_and_none_that_follows_from_another),
		cmocka_unit_test(test_a_run_ends_after_a_hundred_mistakes),
		cmocka_unit_test(test_a_long_line_is_shown_around_its_mistake),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
