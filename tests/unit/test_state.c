/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests the state file: what is written is read back, and nothing torn is accepted. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "state.h"
#include "text_file.h"
#include "utc.h"

static struct state_live lives[] = {
	{ .ban = true,
	  .until = 2000,
	  .since = 900,
	  .owner = "f2b-sshd",
	  .observe = true,
	  .text = "loud\nneighbour \x7f" },
	{ .ban = false, .uid = 1000, .since = 901 },
};
static char value[] = "20/1m";
static struct state_setting settings[] = {
	{ .scope = { .section = SECTION_SERVICE, .title = "smtp" },
	  .key = "max-rate-per-source",
	  .value = value,
	  .since = 902 },
	{ .key = "mode", .value = value, .until = 5000, .uid = 7 },
	{ .scope = { .section = SECTION_SET, .title = "partners" }, .key = "prefixes", .value = value },
	{ .scope = { .section = SECTION_SERVICE, .title = "smtp", .is_sender = true },
	  .key = "max-rate-per-source",
	  .value = value },
	{ .scope = { .section = SECTION_SERVICE, .is_sender = true }, .key = "max-rate-per-source", .value = value },
};
static const struct state whole = { .saved = 1000, .lives = { lives, 2, 2 }, .settings = { settings, 5, 5 } };

static char *written(void)
{
	char *text = NULL;
	const char *why;

	assert_int_equal(prefix_parse("2001:db8:bad::/48", &lives[0].prefix, &why), 0);
	assert_int_equal(prefix_parse("192.0.2.1", &lives[1].prefix, &why), 0);
	settings[3].scope.sender = settings[4].scope.sender = lives[0].prefix;
	assert_int_equal(state_write(&whole, &text), 0);
	return text;
}

static void test_state_is_read_back_as_it_was_written(void **state)
{
	char *text = written(), *again = NULL;
	struct state *s = NULL;
	const char *why;
	size_t i;

	(void)state;
	assert_int_equal(state_parse(text, &s, &why), 0);
	assert_int_equal(s->lives.count, 2);
	assert_string_equal(s->lives.item[0].text, "loud neighbour  ");
	assert_int_equal(s->lives.item[0].prefix.len, 48);
	assert_string_equal(s->lives.item[0].owner, "f2b-sshd");
	assert_true(s->lives.item[0].observe);
	assert_string_equal(s->settings.item[0].value, value);
	assert_int_equal(s->settings.count, 5);
	for (i = 0; i < s->settings.count; i++)
		assert_true(scope_same(&s->settings.item[i].scope, &settings[i].scope));
	assert_int_equal(state_write(s, &again), 0);
	assert_string_equal(again, text);
	state_free(s);
	free(again);
	free(text);
}

static void test_state_cut_anywhere_is_refused(void **state)
{
	char *text = written();
	struct state *s = NULL;
	const char *why;
	size_t len;

	(void)state;
	for (len = strlen(text); len-- > 0;) {
		text[len] = 0;
		assert_int_equal(state_parse(text, &s, &why), -EINVAL);
		assert_non_null(why);
	}
	assert_null(s);
	free(text);
}

static void test_state_with_any_byte_changed_is_refused(void **state)
{
	char *text = written();
	struct state *s = NULL;
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; text[i]; i++) {
		text[i] ^= 1;
		assert_int_equal(state_parse(text, &s, &why), -EINVAL);
		text[i] ^= 1;
	}
	assert_null(s);
	free(text);
}

static void test_state_of_many_lines_is_read_whole(void **state)
{
	struct state many = { .saved = 1, .lives.count = 1000 }, *s = NULL;
	char *text = NULL;
	const char *why;
	size_t i;

	(void)state;
	many.lives.item = calloc(many.lives.count, sizeof(*many.lives.item));
	assert_non_null(many.lives.item);
	for (i = 0; i < many.lives.count; i++)
		many.lives.item[i] = (struct state_live){ .ban = true, .prefix = { .len = 128 }, .uid = i };
	assert_int_equal(state_write(&many, &text), 0);
	assert_int_equal(state_parse(text, &s, &why), 0);
	assert_int_equal(s->lives.count, many.lives.count);
	assert_int_equal(s->lives.item[999].uid, 999);
	state_free(s);
	free(text);
	free(many.lives.item);
}

