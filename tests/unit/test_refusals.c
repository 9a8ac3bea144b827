/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests the memory of refusals: what it adds up, and what it forgets when it is full. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "refusals.h"

static struct refusal one(uint32_t source, enum sluice_reason why, uint64_t when)
{
	struct refusal r = { .source = { { { 0, 0, htonl(0xffff), htonl(source) } }, 128 },
			     .service = "smtp",
			     .reason = why,
			     .verdict = SLUICE_VERDICT_DROP,
			     .last_ns = when,
			     .stands_for = 1 };

	return r;
}

static void note(struct refusals *r, uint32_t source, enum sluice_reason why, uint64_t when)
{
	const struct refusal is = one(source, why, when);

	refusals_note(r, &is);
}

static size_t count_of(struct refusals *r, enum sluice_reason why)
{
	const struct refusal *is = NULL;
	size_t n = 0;

	while ((is = refusals_next(r, why, is)))
		n++;
	return n;
}

static void test_refusals_of_one_source_service_and_reason_add_up(void **state)
{
	struct refusals *r = refusals_new(8);
	struct refusal is = one(7, SLUICE_DENIED, 100);
	const struct refusal *got;

	(void)state;
	refusals_note(r, &is);
	is.last_ns = 300;
	is.stands_for = 40;
	is.verdict = SLUICE_VERDICT_RESET;
	refusals_note(r, &is);
	strcpy(is.service, "imap");
	refusals_note(r, &is);
	note(r, 7, SLUICE_BANNED, 100);
	got = refusals_next(r, SLUICE_DENIED, NULL);
	assert_string_equal(got->service, "imap");
	got = refusals_next(r, SLUICE_DENIED, got);
	assert_int_equal(got->first_ns, 100);
	assert_int_equal(got->last_ns, 300);
	assert_int_equal(got->count, 2);
	assert_int_equal(got->stands_for, 41);
	assert_int_equal(got->verdict, SLUICE_VERDICT_RESET);
	assert_null(refusals_next(r, SLUICE_DENIED, got));
	assert_int_equal(refusals_sums(r).entries, 3);
	assert_int_equal(refusals_sums(r).untold, 78);
	refusals_free(r);
}

/* Else a trial of the limits would hide what observe mode has found, and observe mode what was really refused. */
static void test_what_was_only_observed_is_remembered_apart_from_what_was_refused(void **state)
{
	struct refusals *r = refusals_new(8);
	struct refusal is = one(7, SLUICE_DENIED, 100);
	const struct refusal *got;

	(void)state;
	is.verdict = SLUICE_VERDICT_PASS;
	refusals_note(r, &is);
	refusals_note(r, &is);
	note(r, 7, SLUICE_DENIED, 200);
	refusals_note(r, &is);
	got = refusals_next(r, SLUICE_DENIED, NULL);
	assert_int_equal(got->verdict, SLUICE_VERDICT_PASS);
	assert_int_equal(got->count, 3);
	got = refusals_next(r, SLUICE_DENIED, got);
	assert_int_equal(got->verdict, SLUICE_VERDICT_DROP);
	assert_int_equal(got->count, 1);
	assert_null(refusals_next(r, SLUICE_DENIED, got));
	refusals_free(r);
}

static void test_a_full_memory_forgets_the_oldest_entry_of_the_commonest_reason(void **state)
{
	struct refusals *r = refusals_new(10);
	uint32_t i;

	(void)state;
	note(r, 1, SLUICE_BANNED, 1);
	note(r, 2, SLUICE_BANNED, 2);
	for (i = 0; i < 1000; i++)
		note(r, 1000 + i, SLUICE_SYN_RATE, 10 + i);
	assert_int_equal(count_of(r, SLUICE_BANNED), 2);
	assert_int_equal(count_of(r, SLUICE_SYN_RATE), 8);
	assert_int_equal(ntohl(refusals_next(r, SLUICE_SYN_RATE, NULL)->source.addr.word[3]), 1999);
	assert_int_equal(refusals_sums(r).entries, 10);
	assert_int_equal(refusals_sums(r).forgotten, 992);
	refusals_free(r);
}

