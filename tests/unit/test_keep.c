/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests the files of what the daemon remembers: what is written is read back, and nothing torn or foreign is accepted. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "files.h"
#include "history_keep.h"
#include "privacy.h"
#include "refusals_keep.h"
#include "seal.h"

#define SECOND 1000000000ULL

static void raw_write(const void *what, FILE *out)
{
	fputs(what, out);
}

static char *sealed(const char *lines)
{
	char *text = NULL;

	assert_int_equal(seal_write(raw_write, lines, &text), 0);
	return text;
}

static void test_a_seal_fits_only_its_own_lines(void **state)
{
	char *text = sealed("one\ntwo\n"), *lines = NULL;
	const char *why = NULL;
	size_t i;

	(void)state;
	assert_int_equal(seal_open(text, &lines, &why), 0);
	assert_string_equal(lines, "one\ntwo\n");
	for (i = 0; text[i]; i++) {
		text[i] ^= 1;
		assert_int_equal(seal_check(text), -1);
		text[i] ^= 1;
	}
	for (i = strlen(text); i-- > 0;) {
		text[i] = 0;
		assert_int_equal(seal_check(text), -1);
	}
	free(text);
	text = sealed("");
	assert_int_equal(seal_check(text), -1);
	free(text);
	free(lines);
}

/* The one rule by which a policy, a list and a database are refused that somebody writes while they are read. */
static void test_a_file_is_as_before_until_its_size_or_its_time_changes(void **state)
{
	struct stat before = { .st_size = 7, .st_mtim = { 5, 3 } }, now = before;
	const struct place at = { "sluice.conf", 4, 2 };
	struct diag d = {};

	(void)state;
	now.st_atim.tv_sec = 9;
	assert_true(file_is_as_before(&before, &now));
	now.st_size = 8;
	assert_false(file_is_as_before(&before, &now));
	now = before;
	now.st_mtim.tv_nsec = 4;
	assert_false(file_is_as_before(&before, &now));
	now = before;
	now.st_mtim.tv_sec = 6;
	assert_false(file_is_as_before(&before, &now));
	assert_int_equal(file_refuse_changed("de.mmdb", &at, &d), -EINVAL);
	assert_non_null(strstr(d.item[0].text, "de.mmdb changed while it was read: write it under another name"));
	diag_free(&d);
}

static void note(struct refusals *r, uint8_t len, uint32_t source, enum sluice_reason why, uint64_t second)
{
	struct refusal one = { .source = { { { 0, 0, htonl(0xffff), htonl(source) } }, len },
			       .service = "a-service-with-31-letters-in-it",
			       .reason = why,
			       .verdict = SLUICE_VERDICT_RESET,
			       .last_ns = second * SECOND,
			       .stands_for = 3 };

	if (len == PRIVACY_HASH)
		memset(&one.source.addr, 0, sizeof(one.source.addr));
	if (len == PRIVACY_HASH)
		memset(&one.source.addr, 0xa5, 8);
	refusals_note(r, &one);
}

static void test_refusals_are_read_back_as_they_were_with_their_order(void **state)
{
	struct refusals *r = refusals_new(16);
	struct refusals_kept out = { .saved = 600, .since = 550, .shift_ns = 500 * (int64_t)SECOND, .memory = r },
			     in = {};
	const char *why = NULL;
	char *text = NULL;

	(void)state;
	note(r, 128, 7, SLUICE_DENIED, 10);
	note(r, 120, 0x0a000100, SLUICE_DENIED, 20);
	note(r, 128, 7, SLUICE_DENIED, 30);
	note(r, PRIVACY_HASH, 0, SLUICE_BANNED, 5);
	assert_int_equal(refusals_write(&out, &text), 0);
	assert_non_null(strstr(
		text,
		"refused h-a5a5a5a5a5a5a5a5 a-service-with-31-letters-in-it banned reset 505000000000 505000000000 1 3\n"));
	assert_int_equal(refusals_parse(text, &in, &why), 0);
	assert_int_equal(in.saved, 600);
	assert_int_equal(in.since, 550);
	assert_int_equal(in.items.count, 3);
	assert_int_equal(in.items.item[0].source.len, PRIVACY_HASH);
	assert_int_equal(in.items.item[1].first_ns, 510 * SECOND);
	assert_int_equal(in.items.item[1].last_ns, 530 * SECOND);
	assert_int_equal(in.items.item[1].count, 2);
	assert_int_equal(in.items.item[1].stands_for, 6);
	assert_int_equal(in.items.item[2].source.len, 120);
	assert_true(strlen(text) < 5 * REFUSALS_LINE);
	refusals_kept_free(&in);
	free(text);
	refusals_free(r);
}