static void test_bans_of_version_1_are_read_and_owned_by_their_uid(void **state)
{
	static const char lines[] = "sluice-state 1 1000\nban 192.0.2.1 2000 900 7 loud\nallow 192.0.2.2 0 901 0 \n";
	struct state *s = NULL;
	char text[256];
	const char *why;

	(void)state;
	snprintf(text, sizeof(text), "%send %08lx\n", lines, crc32(0, (const Bytef *)lines, strlen(lines)));
	assert_int_equal(state_parse(text, &s, &why), 0);
	assert_int_equal(s->lives.count, 2);
	assert_string_equal(s->lives.item[0].owner, "uid:7");
	assert_string_equal(s->lives.item[0].text, "loud");
	assert_false(s->lives.item[0].observe || s->lives.item[1].ban);
	state_free(s);
}

/* Returns what reading says about these lines under their right checksum. */
static int sealed_parse(const char *lines, const char **why)
{
	struct state *s = NULL;
	char text[256];
	int err;

	snprintf(text, sizeof(text), "%send %08lx\n", lines, crc32(0, (const Bytef *)lines, strlen(lines)));
	err = state_parse(text, &s, why);
	state_free(s);
	return err;
}

static void test_lines_that_nobody_wrote_refuse_the_whole_file(void **state)
{
	static const char *const good[] = { "ban 192.0.2.1 2000 900 7 jail refuse loud", "allow 192.0.2.1 0 901 0 ",
					    "set smtp max-connections 0 902 0 7", "limit 192.0.2.1 - k 0 902 0 7" };
	static const char *const bad[] = {
		"ban 192.0.2.1 2000 900 7 jail refuses loud",
		"ban 192.0.2.1 2000 900 7 jail refuse",
		"ban 192.0.2.1/24 2000 900 7 jail refuse x",
		"ban 192.0.2.1 never 900 7 jail refuse x",
		"allow 192.0.2.1 0 901",
		"limit 192.0.2.300 - k 0 902 0 7",
		"set smtp max-connections 0 902 0",
		"forget 192.0.2.1",
	};
	const char *why = NULL;
	char lines[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(lines, sizeof(lines), "sluice-state %d 1000\n%s\n", SLUICE_STATE_VERSION, good[i]);
		assert_int_equal(sealed_parse(lines, &why), 0);
	}
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(lines, sizeof(lines), "sluice-state %d 1000\n%s\n", SLUICE_STATE_VERSION, bad[i]);
		assert_int_equal(sealed_parse(lines, &why), -EINVAL);
		assert_string_equal(why, "a line of it makes no sense");
	}
}

static void test_a_file_of_a_version_that_is_not_known_is_refused_as_such(void **state)
{
	const int versions[] = { 0, SLUICE_STATE_VERSION + 1 };
	const char *why = NULL;
	char lines[64];
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		snprintf(lines, sizeof(lines), "sluice-state %d 1000\n", versions[i]);
		assert_int_equal(sealed_parse(lines, &why), -EINVAL);
		assert_string_equal(why, "it was written by another version of sluice");
	}
	assert_int_equal(sealed_parse("sluice-refusals 1 1000\n", &why), -EINVAL);
	assert_string_equal(why, "it does not begin as a state file");
}

static void test_time_left_heeds_a_clock_that_went_back(void **state)
{
	(void)state;
	assert_int_equal(state_left(&whole, 0, 5), 0);
	assert_int_equal(state_left(&whole, 2000, 1500), 500);
	assert_int_equal(state_left(&whole, 2000, 2000), -1);
	assert_int_equal(state_left(&whole, 2000, 5), 1000);
}

