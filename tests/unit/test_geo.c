/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests databases of countries and networks: what each form means, which entry wins, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "country.h"
#include "geo_age.h"
#include "geo_diff.h"
#include "geo_read.h"

struct files {
	char path[3][40];
	size_t count;
};

/* Adds a file with this content after the earlier ones. */
static void file_add(struct files *f, const char *content)
{
	char *path = f->path[f->count++];
	int fd;

	strcpy(path, "/tmp/sluice-geo-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
}

static int files_read(struct files *f, struct geo **out, struct diag *d)
{
	const struct place at = { "sluice.conf", 3 };
	char *path[3] = { f->path[0], f->path[1], f->path[2] };
	size_t i;
	int err;

	err = geo_read(path, f->count, &at, out, d);
	for (i = 0; i < f->count; i++)
		unlink(f->path[i]);
	return err;
}

static struct geo *geo_of(const char *first, const char *second)
{
	struct files f = {};
	struct geo *g = NULL;
	struct diag d = {};

	file_add(&f, first);
	if (second)
		file_add(&f, second);
	if (files_read(&f, &g, &d))
		fail_msg("%s", diag_text(&d));
	return g;
}

static uint32_t value_of(const struct geo *g, enum sluice_geo_kind kind, const char *address)
{
	struct sluice_addr a;

	assert_int_equal(addr_parse(address, &a), 0);
	return spans_find(&g->by_kind[kind], number_of(&a));
}

static void expect_country(const struct geo *g, const char *address, const char *country)
{
	char text[3];

	assert_string_equal(country_text(value_of(g, SLUICE_GEO_COUNTRY, address), text), country);
}

static void test_a_range_is_written_in_four_forms(void **state)
{
	struct geo *g = geo_of("# a comment\n"
			       "167772160,167772415,DE\n"
			       "10.0.1.0,10.0.1.255,FR\r\n"
			       "\"10.0.2.0\",\"10.0.2.255\",\"IT\",\"Italy\"\n"
			       "10.0.3.0/24,es\n"
			       "2001:db8::,2001:db8::ffff,PT # the coast\n",
			       NULL);

	(void)state;
	expect_country(g, "9.255.255.255", "ZZ");
	expect_country(g, "10.0.0.0", "DE");
	expect_country(g, "10.0.0.255", "DE");
	expect_country(g, "10.0.1.7", "FR");
	expect_country(g, "10.0.2.7", "IT");
	expect_country(g, "10.0.3.255", "ES");
	expect_country(g, "10.0.4.0", "ZZ");
	expect_country(g, "2001:db8::ffff", "PT");
	expect_country(g, "2001:db8::1:0", "ZZ");
	assert_int_equal(g->entries[SLUICE_GEO_COUNTRY][SLUICE_IPV4], 4);
	assert_int_equal(g->entries[SLUICE_GEO_COUNTRY][SLUICE_IPV6], 1);
	geo_free(g);
}

static void test_a_range_inside_another_decides_for_its_addresses(void **state)
{
	struct geo *g =
		geo_of("10.0.0.0/8,DE\n10.1.0.0/16,FR\n10.1.2.0/24,DE\n10.255.255.255/32,IT\n9.0.0.0/8,CN\n", NULL);

	(void)state;
	expect_country(g, "9.1.1.1", "CN");
	expect_country(g, "10.0.0.0", "DE");
	expect_country(g, "10.1.0.0", "FR");
	expect_country(g, "10.1.2.3", "DE");
	expect_country(g, "10.1.3.0", "FR");
	expect_country(g, "10.2.0.0", "DE");
	expect_country(g, "10.255.255.255", "IT");
	expect_country(g, "11.0.0.0", "ZZ");
	geo_free(g);
}

static void test_the_whole_address_space_has_an_end(void **state)
{
	struct geo *g = geo_of("0.0.0.0,255.255.255.255,DE\n::/0,FR\nffff::/16,IT\n", NULL);

	(void)state;
	expect_country(g, "0.0.0.0", "DE");
	expect_country(g, "255.255.255.255", "DE");
	expect_country(g, "::", "FR");
	expect_country(g, "::1:0:0:0", "FR");
	expect_country(g, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "IT");
	geo_free(g);
}

static void test_a_range_of_ipv6_never_covers_ipv4(void **state)
{
	struct geo *g = geo_of("::/0,FR\n10.0.0.0/8,DE\n",
			       "0,340282366920938463463374607431768211455,IT\n281470849515520,281470849515775,AT\n");

	(void)state;
	expect_country(g, "9.255.255.255", "ZZ");
	expect_country(g, "10.0.0.1", "AT");
	expect_country(g, "10.0.1.1", "DE");
	expect_country(g, "255.255.255.255", "ZZ");
	expect_country(g, "::fffe:ffff:ffff", "IT");
	expect_country(g, "::1:0:0:0", "IT");
	geo_free(g);
}

static void test_a_later_database_decides_where_it_has_an_entry(void **state)
{
	struct geo *g = geo_of("10.0.0.0/8,DE\n", "10.1.0.0/16,FR\n11.0.0.0/8,IT\n10.2.0.0/16,??\n");

	(void)state;
	expect_country(g, "10.0.0.1", "DE");
	expect_country(g, "10.1.0.1", "FR");
	expect_country(g, "10.2.0.1", "DE");
	expect_country(g, "11.0.0.1", "IT");
	geo_free(g);
}

static void test_networks_have_numbers_of_32_bits(void **state)
{
	struct geo *g =
		geo_of("start,end,asn,name\n10.0.0.0,10.0.0.255,4294967295,\"last\"\n10.0.1.0,10.0.1.255,AS64496,x\n",
		       "10.0.0.0/8,DE\n");

	(void)state;
	assert_int_equal(value_of(g, SLUICE_GEO_ASN, "10.0.0.9"), 4294967295U);
	assert_int_equal(value_of(g, SLUICE_GEO_ASN, "10.0.1.9"), 64496);
	assert_int_equal(value_of(g, SLUICE_GEO_ASN, "10.0.2.9"), 0);
	expect_country(g, "10.0.2.9", "DE");
	geo_free(g);
}

static void test_a_row_that_cannot_be_read_costs_no_other_row(void **state)
{
	static const struct {
		const char *row, *says;
	} odd[] = {
		{ "10.0.0.0,10.0.0.255", "'10.0.0.0' begins a row that has too few fields" },
		{ "10.0.0.0,10.0.,FR", "'10.0.' is not an address" },
		{ "11.0.0.0,11.0.0.9,Germany", "'Germany' is not a two-letter country code" },
		{ "11.0.0.0,11.0.0.9,64496", "'64496' is not a two-letter country code" },
		{ "hello", "'hello' begins a row that has too few fields" },
		{ "10.0.0.9,10.0.0.1,FR", "'10.0.0.1' is the end of the range, but lies before its beginning" },
		{ "10.0.0.0,167772169,FR", "'167772169' is not an address" },
		{ "10.0.2.5,10.0.3.20,FR", "this range begins inside that of line 1 and ends outside" },
		{ "340282366920938463463374607431768211456,340282366920938463463374607431768211456,FR",
		  "'340282366920938463463374607431768211456' is not an address" },
	};
	char text[400], *said;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		struct files f = {};
		struct diag d = {};
		struct geo *g = NULL;

		snprintf(text, sizeof(text), "10.0.2.0,10.0.2.255,DE\n%s\n12.0.0.0,12.0.0.9,IT\n", odd[i].row);
		file_add(&f, text);
		assert_int_equal(files_read(&f, &g, &d), 0);
		said = diag_text(&d);
		if (!strstr(said, odd[i].says) || !strstr(said, ":2: ") || !strstr(said, "1 of 3 rows cannot be read"))
			fail_msg("expected '%s', got: %s", odd[i].says, said);
		assert_int_equal(g->file[0].skipped, 1);
		expect_country(g, "10.0.2.9", "DE");
		expect_country(g, "12.0.0.9", "IT");
		expect_country(g, "11.0.0.1", "ZZ");
		geo_free(g);
		diag_free(&d);
		free(said);
	}
}

