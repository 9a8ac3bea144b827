/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests the records that the hosts of a fleet send to each other (userspace/core/fleet/fleet_record.h): who can make and read them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fleet_record.h"

static const struct fleet_record_keys keys = { { 1, 2, 3 }, { 4, 5, 6 } };

static struct fleet_word word_make(void)
{
	return (struct fleet_word){ .kind = FLEET_WORD_BAN,
				    .observe = true,
				    .forced = true,
				    .addr = { { 0, 0, 0xffff0000, 0x01020304 } },
				    .len = 128,
				    .uid = 7,
				    .stamp = 1700000000123456,
				    .keep = 1700003660,
				    .until = 1700003600,
				    .since = 1700000000,
				    .owner = "jail",
				    .text = "loud",
				    .host = "mx1" };
}

static void test_a_record_opens_to_what_was_sealed(void **state)
{
	struct fleet_word said = word_make(), heard;
	struct fleet_record record;

	(void)state;
	memset(said.host, 'm', FLEET_NAME_MAX);
	memset(said.owner, 'o', sizeof(said.owner) - 1);
	memset(said.text, 't', sizeof(said.text) - 1);
	fleet_record_seal(&keys, &said, &record);
	assert_int_equal(fleet_record_open(&keys, &record, &heard), 0);
	assert_int_equal(heard.kind, FLEET_WORD_BAN);
	assert_true(heard.observe && heard.forced && !heard.taken);
	assert_memory_equal(&heard.addr, &said.addr, sizeof(said.addr));
	assert_int_equal(heard.len, 128);
	assert_int_equal(heard.uid, 7);
	assert_true(heard.stamp == said.stamp && heard.keep == said.keep && heard.until == said.until &&
		    heard.since == said.since);
	assert_string_equal(heard.owner, said.owner);
	assert_string_equal(heard.text, said.text);
	assert_string_equal(heard.host, said.host);
}

static void test_a_record_with_any_byte_changed_is_refused(void **state)
{
	const struct fleet_word said = word_make();
	struct fleet_record record;
	struct fleet_word heard;
	size_t i;

	(void)state;
	fleet_record_seal(&keys, &said, &record);
	for (i = 0; i < sizeof(record); i++) {
		((unsigned char *)&record)[i] ^= 0x10;
		assert_int_equal(fleet_record_open(&keys, &record, &heard), -EBADMSG);
		((unsigned char *)&record)[i] ^= 0x10;
	}
	assert_int_equal(fleet_record_open(&keys, &record, &heard), 0);
}

static void test_a_sealed_word_that_makes_no_sense_is_refused(void **state)
{
	struct fleet_word said[] = { word_make(), word_make(), word_make(), word_make() }, heard;
	const int want[] = { 0, -EBADMSG, -EBADMSG, -EBADMSG };
	struct fleet_record record;
	size_t i;

	(void)state;
	said[0].len = 128;
	said[1].len = 129;
	said[2].kind = FLEET_WORD_BAN - 1;
	said[3].kind = FLEET_WORD_SETTING + 1;
	for (i = 0; i < 4; i++) {
		fleet_record_seal(&keys, &said[i], &record);
		assert_int_equal(fleet_record_open(&keys, &record, &heard), want[i]);
	}
}

static void test_without_the_secret_nothing_is_read_and_no_record_is_made(void **state)
{
	const struct fleet_record_keys others = { { 9 }, { 4, 5, 6 } };
	const struct fleet_word said = word_make();
	struct fleet_record record;
	struct fleet_word heard;

	(void)state;
	fleet_record_seal(&keys, &said, &record);
	assert_int_equal(fleet_record_open(&others, &record, &heard), -EBADMSG);
	assert_null(memmem(&record, sizeof(record), "jail", 4));
	assert_null(memmem(&record, sizeof(record), "loud", 4));
	assert_null(memmem(&record, sizeof(record), &said.addr, sizeof(said.addr)));
}

static void test_an_id_depends_only_on_kind_prefix_and_owner(void **state)
{
	struct fleet_word said = word_make();
	uint8_t first[FLEET_ID], id[FLEET_ID];

	(void)state;
	fleet_record_id(&keys, &said, first);
	said.until = said.stamp = said.keep = 1;
	said.taken = true;
	said.text[0] = said.host[0] = 0;
	fleet_record_id(&keys, &said, id);
	assert_memory_equal(id, first, sizeof(id));
	said.owner[0] = 'm';
	fleet_record_id(&keys, &said, id);
	assert_memory_not_equal(id, first, sizeof(id));
	said = word_make();
	said.len = 127;
	fleet_record_id(&keys, &said, id);
	assert_memory_not_equal(id, first, sizeof(id));
}