static void test_refusals_that_are_put_back_add_up_with_new_ones(void **state)
{
	struct refusals *r = refusals_new(16);
	struct refusal was = { .source = { { { 0, 0, htonl(0xffff), htonl(7) } }, 128 },
			       .service = "a-service-with-31-letters-in-it",
			       .reason = SLUICE_DENIED,
			       .verdict = SLUICE_VERDICT_DROP,
			       .first_ns = 3 * SECOND,
			       .last_ns = 4 * SECOND,
			       .count = 5,
			       .stands_for = 50 };
	const struct refusal *is;

	(void)state;
	refusals_put(r, &was);
	note(r, 128, 7, SLUICE_DENIED, 10);
	is = refusals_next(r, SLUICE_DENIED, NULL);
	assert_int_equal(is->first_ns, 3 * SECOND);
	assert_int_equal(is->last_ns, 10 * SECOND);
	assert_int_equal(is->count, 6);
	assert_int_equal(is->stands_for, 53);
	assert_int_equal(is->unsaid, 1);
	assert_int_equal(refusals_sums(r).entries, 1);
	assert_int_equal(refusals_sums(r).untold, 2);
	refusals_free(r);
}

static void test_lines_that_nobody_wrote_refuse_the_whole_file(void **state)
{
	static const char *const bad[] = {
		"", /* no head */
		"sluice-state 1 9 1\n", /* another file */
		"sluice-refusals 2 9 1\n", /* another version */
		"sluice-refusals 1 9 10\n", /* since it was written */
		"sluice-refusals 1 9000000000 1\n", /* in a time that no clock shows */
		"sluice-refusals 1 9 1\nrefused 10.0.0.1 smtp denied drop 1 2 3\n", /* too short */
		"sluice-refusals 1 9 1\nrefused 10.0.0.1 smtp denied drop 1 2 3 4 5\n", /* too long */
		"sluice-refusals 1 9 1\nrefused 10.0.0.1 smtp denied drop 3 2 3 4\n", /* last before first */
		"sluice-refusals 1 9 1\nrefused 10.0.0.1 smtp denied drop 1 2 0 4\n", /* never */
		"sluice-refusals 1 9 1\nrefused 10.0.0.1 smtp denied drop 1 10000000000 3 4\n", /* after it was written */
		"sluice-refusals 1 9 1\nrefused h-a5 smtp denied drop 1 2 3 4\n", /* half a hash */
		"sluice-refusals 1 9 1\nrefused h-a5a5a5a5a5a5a5a5a5 smtp denied drop 1 2 3 4\n", /* more than one */
		"sluice-refusals 1 9 1\nrefused h--1-1-1-1-1-1-1-1 smtp denied drop 1 2 3 4\n", /* no digits */
		"sluice-refusals 1 9 1\nrefused 10.0.0.1 smtp denied drop 1 2 3 4\n"
		"refused 10.0.0.2 smtp denied drop 1 3 3 4\n", /* not the last first */
	};
	struct refusals_kept in;
	const char *why;
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		in = (struct refusals_kept){};
		text = sealed(bad[i]);
		why = NULL;
		assert_int_equal(refusals_parse(text, &in, &why), -EINVAL);
		assert_non_null(why);
		refusals_kept_free(&in);
		free(text);
	}
}

static struct history *looked(void)
{
	struct history *h = history_new();
	struct history_counts counts = { .admitted = 5, .refused = { 7 } }, grown = {};

	history_reach(h, 50000);
	assert_int_equal(history_look(h, "smtp", 3, &counts, &grown), 0);
	assert_int_equal(grown.admitted, 0);
	history_reach(h, 50000);
	counts.admitted = 9;
	assert_int_equal(history_look(h, "smtp", 8, &counts, &grown), 0);
	history_reach(h, 50002);
	counts.refused[HISTORY_LIMITS] = 2;
	counts.observed = 1;
	assert_int_equal(history_look(h, "smtp", 6, &counts, &grown), 0);
	assert_int_equal(history_sum(h, 6, &grown), 0);
	return h;
}