static void test_only_the_first_ten_odd_rows_are_named(void **state)
{
	struct files f = {};
	struct diag d = {};
	struct geo *g = NULL;
	char text[8000] = "";
	int i;

	(void)state;
	for (i = 0; i < 100; i++)
		sprintf(text + strlen(text), "10.0.%d.0,10.0.%d.255,%s\n", i, i, i % 4 ? "DE" : "Q");
	file_add(&f, text);
	assert_int_equal(files_read(&f, &g, &d), 0);
	assert_int_equal(d.count, 11);
	assert_non_null(strstr(d.item[10].text, "25 of 100 rows"));
	geo_free(g);
	diag_free(&d);
}

static void test_ranges_may_lie_in_each_other_256_deep(void **state)
{
	struct files f = {};
	struct diag d = {};
	struct geo *g = NULL;
	char text[32 * 400] = "";
	int i;

	(void)state;
	for (i = 0; i < 300; i++)
		sprintf(text + strlen(text), "10.0.%d.%d,10.0.9.255,%s\n", i / 256, i % 256, i % 2 ? "DE" : "FR");
	file_add(&f, text);
	assert_int_equal(files_read(&f, &g, &d), 0);
	assert_int_equal(g->file[0].skipped, 300 - 256);
	expect_country(g, "10.0.0.254", "FR");
	expect_country(g, "10.0.9.255", "DE");
	expect_country(g, "10.0.10.0", "ZZ");
	geo_free(g);
	diag_free(&d);
}

