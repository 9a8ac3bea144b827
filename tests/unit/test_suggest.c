/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests which limits are suggested for given buckets of peaks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "suggest.h"

static void test_limit_refuses_all_that_peaked_above_it(void **state)
{
	/* 900 sources peaked at 1, 95 at 2, 4 at 3 or 4, and one between 513 and 1024 */
	uint32_t histogram[SLUICE_PEAKS] = { 900, 95, 4, [10] = 1 };
	struct suggestion s;

	(void)state;
	suggest_from(histogram, &s);
	assert_int_equal(s.sources, 1000);
	assert_int_equal(s.refused[0], 100);
	assert_int_equal(s.refused[1], 5);
	assert_int_equal(s.refused[2], 1);
	assert_int_equal(s.refused[9], 1);
	assert_int_equal(s.refused[10], 0);
	assert_int_equal(s.highest, 10);
	assert_int_equal(s.limit, 4); /* one source in a thousand does not decide */
	histogram[0]--;
	suggest_from(histogram, &s);
	assert_int_equal(s.limit, 1024);
}

static char *written(const struct sluice_service *s, const struct sluice_peaks *peaks)
{
	struct proposal p;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	suggest_service(s, peaks, &p);
	suggest_write(s->name, &p, out);
	fclose(out);
	return text;
}

static void suggests(const struct sluice_service *s, const struct sluice_peaks *peaks, const char *want)
{
	char *text = written(s, peaks);

	assert_string_equal(text, want);
	free(text);
}

static const struct sluice_service smtp = { .name = "smtp", .ports = { 25 }, .ports_count = 1 };
static const struct sluice_service imap = { .name = "imap", .ports = { 40, 993 }, .ports_count = 2 };

static void test_too_few_suggest_nothing(void **state)
{
	struct sluice_peaks peaks = { .width_ns = 3000000000, .total_width_ns = 3000000000, .connections = 60 };

	(void)state;
	suggests(&smtp, &peaks, "");
	peaks.source_connections[0] = peaks.source_rate[0] = SUGGEST_LEAST - 1;
	suggests(&smtp, &peaks, "");
	suggests(&imap, &peaks, "");
}

static void test_a_suggestion_has_the_keys_of_a_section(void **state)
{
	struct sluice_peaks peaks = {
		.width_ns = 3000000000, .total_width_ns = 3000000000, .connections = 60, .rate = 90
	};

	(void)state;
	peaks.source_connections[3] = SUGGEST_LEAST;
	peaks.source_rate[4] = SUGGEST_LEAST;
	suggests(&smtp, &peaks,
		 "service smtp {\n    max-connections = 120\n    max-connections-per-source = 8\n"
		 "    max-rate = 180/1m\n    max-rate-per-source = 16/1m\n}\n");
	peaks.source_rate[4] = 5;
	suggests(&smtp, &peaks, "service smtp {\n    max-connections = 120\n    max-connections-per-source = 8\n}\n");
	peaks.connections = 1;
	suggests(&smtp, &peaks, "service smtp {\n    max-connections = 16\n    max-connections-per-source = 8\n}\n");
}

static void test_mail_programs_have_a_floor(void **state)
{
	struct sluice_peaks peaks = {
		.width_ns = 3000000000, .total_width_ns = 3000000000, .connections = 60, .rate = 90
	};

	(void)state;
	peaks.source_connections[2] = peaks.source_rate[2] = SUGGEST_LEAST;
	suggests(&imap, &peaks,
		 "service imap {\n    max-connections = 128\n    max-connections-per-source = 64\n"
		 "    max-rate = 180/1m\n    max-rate-per-source = 64/1m\n}\n");
	peaks.source_connections[8] = 1;
	suggests(&imap, &peaks,
		 "service imap {\n    max-connections = 512\n    max-connections-per-source = 256\n"
		 "    max-rate = 180/1m\n    max-rate-per-source = 64/1m\n}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit_refuses_all_that_peaked_above_it),
		cmocka_unit_test(test_too_few_suggest_nothing),
		cmocka_unit_test(test_a_suggestion_has_the_keys_of_a_section),
		cmocka_unit_test(test_mail_programs_have_a_floor),
	};

	return cmocka_run_group_tests_name("suggest", tests, NULL, NULL);
}
