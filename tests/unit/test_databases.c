/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests that each vendor's layout is read correctly, from a file with the vendor's own name (tests/databases), and that a file that is no
 * database is refused.
 */
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
#include "geo_read.h"

#define NOBODY 0

static const struct {
	const char *file, *address, *country; /* ZZ: in no database */
	uint32_t asn;
	uint32_t skipped; /* rows of the whole file */
} cases[] = {
	{ "one-bad-row.csv", "192.0.2.9", "DE", NOBODY, 1 },
	{ "one-bad-row.csv", "198.51.100.9", "CN", NOBODY, 1 },
	{ "one-bad-row.csv", "2001:db8:cfe::", "ZZ", NOBODY, 1 },
	{ "IP2LOCATION-LITE-DB1.IPV6.CSV", "192.0.2.0", "DE" },
	{ "IP2LOCATION-LITE-DB1.IPV6.CSV", "192.0.2.255", "DE" },
	{ "IP2LOCATION-LITE-DB1.IPV6.CSV", "192.0.3.0", "ZZ" },
	{ "IP2LOCATION-LITE-DB1.IPV6.CSV", "192.0.1.255", "ZZ" },
	{ "IP2LOCATION-LITE-DB1.IPV6.CSV", "2001:db8::", "DE" },
	{ "IP2LOCATION-LITE-DB1.IPV6.CSV", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "DE" },
	{ "IP2LOCATION-LITE-DB1.IPV6.CSV", "::1", "ZZ" },
	{ "ipinfo_lite.csv", "192.0.2.1", "DE", 64496 },
	{ "ip2asn-v4.tsv", "192.0.2.1", "DE", 64496 },
	{ "ip2asn-v4.tsv.gz", "192.0.2.1", "DE", 64496 },
	{ "ip2asn-v4-u32.tsv", "192.0.2.255", "DE", 64496 },
	{ "ip2asn-v4-u32.tsv", "198.51.100.0", "ZZ", NOBODY },
	{ "delegated-ripencc-extended-latest", "192.0.2.255", "DE" },
	{ "delegated-ripencc-extended-latest", "192.0.3.0", "ZZ" },
	{ "delegated-ripencc-extended-latest", "198.51.100.1", "EU" },
	{ "delegated-ripencc-extended-latest", "2001:db8:ffff::", "DE" },
	{ "GeoLite2-Country-Blocks-IPv4.csv", "192.0.2.1", "DE", NOBODY, 1 },
	{ "GeoLite2-Country-Blocks-IPv4.csv", "192.0.2.129", "BQ", NOBODY, 1 },
	{ "GeoLite2-Country-Blocks-IPv4.csv", "198.51.100.1", "ZZ", NOBODY, 1 },
	{ "GeoLite2-Country-Blocks-IPv4.csv", "198.51.100.129", "ZZ", NOBODY, 1 },
	{ "GeoLite2-Country-Blocks-IPv4.csv", "203.0.113.1", "ZZ", NOBODY, 1 },
	{ "GeoLite2-City-Blocks-IPv6.csv", "2001:db8::1", "DE" },
	{ "GeoLite2-ASN-Blocks-IPv4.csv", "192.0.2.1", "ZZ", 64496 },
	{ "dbip-country-lite.csv", "192.0.2.1", "AF" },
	{ "dbip-country-lite.csv", "198.51.100.1", "ZZ" },
	{ "dbip-country-lite.csv", "2001:db8::1", "NA" },
	{ "dbip-city-lite.csv", "192.0.2.1", "DE" },
	{ "dbip-city-lite.csv", "198.51.100.1", "US" },
	{ "dbip-city-lite.csv", "203.0.113.1", "ZZ" },
	{ "dbip-city-lite.csv", "2001:db8::1", "NA" },
	{ "dbip-asn-lite.csv", "192.0.2.1", "ZZ", 64496 },
	{ "dbip-asn-lite.csv", "198.51.100.1", "ZZ", 64497 },
	{ "dbip-asn-lite.csv", "2001:db8::1", "ZZ", 4294967295 },
	{ "IP2LOCATION-LITE-DB1.CSV", "192.0.2.1", "DE" },
	{ "IP2LOCATION-LITE-DB1.CSV", "198.51.100.1", "KR" },
	{ "IP2LOCATION-LITE-DB1.CSV", "192.0.3.1", "ZZ" },
	{ "IP2LOCATION-LITE-ASN.CSV", "192.0.2.1", "ZZ", 64496 },
	{ "GeoIPCountryWhois.csv", "192.0.2.1", "DE" },
	{ "GeoIPCountryWhois.csv", "198.51.100.1", "ZZ" },
	{ "bom-crlf.csv", "192.0.2.1", "DE" },
	{ "bom-crlf.csv", "198.51.100.1", "XK" },
	{ "hostbits.csv", "192.0.2.1", "DE" },
	{ "hostbits.csv", "2001:db8:ffff::", "FR" },
	{ "prefix-asn-country.csv", "192.0.2.1", "DE", 64496 },
};

/* Reads tests/databases/FILE. Returns NULL if it is refused. *said are the messages, for the caller to free. */
static struct geo *database_read(const char *file, char **said)
{
	const struct place at = { "sluice.conf", 1 };
	char *path = NULL;
	struct geo *g = NULL;
	struct diag d = {};
	int err;

	assert_true(asprintf(&path, "tests/databases/%s", file) > 0);
	err = geo_read(&path, 1, &at, &g, &d);
	*said = diag_text(&d);
	assert_true(err ? err == -22 && !g && d.count : g != NULL);
	diag_free(&d);
	free(path);
	return g;
}

