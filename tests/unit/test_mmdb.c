/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests MaxMind DB files: every address is where libmaxminddb says that it is. `test_mmdb FILE...` compares these files instead
 * (scripts/geo-check.sh).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <maxminddb.h>

#include "country.h"
#include "geo_read.h"
#include "mmdb_write.h"

#define ADDRESSES 200000
#define NETWORKS 3000

static const char *const countries[] = { "DE", "FR", "CN", "US", "BR" };
static const uint32_t networks[] = { 1, 64496, 4294967295U };
static char path[64];

static unsigned int seed = 41;

static unsigned int chance(unsigned int sides)
{
	return (unsigned int)rand_r(&seed) % sides;
}

static addr_number random_bits(int bits)
{
	addr_number n = 0;
	int i;

	for (i = 0; i < 128; i += 16)
		n = n << 16 | chance(65536);
	return bits < 128 ? n & ~(~(addr_number)0 << bits) : n;
}

/* Addresses cluster in a few parts of the tree, so that networks are nested. */
static addr_number random_place(int family)
{
	if (family == 4)
		return (addr_number)(chance(4) * 61) << 24 | random_bits(24);
	return (addr_number)(0x2000 + chance(4)) << 112 | random_bits(112);
}

static void database_make(int family, int record_size, bool of_countries)
{
	struct mmdb m = { .family = family, .record_size = record_size };
	int i, longer;

	snprintf(path, sizeof(path), "/tmp/sluice-%d.mmdb", getpid());
	m.country = of_countries ? countries : NULL;
	m.network = networks;
	m.records = of_countries ? 5 : 3;
	mmdb_init(&m);
	for (i = 0; i < NETWORKS; i++) {
		longer = i * 23 / NETWORKS; /* a network replaces those inside it */
		mmdb_add(&m, random_place(4), (family == 6 ? 96 : 0) + 10 + longer, chance(m.records));
		if (family == 6)
			mmdb_add(&m, random_place(6), 18 + 3 * longer, chance(m.records));
	}
	if (family == 6) { /* as in MaxMind's own files */
		int ipv4 = *mmdb_place(&m, 0, 96);

		*mmdb_place(&m, IPV4_FIRST, 96) = ipv4;
		*mmdb_place(&m, (addr_number)0x2002 << 112, 16) = ipv4;
	}
	mmdb_write(&m, path);
}

static struct geo *database_read(const char *file)
{
	const struct place at = { "sluice.conf", 1 };
	char *one = strdup(file);
	struct geo *g = NULL;
	struct diag d = {};

	if (geo_read(&one, 1, &at, &g, &d))
		fail_msg("%s", diag_text(&d));
	diag_free(&d);
	free(one);
	return g;
}

static int text_value(MMDB_entry_s *entry, const char *const *way, uint16_t *out)
{
	MMDB_entry_data_s data;
	char text[3] = "";

	if (MMDB_aget_value(entry, &data, way) || !data.has_data || data.data_size != 2)
		return -1;
	memcpy(text, data.utf8_string, 2);
	return country_parse(text, out);
}

/* Returns what libmaxminddb's own lookup gives. */
static uint32_t asked(MMDB_s *db, const struct sluice_addr *a, int kind)
{
	static const char *const ways[][3] = { { "country", "iso_code" }, { "country_code" } };
	static const char *const network[] = { "autonomous_system_number", NULL };
	MMDB_lookup_result_s found;
	MMDB_entry_data_s data;
	char text[ADDR_TEXT_LEN];
	uint16_t country = 0;
	int gai, err;

	found = MMDB_lookup_string(db, addr_format(a, text), &gai, &err);
	assert_int_equal(gai, 0);
	if (err == MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR || !found.found_entry)
		return 0;
	if (kind == SLUICE_GEO_ASN)
		return !MMDB_aget_value(&found.entry, &data, network) && data.has_data ? data.uint32 : 0;
	if (text_value(&found.entry, ways[0], &country))
		text_value(&found.entry, ways[1], &country);
	return country;
}

static struct sluice_addr random_address(void)
{
	if (chance(2))
		return addr_of(IPV4_FIRST | (chance(2) ? random_place(4) : random_bits(32)));
	return addr_of(chance(2) ? random_place(6) : (addr_number)1 << 125 | random_bits(125));
}

static void database_compare(const char *file)
{
	struct geo *g = database_read(file);
	int kind = g->file[0].entries[SLUICE_GEO_COUNTRY][SLUICE_IPV4] ? SLUICE_GEO_COUNTRY : SLUICE_GEO_ASN, i,
	    known = 0;
	char text[ADDR_TEXT_LEN];
	struct sluice_addr a;
	MMDB_s db;

	assert_int_equal(MMDB_open(file, MMDB_MODE_MMAP, &db), MMDB_SUCCESS);
	for (i = 0; i < ADDRESSES; i++) {
		uint32_t ours, theirs;

		a = random_address();
		ours = spans_find(&g->by_kind[kind], number_of(&a));
		theirs = asked(&db, &a, kind);
		if (ours != theirs)
			fail_msg("%s: %s: %u, libmaxminddb says %u", file, addr_format(&a, text), ours, theirs);
		known += theirs != 0;
	}
	printf("%s: %u IPv4 and %u IPv6 ranges; %d addresses, %d of them known, as libmaxminddb says\n", file,
	       g->entries[kind][SLUICE_IPV4], g->entries[kind][SLUICE_IPV6], ADDRESSES, known);
	assert_in_range(known, ADDRESSES / 50, ADDRESSES);
	MMDB_close(&db);
	geo_free(g);
}