static void test_history_adds_up_what_counters_grow_by_and_knows_what_nobody_saw(void **state)
{
	struct history *h = looked();
	const struct history_line *smtp = history_find(h, "smtp"), *all = history_find(h, "");
	struct history_counts counts = { .admitted = 100 }, grown = {};

	(void)state;
	assert_int_equal(history_at(h, smtp, 50000)->admitted, 4);
	assert_int_equal(history_at(h, smtp, 50000)->connections, 8);
	assert_null(history_at(h, smtp, 50001));
	assert_null(history_at(h, smtp, 50003));
	assert_null(history_at(h, smtp, 50002 - HISTORY_MINUTES));
	assert_int_equal(history_at(h, smtp, 50002)->refused[HISTORY_LIMITS], 2); /* the counters began again at 0 */
	assert_int_equal(history_at(h, all, 50002)->admitted, 4);
	assert_int_equal(history_peak(h, smtp), 8);
	assert_null(history_find(h, "imap"));
	history_reach(h, 50002 + HISTORY_GAP + 1);
	assert_int_equal(history_look(h, "smtp", 1, &counts, &grown), 0);
	assert_int_equal(grown.admitted, 0); /* nobody could say in which minute */
	history_reach(h, 49999);
	assert_int_equal(h->minute, 50002 + HISTORY_GAP + 1);
	history_reach(h, 50000 + HISTORY_MINUTES);
	assert_null(history_at(h, smtp, 50000));
	assert_non_null(history_at(h, smtp, 50002));
	history_reach(h, UINT32_MAX);
	assert_int_equal(history_peak(h, smtp), 0);
	history_free(h);
}

static void test_a_minute_with_more_than_a_row_can_tell_shows_the_most_that_it_can(void **state)
{
	struct history_counts counts = {}, grown = {};
	struct history *h = history_new();

	(void)state;
	history_reach(h, 50000);
	assert_int_equal(history_look(h, "smtp", 1, &counts, &grown), 0);
	counts.admitted = UINT32_MAX - 1ULL;
	assert_int_equal(history_look(h, "smtp", 1, &counts, &grown), 0);
	counts.admitted += 3;
	assert_int_equal(history_look(h, "smtp", 1, &counts, &grown), 0);
	assert_int_equal(history_at(h, history_find(h, "smtp"), 50000)->admitted, UINT32_MAX);
	history_free(h);
}

static void test_every_reason_that_refuses_belongs_to_a_group(void **state)
{
	int why;

	(void)state;
	for (why = 0; why < SLUICE_REASONS; why++)
		assert_int_equal(history_group_of(why) != HISTORY_NONE, reason_refuses(why));
}

static void test_history_is_read_back_as_it_was(void **state)
{
	struct history *h = looked(), *again = history_new();
	char *text = NULL, *second = NULL;
	const char *why = NULL;
	uint64_t saved = 0;

	(void)state;
	assert_int_equal(history_write(h, 60 * 50002 + 7, &text), 0);
	assert_int_equal(history_parse(text, again, &saved, &why), 0);
	assert_int_equal(saved, 60 * 50002 + 7);
	assert_int_equal(again->minute, 50002);
	assert_null(history_at(again, history_find(again, "smtp"), 50001));
	assert_int_equal(history_at(again, history_find(again, "smtp"), 50000)->peak, 8);
	assert_int_equal(history_find(again, "smtp")->counts.admitted, 9);
	assert_int_equal(history_write(again, saved, &second), 0);
	assert_string_equal(text, second);
	free(text);
	free(second);
	history_free(again);
	history_free(h);
}

static void test_there_are_no_more_lines_than_a_policy_has_services(void **state)
{
	struct history_counts counts = {}, grown = {};
	struct history *h = history_new();
	char name[SLUICE_NAME_LEN];
	int i;

	(void)state;
	history_reach(h, 50000);
	assert_int_equal(history_sum(h, 1, &grown), 0);
	for (i = 0; i < 3 * HISTORY_LINES; i++) {
		if (i % 2)
			history_reach(h, 50000);
		snprintf(name, sizeof(name), "s%d", i);
		assert_int_equal(history_look(h, name, i, &counts, &grown), 0);
	}
	assert_int_equal(h->lines, HISTORY_LINES);
	assert_non_null(history_find(h, ""));
	assert_null(history_find(h, "s1"));
	assert_int_equal(history_at(h, history_find(h, "s194"), 50000)->peak, 194);
	history_free(h);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_seal_fits_only_its_own_lines),
		cmocka_unit_test(test_refusals_are_read_back_as_they_were_with_their_order),
		cmocka_unit_test(test_refusals_that_are_put_back_add_up_with_new_ones),
		cmocka_unit_test(test_lines_that_nobody_wrote_refuse_the_whole_file),
		cmocka_unit_test(test_history_adds_up_what_counters_grow_by_and_knows_what_nobody_saw),
		cmocka_unit_test(test_a_minute_with_more_than_a_row_can_tell_shows_the_most_that_it_can),
		cmocka_unit_test(test_a_file_is_as_before_until_its_size_or_its_time_changes),
		cmocka_unit_test(test_every_reason_that_refuses_belongs_to_a_group),
		cmocka_unit_test(test_history_is_read_back_as_it_was),
		cmocka_unit_test(test_there_are_no_more_lines_than_a_policy_has_services),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