static void test_the_layout_of_every_vendor_is_read_correctly(void **state)
{
	char country[3], *said;
	struct sluice_addr a;
	uint32_t asn;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct geo *g = database_read(cases[i].file, &said);

		if (!g)
			fail_msg("%s: %s", cases[i].file, said);
		assert_int_equal(addr_parse(cases[i].address, &a), 0);
		country_text(spans_find(&g->by_kind[SLUICE_GEO_COUNTRY], number_of(&a)), country);
		asn = spans_find(&g->by_kind[SLUICE_GEO_ASN], number_of(&a));
		if (strcmp(country, cases[i].country) || asn != cases[i].asn)
			fail_msg("%s: %s: %s AS%u", cases[i].file, cases[i].address, country, asn);
		if (g->file[0].skipped != cases[i].skipped || (*said != 0) != (cases[i].skipped != 0))
			fail_msg("%s: %u rows skipped: %s", cases[i].file, g->file[0].skipped, said);
		geo_free(g);
		free(said);
	}
}

static void test_a_file_that_is_no_database_is_refused_and_the_message_says_what_it_is(void **state)
{
	static const struct {
		const char *file, *says;
	} refused[] = {
		{ "refused/GeoLite2-Country-Locations-en.csv", "is MaxMind's list of locations: name its networks" },
		{ "refused/GeoLite2-City-Blocks-IPv4.csv", "unpack ...-Locations-en.csv into the same folder" },
		{ "refused/routeviews-rv2.pfx2as", "has an unknown layout" },
		{ "refused/IP2PROXY-LITE-PX2.CSV", "has an unknown layout" },
		{ "refused/countries.csv", "has an unknown layout" },
		{ "refused/names.csv", "has an unknown layout" },
		{ "refused/cut-short.csv", "ends in the middle of a row: it was cut short" },
		{ "refused/cut-short.csv.gz", "gzip file is cut short" },
		{ "refused/empty.csv", "is empty: fetch it again" },
		{ "refused/forbidden.csv", "a page of HTML" },
		{ "refused/database.zip", "a zip archive: unzip it" },
		{ "refused/IP2LOCATION-LITE-DB1.BIN", "binary data" },
		{ "refused/there-is-none.csv", "No such file" },
		{ "refused", "Is a directory" },
	};
	char *said;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		assert_null(database_read(refused[i].file, &said));
		if (!strstr(said, refused[i].says))
			fail_msg("%s: expected '%s', got: %s", refused[i].file, refused[i].says, said);
		free(said);
	}
}

static void test_every_value_of_a_database_can_be_named_or_is_no_country(void **state)
{
	static const char *const none[] = { "",	  "-",	"??", "ZZ", "zz",  "XX",   "A1",   "A2",
					    "O1", "T1", "--", "?",  "N/A", "None", "NULL", "\\N" };
	char text[3] = "";
	uint16_t country, britain;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(none) / sizeof(*none); i++) {
		assert_int_equal(country_of_data(none[i], &country), 0);
		assert_int_equal(country, 0);
	}
	for (text[0] = 'A'; text[0] <= 'Z'; text[0]++) {
		for (text[1] = 'A'; text[1] <= 'Z'; text[1]++) {
			assert_int_equal(country_of_data(text, &country), 0);
			assert_true(country_exists(country));
		}
	}
	assert_int_equal(country_of_data("UK", &country), 0);
	country_parse("GB", &britain);
	assert_int_equal(country, britain);
	assert_int_equal(country_of_data("XK", &country), 0);
	assert_int_not_equal(country, 0);
	assert_int_equal(country_of_data("Germany", &country), -22);
}

static unsigned int seed = 17;

static unsigned int chance(unsigned int sides)
{
	return (unsigned int)rand_r(&seed) % sides;
}

/* Draws a byte that means something to a reader, or any byte. */
static char odd_byte(void)
{
	static const char meant[] = ",\t|;\"#/.:-\n\r0123456789ABCDEFSZ";

	return chance(4) ? meant[chance(sizeof(meant) - 1)] : (char)chance(256);
}

static size_t file_slurp(const char *name, char *out, size_t room)
{
	char path[200];
	FILE *in;
	size_t n;

	snprintf(path, sizeof(path), "tests/databases/%s", name);
	in = fopen(path, "r");
	assert_non_null(in);
	n = fread(out, 1, room, in);
	fclose(in);
	return n;
}

/* Some bytes are changed, or the end is missing: that gives an answer or a message, never a crash, a hang or a leak. */
static void test_torn_and_hostile_text_does_no_harm(void **state)
{
	const struct place at = { "sluice.conf", 1 };
	char bytes[4096], path[64], *one = path;
	size_t i, n, round, byte;
	FILE *out;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/sluice-torn-%d-Blocks-x.csv", getpid());
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (round = 0; round < 100; round++) {
			struct geo *g = NULL;
			struct diag d = {};

			n = file_slurp(cases[i].file, bytes, sizeof(bytes));
			n = round % 3 ? n : chance(n);
			for (byte = 0; byte < round / 10 && n; byte++)
				bytes[chance(n)] = odd_byte();
			out = fopen(path, "w");
			assert_non_null(out);
			fwrite(bytes, 1, n, out);
			fclose(out);
			if (geo_read(&one, 1, &at, &g, &d) ? g || !d.count : !g)
				fail_msg("%s, round %zu", cases[i].file, round);
			geo_free(g);
			diag_free(&d);
		}
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_layout_of_every_vendor_is_read_correctly),
		cmocka_unit_test(test_a_file_that_is_no_database_is_refused_and_the_message_says_what_it_is),
		cmocka_unit_test(test_torn_and_hostile_text_does_no_harm),
		cmocka_unit_test(test_every_value_of_a_database_can_be_named_or_is_no_country),
	};

	return cmocka_run_group_tests_name("databases", tests, NULL, NULL);
}
