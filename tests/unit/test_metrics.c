/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests how figures become text, and which client gets which text. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "metrics.h"
#include "plain.h"
#include "reason.h"

static struct sluice_stat smtp_stats[SLUICE_REASONS] = {
	[SLUICE_ADMITTED] = { 10, 7, 0 },
	[SLUICE_ALLOWED] = { 5, 2, 0 },
	[SLUICE_OBSERVE] = { 1, 1, 0 },
	[SLUICE_BANNED] = { 4, 3, 0 },
	[SLUICE_SERVICE_RATE] = { 18446744073709551615ULL, 6, 9 },
};
static struct sluice_stat no_stats[SLUICE_REASONS];
static const struct metrics_country countries[] = { { "DE", 3, 7 }, { "FR", 0, 5 }, { "ZZ", 1, 0 } };
static const struct metrics_service services[] = {
	{ .name = "-", .other = true, .pressure = -1, .stats = no_stats },
	{ .name = "smtp",
	  .connections = 12,
	  .limit = 4000,
	  .pressure = 1,
	  .stats = smtp_stats,
	  .countries = countries,
	  .countries_count = 3 },
	{ .name = "odd\"\\\nname", .connections = 1, .pressure = -1, .stats = no_stats },
};
static const struct metrics_interface interfaces[] = { { "eth0", "native" },
						       { "eth1", "detached" },
						       { "\xff\xc3\xa4\xc3", "native" } };
static const struct metrics_list lists[] = {
	{ .set = "drop", .key = "file", .entries = 9, .skipped = 2, .age = 60, .known = true },
	{ .set = "old", .key = "asns-file", .entries = 7, .age = 99, .known = true, .last_good = true },
	{ .set = "none", .key = "file" },
};
static const struct metrics_map maps[] = { { "sources", 17, 1000000 } };
static const struct metrics_database databases[] = { { "/usr/share/tor/geoip", 1700000000, 31536000, 0, false },
						     { "/srv/dbip.mmdb", 1700000001, 3888000, 7, true } };
static const struct metrics_owner owners[] = { { "fail2ban:sshd", 12 }, { "(others)", 3 } };
static struct metrics figures = {
	.version = "1.2.3",
	.generation = 4,
	.applied_at = 1700000000,
	.drift = -1,
	.sources_tracked = 17,
	.services = services,
	.services_count = 3,
	.interfaces = interfaces,
	.interfaces_count = 3,
	.databases = databases,
	.databases_count = 2,
	.lists = lists,
	.lists_count = 3,
	.maps = maps,
	.maps_count = 1,
	.owners = owners,
	.owners_count = 2,
};

static char *text_of(enum metrics_format format)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(metrics_write(&figures, format, out), 0);
	fclose(out);
	return text;
}

static void has(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	if (!at || (at != text && at[-1] != '\n') || at[strlen(line)] != '\n')
		fail_msg("no line '%s' in\n%s", line, text);
}

static void has_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' in\n%s", part, text);
}

static void test_every_figure_becomes_a_sample(void **state)
{
	char *text = text_of(METRICS_TEXT);

	(void)state;
	has(text, "# TYPE sluice_packets_total counter");
	has(text, "sluice_packets_total{service=\"smtp\",reason=\"admitted\"} 10");
	has(text, "sluice_packets_total{service=\"smtp\",reason=\"service-rate\"} 18446744073709551615");
	has(text, "sluice_packets_total{service=\"-\",reason=\"not-protected\"} 0");
	has(text, "sluice_connections{service=\"smtp\"} 12");
	has(text, "sluice_connections_limit{service=\"smtp\"} 4000");
	has(text, "sluice_connections_admitted_total{service=\"smtp\"} 10");
	has(text, "sluice_connections_refused_total{service=\"smtp\",reason=\"banned\"} 3");
	has(text, "sluice_connections_observed_total{service=\"smtp\",reason=\"service-rate\"} 9");
	has(text, "sluice_country_refused_total{service=\"smtp\",country=\"ZZ\"} 1");
	has(text, "sluice_country_admitted_total{service=\"smtp\",country=\"DE\"} 7");
	has(text, "sluice_country_admitted_total{service=\"smtp\",country=\"FR\"} 5");
	has(text, "sluice_under_pressure{service=\"smtp\"} 1");
	has(text, "sluice_map_entries{map=\"sources\"} 17");
	has(text, "sluice_map_capacity{map=\"sources\"} 1000000");
	has(text, "sluice_bans{owner=\"fail2ban:sshd\"} 12");
	has(text, "sluice_bans{owner=\"(others)\"} 3");
	has(text, "sluice_interface_attached{interface=\"eth0\"} 1");
	has(text, "sluice_interface_attached{interface=\"eth1\"} 0");
	has(text, "sluice_policy_last_reload_successful 1");
	has(text, "sluice_policy_last_reload_success_timestamp_seconds 1700000000");
	has(text, "sluice_geoip_database_build_timestamp_seconds{database=\"/srv/dbip.mmdb\"} 1700000001");
	has(text, "sluice_geoip_database_old_after_seconds{database=\"/usr/share/tor/geoip\"} 31536000");
	has(text, "sluice_geoip_database_skipped_rows{database=\"/srv/dbip.mmdb\"} 7");
	has(text, "sluice_geoip_database_kept{database=\"/srv/dbip.mmdb\"} 1");
	has(text, "sluice_geoip_database_kept{database=\"/usr/share/tor/geoip\"} 0");
	has(text, "sluice_list_entries{list=\"drop\",key=\"file\"} 9");
	has(text, "sluice_list_skipped_lines{list=\"drop\",key=\"file\"} 2");
	has(text, "sluice_list_age_seconds{list=\"old\",key=\"asns-file\"} 99");
	has(text, "sluice_list_used{list=\"drop\",key=\"file\"} 1");
	has(text, "sluice_list_used{list=\"old\",key=\"asns-file\"} 0");
	has(text, "sluice_build_info{version=\"1.2.3\"} 1");
	free(text);
}