static void test_numbers_mean_ipv4_unless_the_file_has_greater_ones(void **state)
{
	struct geo *g = geo_of("167772160,167772415,DE\n", "167772160,167772415,FR\n4294967296,4294967297,IT\n");

	(void)state;
	expect_country(g, "10.0.0.1", "DE");
	expect_country(g, "::a00:1", "FR");
	expect_country(g, "::1:0:1", "IT");
	geo_free(g);
}

static void test_a_file_may_have_countries_and_networks(void **state)
{
	struct geo *g =
		geo_of("network,asn,country_code\n10.0.0.0/8,AS64496,DE\n10.1.0.0/16,,FR\n10.2.0.0/16,64497,\n", NULL);

	(void)state;
	expect_country(g, "10.0.0.1", "DE");
	expect_country(g, "10.1.0.1", "FR");
	expect_country(g, "10.2.0.1", "DE");
	assert_int_equal(value_of(g, SLUICE_GEO_ASN, "10.1.0.1"), 64496);
	assert_int_equal(value_of(g, SLUICE_GEO_ASN, "10.2.0.1"), 64497);
	assert_int_equal(g->file[0].entries[SLUICE_GEO_COUNTRY][SLUICE_IPV4], 3);
	assert_int_equal(g->file[0].entries[SLUICE_GEO_ASN][SLUICE_IPV4], 3);
	geo_free(g);
}

static void test_bad_databases_are_refused_with_file_line_and_reason(void **state)
{
	static const struct {
		const char *content, *says;
	} bad[] = {
		{ "", "is empty: fetch it again" },
		{ "# nothing\n\n", "is empty: fetch it again" },
		{ "10.0.0.0/8,??\n", "names no country and no network" },
		{ "hello\n", "has an unknown layout" },
		{ "10.0.0.0/33,DE\n", "has an unknown layout" },
		{ "10.0.0.0/8,DE\n10.0.0.0/9,Q\n10.128.0.0/9,Q\n", "more bad rows than good ones" },
		{ "10.0.0.0/8,DE\n11.0.0.0/8,D", ":2: 'D' is not a two-letter country code" },
		{ "10.0.0.0/8,DE\n11.0.0.0/8,D", "ends in the middle of a row" },
		{ "10.0.0.0/8,DE\n\001\002\003\n", ":2:1: binary data" },
	};
	struct geo *g = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct files f = {};
		struct diag d = {};
		char *said;

		file_add(&f, bad[i].content);
		assert_int_equal(files_read(&f, &g, &d), -22);
		assert_null(g);
		said = diag_text(&d);
		if (!strstr(said, bad[i].says) || !strstr(said, f.path[0]))
			fail_msg("expected '%s', got: %s", bad[i].says, said);
		free(said);
		diag_free(&d);
	}
}