static void test_every_form_of_database_says_what_libmaxminddb_says(void **state)
{
	static const int sizes[] = { 24, 28, 32 };
	int i;

	(void)state;
	for (i = 0; i < 12; i++) {
		database_make(i & 1 ? 6 : 4, sizes[i / 4], i & 2);
		database_compare(path);
		unlink(path);
	}
}

static uint32_t known(const struct geo *g, enum sluice_geo_kind kind, const char *address)
{
	struct sluice_addr a;

	assert_int_equal(addr_parse(address, &a), 0);
	return spans_find(&g->by_kind[kind], number_of(&a));
}

/* These are IPinfo's records; the third names a country that does not exist. The name of the file does not say what it is. */
static void test_a_record_may_have_a_country_and_a_network_as_text(void **state)
{
	static const char *const has[] = { "DE", "FR", "Narnia" }, *const numbers[] = { "AS64496", "AS64497", "" };
	struct mmdb m = { .family = 6, .record_size = 28, .country = has, .network_text = numbers, .records = 3 };
	uint16_t country;
	struct geo *g;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/sluice-%d.database", getpid());
	mmdb_init(&m);
	mmdb_add(&m, 0xc0000200, 96 + 24, 0);
	mmdb_add(&m, (addr_number)0x20010db8 << 96, 32, 1);
	mmdb_add(&m, 0xc6336400, 96 + 24, 2);
	mmdb_write(&m, path);
	g = database_read(path);
	unlink(path);
	country_parse("DE", &country);
	assert_int_equal(known(g, SLUICE_GEO_COUNTRY, "192.0.2.1"), country);
	assert_int_equal(known(g, SLUICE_GEO_ASN, "192.0.2.1"), 64496);
	assert_int_equal(known(g, SLUICE_GEO_ASN, "2001:db8::1"), 64497);
	assert_int_equal(known(g, SLUICE_GEO_COUNTRY, "198.51.100.1"), 0);
	assert_int_equal(g->file[0].skipped, 1);
	geo_free(g);
}

static void test_the_date_of_a_database_is_the_one_it_names_unless_that_is_to_come(void **state)
{
	const uint64_t odd[] = { 4102444800, 1760000000000000000 }; /* in the year 2100; in nanoseconds */
	struct stat is;
	struct geo *g;
	struct mmdb m;
	int i;

	(void)state;
	database_make(6, 28, true);
	g = database_read(path);
	assert_int_equal(g->built, 1700000000);
	geo_free(g);
	for (i = 0; i < 2; i++) {
		m = (struct mmdb){
			.family = 4, .record_size = 24, .country = countries, .records = 5, .built = odd[i]
		};
		mmdb_init(&m);
		mmdb_add(&m, 0xc0000200, 24, 0);
		mmdb_write(&m, path);
		assert_int_equal(stat(path, &is), 0);
		g = database_read(path);
		assert_int_equal(g->built, is.st_mtime); /* else it would never be too old */
		geo_free(g);
	}
	unlink(path);
}

/* One byte in a hundred is changed, or the end is missing: that gives an answer or a message, never a crash, a hang or a leak. */
static void test_torn_and_hostile_databases_do_no_harm(void **state)
{
	const struct place at = { "sluice.conf", 1 };
	uint8_t *whole, *torn;
	char *one = path;
	int round, i, refused = 0;
	long size;
	FILE *file;

	(void)state;
	database_make(6, 24, true);
	file = fopen(path, "r");
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	whole = malloc(size);
	torn = malloc(size);
	assert_int_equal(fread(whole, 1, size, file), size);
	fclose(file);
	for (round = 0; round < 100; round++) {
		long left = round % 2 ? size : chance(size);
		struct diag d = {};
		struct geo *g = NULL;

		memcpy(torn, whole, size);
		for (i = 0; i < size / 100 && round % 2; i++)
			torn[round % 4 == 1 ? chance(size) : size - 1 - chance(600)] = chance(256);
		file = fopen(path, "w");
		fwrite(torn, 1, left, file);
		fclose(file);
		refused += geo_read(&one, 1, &at, &g, &d) != 0;
		assert_true(g || d.count);
		geo_free(g);
		diag_free(&d);
	}
	printf("%d of %d refused\n", refused, round);
	assert_in_range(refused, 50, 100);
	free(whole);
	free(torn);
	unlink(path);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_form_of_database_says_what_libmaxminddb_says),
		cmocka_unit_test(test_a_record_may_have_a_country_and_a_network_as_text),
		cmocka_unit_test(test_the_date_of_a_database_is_the_one_it_names_unless_that_is_to_come),
		cmocka_unit_test(test_torn_and_hostile_databases_do_no_harm),
	};
	int i;

	for (i = 1; i < argc; i++)
		database_compare(argv[i]);
	return argc > 1 ? 0 : cmocka_run_group_tests_name("mmdb", tests, NULL, NULL);
}