static void test_what_is_not_known_has_no_sample(void **state)
{
	char *text = text_of(METRICS_TEXT);

	(void)state;
	has_not(text, "sluice_connections_limit{service=\"odd");
	has_not(text, "sluice_under_pressure{service=\"odd");
	has_not(text, "\nsluice_accounting_drift");
	has_not(text, "sluice_list_age_seconds{list=\"none\"");
	has_not(text, "\nsluice_geoip_build_timestamp_seconds");
	has_not(text, "sluice_connections{service=\"-\"}");
	has_not(text, "refused_total{service=\"-\"");
	has_not(text, "sluice_country_refused_total{service=\"smtp\",country=\"FR\"}");
	has_not(text, "sluice_country_admitted_total{service=\"smtp\",country=\"ZZ\"}");
	free(text);
}

static void test_label_values_are_escaped(void **state)
{
	char *text = text_of(METRICS_TEXT);

	(void)state;
	has(text, "sluice_connections{service=\"odd\\\"\\\\\\nname\"} 1");
	free(text);
}

static void test_label_values_are_utf8_whatever_a_file_or_interface_is_called(void **state)
{
	char *text = text_of(METRICS_TEXT);

	(void)state;
	has(text, "sluice_interface_attached{interface=\"?\xc3\xa4?\"} 1");
	assert_true(utf8_is_good(text));
	free(text);
}

static void test_every_reason_of_the_list_is_a_label(void **state)
{
	char *text = text_of(METRICS_TEXT), line[128];
	int why;

	(void)state;
	for (why = 0; why < SLUICE_REASONS; why++) {
		snprintf(line, sizeof(line), "sluice_packets_total{service=\"smtp\",reason=\"%s\"} ",
			 reason_label(why));
		assert_non_null(strstr(text, line));
		assert_int_equal(reason_find(reason_label(why)), why);
	}
	assert_int_equal(reason_find("no such reason"), -1);
	free(text);
}

static void test_openmetrics_names_families_without_total_and_ends(void **state)
{
	char *text = text_of(METRICS_OPENMETRICS);

	(void)state;
	has(text, "# TYPE sluice_packets counter");
	has(text, "sluice_packets_total{service=\"smtp\",reason=\"admitted\"} 10");
	has(text, "# TYPE sluice_sources_tracked gauge");
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	free(text);
}

static void test_accept_decides_the_format(void **state)
{
	static const struct {
		const char *accept;
		enum metrics_format format;
	} cases[] = {
		{ NULL, METRICS_TEXT },
		{ "", METRICS_TEXT },
		{ "*/*", METRICS_TEXT },
		{ "text/html,application/xhtml+xml,*/*;q=0.8", METRICS_TEXT },
		{ "application/openmetrics-text", METRICS_OPENMETRICS },
		{ "application/openmetrics-text; version=1.0.0, text/plain;q=0.5", METRICS_OPENMETRICS },
		{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
		  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		  METRICS_OPENMETRICS }, /* Prometheus 2 */
		{ "text/plain, application/openmetrics-text;q=0.5", METRICS_TEXT },
		{ "application/openmetrics-text;q=0", METRICS_TEXT },
		{ ",,;;q=,", METRICS_TEXT },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(metrics_format_of(cases[i].accept), cases[i].format);
}

static void test_a_full_disk_is_reported(void **state)
{
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(out);
	assert_int_not_equal(metrics_write(&figures, METRICS_TEXT, out), 0);
	fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_figure_becomes_a_sample),
		cmocka_unit_test(test_what_is_not_known_has_no_sample),
		cmocka_unit_test(test_label_values_are_escaped),
		cmocka_unit_test(test_label_values_are_utf8_whatever_a_file_or_interface_is_called),
		cmocka_unit_test(test_every_reason_of_the_list_is_a_label),
		cmocka_unit_test(test_openmetrics_names_families_without_total_and_ends),
		cmocka_unit_test(test_accept_decides_the_format),
		cmocka_unit_test(test_a_full_disk_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