static void test_a_new_database_has_at_least_half_of_the_entries(void **state)
{
	const uint32_t now[SLUICE_GEO_KINDS][SLUICE_FAMILIES] = { { 1001, 500 }, { 0, 0 } };
	const uint32_t good[][SLUICE_GEO_KINDS][SLUICE_FAMILIES] = { { { 501, 250 }, { 0, 0 } },
								     { { 5000, 5000 }, { 7, 7 } },
								     { { 0, 0 }, { 7, 7 } } };
	const uint32_t bad[][SLUICE_GEO_KINDS][SLUICE_FAMILIES] = { { { 500, 500 }, { 0, 0 } },
								    { { 1001, 0 }, { 0, 0 } },
								    { { 1001, 249 }, { 9, 9 } } };
	struct diag d = {};
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_int_equal(geo_check(now, good[i], &d), 0);
		assert_int_equal(d.count, 0);
		assert_int_equal(geo_check(now, bad[i], &d), -22);
		assert_int_equal(d.count, 1);
		diag_free(&d);
	}
}

static void test_every_pair_of_letters_is_a_number_and_comes_back(void **state)
{
	char text[3] = "", back[3];
	uint16_t number;

	(void)state;
	for (text[0] = 'A'; text[0] <= 'Z'; text[0]++) {
		for (text[1] = 'A'; text[1] <= 'Z'; text[1]++) {
			assert_int_equal(country_parse(text, &number), 0);
			assert_in_range(number, 0, SLUICE_COUNTRIES - 1);
			assert_string_equal(country_text(number, back), text);
		}
	}
	assert_int_equal(country_parse("D", &number), -22);
	assert_int_equal(country_parse("DEU", &number), -22);
	assert_int_equal(country_parse("D1", &number), -22);
	assert_true(country_exists(0));
	assert_int_equal(country_parse("UK", &number), 0);
	assert_false(country_exists(number));
}

static void test_every_country_is_on_one_continent(void **state)
{
	static const char *const continents[] = { "africa",	   "ANTARCTICA", "Asia",	 "EUROPE",
						  "NORTH-AMERICA", "OCEANIA",	 "SOUTH-AMERICA" };
	struct countries all = {}, one;
	unsigned int sum = 0;
	char text[3];
	uint16_t i;

	(void)state;
	for (i = 0; i < 7; i++) {
		one = (struct countries){};
		assert_int_equal(countries_add_group(&one, continents[i]), 0);
		assert_int_equal(countries_add_group(&all, continents[i]), 0);
		sum += one.count;
	}
	assert_int_equal(sum, all.count);
	for (i = 1; i < SLUICE_COUNTRIES; i++) {
		if (country_exists(i) != countries_have(&all, i))
			fail_msg("%s", country_text(i, text));
	}
}

static void test_each_group_of_states_has_its_members(void **state)
{
	static const struct {
		const char *name, *in, *out;
		unsigned int count;
	} groups[] = { { "EU27", "IE", "GB", 27 }, { "EEA", "NO", "CH", 30 }, { "EFTA", "CH", "DE", 4 } };
	struct countries c;
	uint16_t in, out;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		c = (struct countries){};
		assert_int_equal(countries_add_group(&c, groups[i].name), 0);
		country_parse(groups[i].in, &in);
		country_parse(groups[i].out, &out);
		assert_int_equal(c.count, groups[i].count);
		assert_true(countries_have(&c, in) && !countries_have(&c, out) && !countries_name(&c, in));
	}
	assert_int_equal(countries_add_group(&c, "EU"), -2);
}

static const struct geo_change *change_of(const struct geo_change *changes, int count, const char *country)
{
	uint16_t number;
	int i;

	country_parse(country, &number);
	for (i = 0; i < count && changes[i].country != number; i++)
		;
	assert_in_range(i, 0, count - 1);
	return &changes[i];
}

