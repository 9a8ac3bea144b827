/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests that any bytes become text that is safe for a terminal and for JSON. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plain.h"

static void test_any_bytes_become_utf8_without_control_characters(void **state)
{
	unsigned int a, b, c;
	char text[8];

	(void)state;
	for (a = 1; a < 256; a++) {
		for (b = 1; b < 256; b++) {
			for (c = 1; c < 256; c += b < 0x80 ? 17 : 1) {
				char all[] = { (char)a, (char)b, (char)c, 'x', 0 };

				strcpy(text, all);
				plain_make(text, false);
				assert_true(utf8_is_good(text));
				assert_null(strpbrk(text, "\n\t\r\x1b\x7f"));
				assert_int_equal(text[strlen(text) - 1], 'x');
			}
		}
	}
}

static void test_good_text_stays_as_it_is_and_what_a_terminal_obeys_is_removed(void **state)
{
	char good[] = "f\xc3\xbcr 5 \xe2\x82\xac \xf0\x9f\x93\xa7",
	     wild[] = "a\x1b[2J\xc2\x9b\xe2\x80\xae\n\tb\xff\xc0\x80";

	(void)state;
	assert_string_equal(plain_make(good, false), "f\xc3\xbcr 5 \xe2\x82\xac \xf0\x9f\x93\xa7");
	assert_string_equal(plain_make(wild, true), "a [2J  \n\tb???");
	assert_false(utf8_is_good("\xed\xa0\x80"));
	assert_false(utf8_is_good("\xf4\x90\x80\x80"));
	assert_false(utf8_is_good("\xe2\x82"));
}

static void test_a_cut_falls_between_two_characters_and_is_reported(void **state)
{
	char out[6];

	(void)state;
	assert_false(plain_copy(out, sizeof(out), "12345"));
	assert_true(plain_copy(out, sizeof(out), "123456"));
	assert_string_equal(out, "12345");
	assert_true(plain_copy(out, sizeof(out), "12\xe2\x82\xac\xe2\x82\xac"));
	assert_string_equal(out, "12\xe2\x82\xac");
	assert_true(plain_copy(out, sizeof(out), "123\xe2\x82\xac"));
	assert_string_equal(out, "123");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_bytes_become_utf8_without_control_characters),
		cmocka_unit_test(test_good_text_stays_as_it_is_and_what_a_terminal_obeys_is_removed),
		cmocka_unit_test(test_a_cut_falls_between_two_characters_and_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