static void test_file_is_replaced_whole_or_not_at_all(void **state)
{
	char dir[] = "/tmp/sluice-text-XXXXXX", path[64], missing[64], *text = NULL;
	const struct place at = { path, 0 };
	struct diag d = {};
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	snprintf(missing, sizeof(missing), "%s/no/file", dir);
	assert_int_equal(text_file_replace(path, "one\n", 0600, &d), 0);
	assert_int_equal(text_file_replace(path, "two\n", 0600, &d), 0);
	assert_int_equal(text_file_read(path, 100, &at, &text, &d), 0);
	assert_string_equal(text, "two\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(text_file_replace(missing, "x", 0600, &d), -ENOENT);
	assert_non_null(strstr(d.item[0].text, "no/file"));
	assert_int_equal(text_file_remove(path, &d), 0);
	assert_int_equal(text_file_remove(path, &d), 0);
	assert_int_equal(rmdir(dir), 0); /* nothing else was left there */
	free(text);
	diag_free(&d);
}

static char watched[64], synced[256];

/* Replaces the one of libc: notes what is synchronised, and what the watched file says at that time. */
int fsync(int fd)
{
	const size_t n = strlen(synced);
	FILE *now = fopen(watched, "re");
	char says[16] = "nothing";
	struct stat is;

	if (now && !fgets(says, sizeof(says), now))
		says[0] = 0;
	if (now)
		fclose(now);
	snprintf(synced + n, sizeof(synced) - n, "%s while it says %s; ",
		 !fstat(fd, &is) && S_ISDIR(is.st_mode) ? "folder" : "file", says);
	return 0;
}

static void test_a_file_is_on_the_disk_before_its_name_and_its_name_before_the_answer(void **state)
{
	char dir[] = "/tmp/sluice-sync-XXXXXX";
	struct diag d = {};

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(watched, sizeof(watched), "%s/file", dir);
	synced[0] = 0;
	assert_int_equal(text_file_replace(watched, "one", 0600, &d), 0);
	assert_int_equal(text_file_replace(watched, "two", 0600, &d), 0);
	assert_int_equal(text_file_remove(watched, &d), 0);
	assert_string_equal(synced, "file while it says nothing; folder while it says one; file while it says one; "
				    "folder while it says two; folder while it says nothing; ");
	assert_int_equal(rmdir(dir), 0);
	diag_free(&d);
}

static size_t disk_room = SIZE_MAX; /* how much may still be written, ... */
static size_t at_once = SIZE_MAX; /* ... and how much at once */

/* Replaces the one of libc. */
ssize_t write(int fd, const void *bytes, size_t n)
{
	n = n < at_once ? n : at_once;
	n = n < disk_room ? n : disk_room;
	errno = ENOSPC;
	if (!n)
		return -1;
	disk_room -= disk_room == SIZE_MAX ? 0 : n;
	return syscall(SYS_write, fd, bytes, n);
}

static void test_a_disk_that_fills_up_leaves_the_file_as_it_was(void **state)
{
	char dir[] = "/tmp/sluice-full-XXXXXX", path[64], *text = NULL;
	const struct place at = { path, 0 };
	struct diag d = {};

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	at_once = 2;
	assert_int_equal(text_file_replace(path, "in pieces", 0600, &d), 0);
	at_once = SIZE_MAX;
	disk_room = 3;
	assert_int_equal(text_file_replace(path, "too long", 0600, &d), -ENOSPC);
	disk_room = SIZE_MAX;
	assert_int_equal(text_file_read(path, 100, &at, &text, &d), 0);
	assert_string_equal(text, "in pieces");
	assert_non_null(strstr(d.item[0].text, "cannot write"));
	assert_int_equal(text_file_remove(path, &d), 0);
	assert_int_equal(rmdir(dir), 0); /* nothing else was left there */
	free(text);
	diag_free(&d);
}

static void test_the_state_of_full_tables_is_not_too_large_to_be_read_back(void **state)
{
	struct state full = { .saved = UINT64_MAX }, *again = NULL;
	char *text = NULL;
	const char *why;
	size_t i;

	(void)state;
	full.lives.count = full.lives.room = 2 * SLUICE_MAX_LIVE;
	full.lives.item = calloc(full.lives.count, sizeof(*full.lives.item));
	assert_non_null(full.lives.item);
	for (i = 0; i < full.lives.count; i++) {
		full.lives.item[i] =
			(struct state_live){ false, { .len = 127 }, UINT64_MAX, UINT64_MAX, UINT32_MAX, "" };
		memset(&full.lives.item[i].prefix.addr, 0xee, sizeof(full.lives.item[i].prefix.addr));
		memset(full.lives.item[i].text, 'x', sizeof(full.lives.item[i].text) - 1);
	}
	assert_int_equal(state_write(&full, &text), 0);
	print_message("%zu bytes of at most %zu\n", strlen(text), (size_t)STATE_BYTES);
	assert_true(strlen(text) < STATE_BYTES);
	assert_true(strlen(text) > 64 << 20);
	assert_int_equal(state_parse(text, &again, &why), 0);
	assert_int_equal(again->lives.count, full.lives.count);
	state_free(again);
	free(full.lives.item);
	free(text);
}

static void test_a_line_that_only_a_CR_ends_is_refused_with_its_place(void **state)
{
	static const char good[] = "one\r\ntwo # comment\r\r\nthree\r", bad[] = "one\r\ntwo # comment\rthree\r";
	struct diag d = {};

	(void)state;
	assert_int_equal(text_check("file", good, strlen(good), false, &d), 0);
	assert_int_equal(text_check("file", bad, strlen(bad), true, &d), 0); /* others wrote it: its reader judges */
	assert_int_equal(text_check("file", bad, strlen(bad), false, &d), -EINVAL);
	assert_non_null(strstr(d.item[0].text, "file has a line here that only a CR ends"));
	assert_int_equal(d.item[0].line, 2);
	diag_free(&d);
}

static void test_a_time_that_no_calendar_has_is_said_as_such(void **state)
{
	char buf[UTC_LEN];

	(void)state;
	assert_string_equal(utc_say(0, buf), "1970-01-01T00:00:00Z");
	assert_string_equal(utc_say(253402300799, buf), "9999-12-31T23:59:59Z");
	assert_string_equal(utc_say(253402300800, buf), "?");
	assert_string_equal(utc_say(1760000000000000000, buf), "?"); /* in nanoseconds */
	assert_string_equal(utc_say(UINT64_MAX, buf), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_state_of_full_tables_is_not_too_large_to_be_read_back),
		cmocka_unit_test(test_state_is_read_back_as_it_was_written),
		cmocka_unit_test(test_state_cut_anywhere_is_refused),
		cmocka_unit_test(test_state_with_any_byte_changed_is_refused),
		cmocka_unit_test(test_state_of_many_lines_is_read_whole),
		cmocka_unit_test(test_bans_of_version_1_are_read_and_owned_by_their_uid),
		cmocka_unit_test(test_lines_that_nobody_wrote_refuse_the_whole_file),
		cmocka_unit_test(test_a_file_of_a_version_that_is_not_known_is_refused_as_such),
		cmocka_unit_test(test_time_left_heeds_a_clock_that_went_back),
		cmocka_unit_test(test_file_is_replaced_whole_or_not_at_all),
		cmocka_unit_test(test_a_file_is_on_the_disk_before_its_name_and_its_name_before_the_answer),
		cmocka_unit_test(test_a_disk_that_fills_up_leaves_the_file_as_it_was),
		cmocka_unit_test(test_a_line_that_only_a_CR_ends_is_refused_with_its_place),
		cmocka_unit_test(test_a_time_that_no_calendar_has_is_said_as_such),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