static struct fleet_word setting_make(void)
{
	struct fleet_word w = { .kind = FLEET_WORD_SETTING, .stamp = 1700000000123456, .uid = 7, .host = "mx1" };

	strcpy(w.setting.title, "smtp");
	strcpy(w.setting.key, "max-connections");
	strcpy(w.setting.value, "400");
	return w;
}

static void test_a_setting_is_sealed_whole_up_to_its_longest_name_key_and_value(void **state)
{
	struct fleet_word said = setting_make(), heard;
	struct fleet_record record;

	(void)state;
	said.of_set = true;
	memset(said.setting.title, 't', sizeof(said.setting.title) - 1);
	memset(said.setting.key, 'k', sizeof(said.setting.key) - 1);
	memset(said.setting.value, 'v', sizeof(said.setting.value) - 1);
	fleet_record_seal(&keys, &said, &record);
	assert_int_equal(fleet_record_open(&keys, &record, &heard), 0);
	assert_int_equal(heard.kind, FLEET_WORD_SETTING);
	assert_true(heard.of_set && !heard.taken && heard.uid == 7);
	assert_string_equal(heard.setting.title, said.setting.title);
	assert_string_equal(heard.setting.key, said.setting.key);
	assert_string_equal(heard.setting.value, said.setting.value);
	assert_null(memmem(&record, sizeof(record), "vvvv", 4));
}

static void test_the_id_of_a_setting_depends_on_section_name_and_key(void **state)
{
	struct fleet_word said = setting_make();
	uint8_t first[FLEET_ID], id[FLEET_ID];

	(void)state;
	fleet_record_id(&keys, &said, first);
	strcpy(said.setting.value, "200");
	said.taken = true;
	fleet_record_id(&keys, &said, id);
	assert_memory_equal(id, first, sizeof(id));
	said.of_set = true;
	fleet_record_id(&keys, &said, id);
	assert_memory_not_equal(id, first, sizeof(id));
	said = setting_make();
	said.setting.key[0] = 'n';
	fleet_record_id(&keys, &said, id);
	assert_memory_not_equal(id, first, sizeof(id));
	said = setting_make();
	said.setting.title[4] = 's';
	fleet_record_id(&keys, &said, id);
	assert_memory_not_equal(id, first, sizeof(id));
}

static int password_read(const char *text, size_t len, char out[static FLEET_PASSWORD_MOST], struct diag *d)
{
	char path[] = "/tmp/sluice-password-XXXXXX";
	int fd = mkstemp(path), err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
	err = fleet_password_read(path, out, d);
	unlink(path);
	return err;
}

static void test_a_password_is_a_text_in_utf_8_because_nothing_else_could_be_passed_on(void **state)
{
	char password[FLEET_PASSWORD_MOST];
	struct diag d = {};

	(void)state;
	assert_int_equal(password_read("p\xc3\xa4ss\n", 6, password, &d), 0);
	assert_string_equal(password, "p\xc3\xa4ss");
	assert_int_equal(d.count, 0);
	assert_int_equal(password_read("p\xe4ss\n", 5, password, &d), -EINVAL);
	assert_int_equal(password_read("p\0ss\n", 5, password, &d), -EINVAL);
	assert_int_equal(password_read("\n", 1, password, &d), -EINVAL);
	assert_int_equal(d.count, 3);
	assert_non_null(strstr(d.item[0].text, "no text in UTF-8: openssl rand -hex 32 makes a good one"));
	diag_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_record_opens_to_what_was_sealed),
		cmocka_unit_test(test_a_record_with_any_byte_changed_is_refused),
		cmocka_unit_test(test_a_sealed_word_that_makes_no_sense_is_refused),
		cmocka_unit_test(test_without_the_secret_nothing_is_read_and_no_record_is_made),
		cmocka_unit_test(test_an_id_depends_only_on_kind_prefix_and_owner),
		cmocka_unit_test(test_a_setting_is_sealed_whole_up_to_its_longest_name_key_and_value),
		cmocka_unit_test(test_the_id_of_a_setting_depends_on_section_name_and_key),
		cmocka_unit_test(test_a_password_is_a_text_in_utf_8_because_nothing_else_could_be_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