static void test_an_entry_that_is_seen_again_is_not_the_oldest(void **state)
{
	struct refusals *r = refusals_new(3);

	(void)state;
	note(r, 1, SLUICE_DENIED, 1);
	note(r, 2, SLUICE_DENIED, 2);
	note(r, 3, SLUICE_DENIED, 3);
	note(r, 1, SLUICE_DENIED, 4);
	note(r, 4, SLUICE_DENIED, 5);
	assert_int_equal(count_of(r, SLUICE_DENIED), 3);
	refusals_expire(r, 4);
	assert_int_equal(count_of(r, SLUICE_DENIED), 2); /* 1 and 4 */
	refusals_expire(r, 5);
	assert_int_equal(ntohl(refusals_next(r, SLUICE_DENIED, NULL)->source.addr.word[3]), 4);
	refusals_clear(r);
	assert_int_equal(refusals_sums(r).entries, 0);
	assert_int_equal(refusals_sums(r).forgotten, 1); /* an entry that has expired does not count as forgotten */
	refusals_free(r);
}

/* Compares 20,000 steps in a memory of 50 entries with an array. */
static void test_random_steps_leave_what_a_plain_list_has(void **state)
{
	static const enum sluice_reason whys[] = { SLUICE_DENIED, SLUICE_BANNED, SLUICE_SOURCE_RATE };
	struct refusals *r = refusals_new(50);
	uint64_t last[3][40] = {};
	size_t want[3], n = 0;
	unsigned int i, k, w;
	struct refusal *is;

	(void)state;
	srand(17);
	for (i = 1; i <= 20000; i++) {
		w = rand() % 3;
		k = rand() % 16;
		if (rand() % 9) {
			note(r, k, whys[w], i);
			last[w][k] = i;
		} else if ((is = refusals_next(r, whys[w], NULL))) {
			last[w][ntohl(is->source.addr.word[3])] = 0;
			refusals_remove(r, is);
		}
	}
	for (w = 0; w < 3; w++) {
		for (k = 0, want[w] = 0; k < 16; k++)
			want[w] += last[w][k] != 0;
		assert_int_equal(count_of(r, whys[w]), want[w]);
		for (is = NULL; (is = refusals_next(r, whys[w], is)); n++)
			assert_int_equal(is->last_ns, last[w][ntohl(is->source.addr.word[3])]);
	}
	assert_int_equal(refusals_sums(r).entries, n);
	refusals_free(r);
}

static void test_a_million_sources_fill_the_memory_and_no_more(void **state)
{
	struct refusals *r = refusals_new(REFUSALS_MOST);
	uint32_t i;

	(void)state;
	note(r, 1, SLUICE_SOURCE_CONNECTIONS, 1);
	for (i = 0; i < 1000000; i++)
		note(r, i, SLUICE_DENIED, 2 + i);
	assert_int_equal(refusals_sums(r).entries, REFUSALS_MOST);
	assert_int_equal(refusals_sums(r).forgotten, 1000001 - REFUSALS_MOST);
	assert_int_equal(count_of(r, SLUICE_SOURCE_CONNECTIONS), 1);
	refusals_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals_of_one_source_service_and_reason_add_up),
		cmocka_unit_test(test_what_was_only_observed_is_remembered_apart_from_what_was_refused),
		cmocka_unit_test(test_a_full_memory_forgets_the_oldest_entry_of_the_commonest_reason),
		cmocka_unit_test(test_an_entry_that_is_seen_again_is_not_the_oldest),
		cmocka_unit_test(test_a_million_sources_fill_the_memory_and_no_more),
		cmocka_unit_test(test_random_steps_leave_what_a_plain_list_has),
	};

	return cmocka_run_group_tests_name("refusals", tests, NULL, NULL);
}