static void test_an_update_lists_its_changes_by_country_with_the_largest_first(void **state)
{
	struct geo *now = geo_of("10.0.0.0/24,DE\n10.0.1.0/24,FR\n2001:db8::/48,DE\n2001:db8:1::/64,IT\n", NULL);
	struct geo *next = geo_of("10.0.0.0/25,DE\n10.0.0.128/25,FR\n2001:db8::/48,AT\n2001:db8:1::/64,IT\n", NULL);
	struct geo_change changes[SLUICE_COUNTRIES];
	int count = geo_diff(now, next, changes);

	(void)state;
	assert_int_equal(count, 4); /* FR, ZZ, DE, AT */
	assert_int_equal(change_of(changes, count, "FR")->gained[SLUICE_IPV4], 128);
	assert_int_equal(change_of(changes, count, "FR")->lost[SLUICE_IPV4], 256);
	assert_ptr_equal(change_of(changes, count, "FR"), &changes[0]);
	assert_int_equal(change_of(changes, count, "ZZ")->gained[SLUICE_IPV4], 256);
	assert_int_equal(change_of(changes, count, "DE")->lost[SLUICE_IPV6], 65536);
	assert_int_equal(change_of(changes, count, "AT")->gained[SLUICE_IPV6], 65536);
	assert_int_equal(geo_diff(now, now, changes), 0);
	assert_int_equal(geo_diff(NULL, now, changes), 4);
	geo_free(now);
	geo_free(next);
}

static void test_the_age_at_which_a_database_is_old_depends_on_how_often_its_kind_is_published(void **state)
{
	static const struct {
		const char *name;
		unsigned int days;
	} kinds[] = { { "/var/lib/GeoIP/GeoLite2-Country.mmdb", 21 },
		      { "DBIP-Country-Lite", 45 },
		      { "/usr/share/tor/geoip6", 365 },
		      { "IP2LOCATION-LITE-DB1.CSV", 45 },
		      { "/srv/ipinfo_lite.csv.gz", 7 },
		      { "delegated-ripencc-extended-latest", 7 },
		      { "ip2asn-combined.tsv.gz", 7 },
		      { "mine.csv", 45 } };
	struct geo_file f = { .built = 1000 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		f.pace = geo_pace_of(kinds[i].name);
		assert_int_equal(f.pace->days, kinds[i].days);
		assert_false(geo_file_is_old(&f, 1000 + kinds[i].days * 86400));
		assert_true(geo_file_is_old(&f, 1001 + kinds[i].days * 86400));
		assert_false(geo_file_is_old(&f, 0)); /* the clock is wrong */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_range_is_written_in_four_forms),
		cmocka_unit_test(test_a_range_inside_another_decides_for_its_addresses),
		cmocka_unit_test(test_the_whole_address_space_has_an_end),
		cmocka_unit_test(test_a_range_of_ipv6_never_covers_ipv4),
		cmocka_unit_test(test_a_later_database_decides_where_it_has_an_entry),
		cmocka_unit_test(test_networks_have_numbers_of_32_bits),
		cmocka_unit_test(test_a_row_that_cannot_be_read_costs_no_other_row),
		cmocka_unit_test(test_only_the_first_ten_odd_rows_are_named),
		cmocka_unit_test(test_ranges_may_lie_in_each_other_256_deep),
		cmocka_unit_test(test_numbers_mean_ipv4_unless_the_file_has_greater_ones),
		cmocka_unit_test(test_a_file_may_have_countries_and_networks),
		cmocka_unit_test(test_bad_databases_are_refused_with_file_line_and_reason),
		cmocka_unit_test(test_a_new_database_has_at_least_half_of_the_entries),
		cmocka_unit_test(test_every_country_is_on_one_continent),
		cmocka_unit_test(test_each_group_of_states_has_its_members),
		cmocka_unit_test(test_an_update_lists_its_changes_by_country_with_the_largest_first),
		cmocka_unit_test(test_the_age_at_which_a_database_is_old_depends_on_how_often_its_kind_is_published),
		cmocka_unit_test(test_every_pair_of_letters_is_a_number_and_comes_back),
	};

	return cmocka_run_group_tests_name("geo", tests, NULL, NULL);
}
