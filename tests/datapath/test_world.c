/* SPDX-License-Identifier: BSD-2-Clause */
/* Sends the whole internet through the classifier: Debian's country tables, range by range, compared with a plain reading of the files. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <cmocka.h>

#include "../policy_text.h"
#include "compile.h"
#include "gate.h"
#include "internal.h"

#define IPV4_TABLE "/usr/share/tor/geoip"
#define IPV6_TABLE "/usr/share/tor/geoip6"
#define BITS 10 /* bits in a country's number */
#define PORT_FIRST 1000 /* the service at port PORT_FIRST + n refuses countries whose number has bit n */
#define SAMPLES 25000
#define SERVER "203.0.113.5"
#define SERVER6 "2001:db8::25"

struct row {
	struct sluice_addr first, last;
	char country[3];
};

static struct row *rows;
static size_t rows_count;

static struct sluice_addr mapped(uint32_t ipv4)
{
	struct sluice_addr a = { { 0, 0, htonl(0xffff), htonl(ipv4) } };

	return a;
}

/* Reads a table by itself, with one scanf a line. */
static void table_read_all(const char *path, bool ipv6)
{
	FILE *file = fopen(path, "r");
	char line[256], a[64], b[64];
	unsigned int low, high;
	uint16_t number;
	struct row r;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		memset(&r, 0, sizeof(r));
		if (ipv6 && sscanf(line, "%63[0-9a-f:],%63[0-9a-f:],%2[A-Z?]", a, b, r.country) == 3) {
			assert_int_equal(inet_pton(AF_INET6, a, &r.first), 1);
			assert_int_equal(inet_pton(AF_INET6, b, &r.last), 1);
		} else if (!ipv6 && sscanf(line, "%u,%u,%2[A-Z?]", &low, &high, r.country) == 3) {
			r.first = mapped(low);
			r.last = mapped(high);
		} else {
			continue;
		}
		if (!strcmp(r.country, "UK"))
			strcpy(r.country, "GB");
		else if (country_parse(r.country, &number) ||
			 !country_exists(number)) /* "??", and states that no longer exist */
			strcpy(r.country, "ZZ");
		if (!(rows_count & (rows_count - 1)))
			rows = realloc(rows, (rows_count ? rows_count * 2 : 1) * sizeof(*rows));
		rows[rows_count++] = r;
	}
	fclose(file);
}

static int by_first(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sluice_addr));
}

/* Returns the country of an address. Each file is sorted, but the two families are not in one order. */
static const char *row_country(const struct sluice_addr *a)
{
	size_t low = 0, high = rows_count, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (memcmp(&rows[middle].first, a, sizeof(*a)) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low && memcmp(&rows[low - 1].last, a, sizeof(*a)) >= 0 ? rows[low - 1].country : "ZZ";
}

static struct sluice_addr beside(const struct sluice_addr *a, int step)
{
	addr_number n = number_of(a);

	n = step > 0 ? n + 1 : n - 1;
	return addr_of(n);
}

static struct sluice_addr middle(const struct row *r)
{
	return addr_of(number_of(&r->first) + (number_of(&r->last) - number_of(&r->first)) / 2);
}

static void expect_leaf(const struct compiled *c, const struct sluice_addr *a)
{
	char found[3], text[ADDR_TEXT_LEN];
	uint32_t leaf = trie_find(c->trie->cell, c->trie->pages, a);

	if (strcmp(country_text(SLUICE_LEAF_COUNTRY(leaf), found), row_country(a)))
		fail_msg("%s is in %s, the trie says %s", addr_format(a, text), row_country(a), found);
}

/* Returns a policy of ten services whose refusals spell a country's number. */
static char *spelling_policy(void)
{
	char *text = NULL, country[3];
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int bit, i, n;

	fprintf(out, "interfaces = {lo}\n");
	for (bit = 0; bit < BITS; bit++) {
		fprintf(out, "service bit%d { ports = {%d} deny-countries = {", bit, PORT_FIRST + bit);
		for (i = 0, n = 0; i < SLUICE_COUNTRIES; i++) {
			if (i >> bit & 1 && country_exists(i))
				fprintf(out, "%s%s", n++ ? ", " : "", country_text(i, country));
		}
		fprintf(out, "} }\n");
	}
	fclose(out);
	return text;
}

static void test_every_range_gets_its_country(void **state)
{
	char *text = spelling_policy();
	struct policy *p = policy_of(text);
	struct registry *registry = calloc(1, sizeof(*registry));
	struct sluice_addr between[3];
	struct compiled *c = NULL;
	struct diag d = {};
	size_t i, j, asked = 0;

	(void)state;
	assert_int_equal(policy_compile(p, registry, &c, &d), 0);
	for (i = 0; i < rows_count; i++) {
		between[0] = middle(&rows[i]);
		between[1] = beside(&rows[i].first, -1);
		between[2] = beside(&rows[i].last, 1);
		expect_leaf(c, &rows[i].first);
		expect_leaf(c, &rows[i].last);
		for (j = 0; j < 3; j++)
			expect_leaf(c, &between[j]);
		asked += 5;
	}
	printf("%zu ranges, %zu addresses; one generation has %zu KB in %zu classes\n", rows_count, asked,
	       c->trie->pages * sizeof(struct sluice_trie_page) / 1024, c->classes_count);
	compiled_free(c);
	policy_free(p);
	free(registry);
	free(text);
}

static int verdict_of(struct gate *g, const struct sluice_addr *from, uint16_t port)
{
	char text[ADDR_TEXT_LEN];
	bool ipv4 = addr_is_ipv4(from);
	struct frame f = { addr_format(from, text), ipv4 ? SERVER : SERVER6, 4321, port, .flags = ACK };
	uint8_t frame[FRAME_ROOM];
	size_t len = frame_build(&f, frame), none = 0;

	return engine_probe(g->engine, frame, len, NULL, &none, 1, NULL);
}

static uint16_t country_of_packets(struct gate *g, const struct sluice_addr *from)
{
	uint16_t country = 0, bit;

	for (bit = 0; bit < BITS; bit++) {
		int verdict = verdict_of(g, from, PORT_FIRST + bit);

		assert_true(verdict == XDP_DROP || verdict == XDP_PASS);
		country |= (verdict == XDP_DROP) << bit;
	}
	return country;
}

static void test_packets_are_judged_by_the_same_countries(void **state)
{
	char *text = spelling_policy(), found[3], where[ADDR_TEXT_LEN];
	struct sluice_addr a;
	unsigned int seed = 7;
	uint16_t number;
	struct gate g;
	int i;

	(void)state;
	gate_open(&g, text);
	for (i = 0; i < SAMPLES; i++) {
		const struct row *r = &rows[((size_t)rand_r(&seed) * 31 + i) % rows_count];

		a = i % 4 == 0 ? r->first : i % 4 == 1 ? r->last : i % 4 == 2 ? middle(r) : beside(&r->last, 1);
		country_parse(row_country(&a), &number);
		if (!country_exists(number)) /* the file has some countries that no policy may name */
			continue;
		country_text(country_of_packets(&g, &a), found);
		if (strcmp(found, row_country(&a)))
			fail_msg("%s is in %s, packets say %s", addr_format(&a, where), row_country(&a), found);
	}
	printf("%d addresses, %d packets\n", SAMPLES, SAMPLES * BITS);
	gate_close(&g);
	free(text);
}

/* Two policies over a table of four countries that agree on Germany (in) and China (out), and differ on France and Italy. */
static char four_countries[64];

static struct policy *policy_without(const char *country)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "interfaces = {lo}\ngeoip { database = {%s} }\n"
		 "service smtp { ports = {1000} deny-countries = {CN, %s} }\n",
		 four_countries, country);
	return policy_of(text);
}

static int countries_write(void **state)
{
	FILE *out;

	(void)state;
	snprintf(four_countries, sizeof(four_countries), "/tmp/sluice-four-%d.csv", getpid());
	out = fopen(four_countries, "w");
	fputs("10.0.0.0/24,DE\n10.0.1.0/24,CN\n10.0.2.0/24,FR\n2001:db8::/64,IT\n", out);
	return fclose(out);
}

static int countries_unlink(void **state)
{
	(void)state;
	return unlink(four_countries);
}

#define SWAPS 200

struct flooding {
	struct gate *gate;
	atomic_bool *stop;
	unsigned long packets, changing;
	const char *wrong;
};

static void *flood_run(void *arg)
{
	static const struct {
		const char *from;
		bool in, out; /* whether one of the policies lets it in, and whether one refuses it */
	} sources[] = { { "10.0.0.1", true, false },
			{ "10.0.1.1", false, true },
			{ "10.0.2.1", true, true },
			{ "2001:db8::1", true, true } };
	struct flooding *f = arg;
	struct sluice_addr a;
	size_t i = 0;
	int verdict;

	while (!atomic_load(f->stop)) {
		addr_parse(sources[i % 4].from, &a);
		verdict = verdict_of(f->gate, &a, 1000);
		if (!(verdict == XDP_PASS && sources[i % 4].in) && !(verdict == XDP_DROP && sources[i % 4].out))
			f->wrong = sources[i % 4].from;
		f->changing += i % 4 == 2 && verdict == XDP_DROP;
		f->packets++;
		i++;
	}
	return NULL;
}

/* Returns the memory that the tries of one instance take. Its array of maps knows their ids. */
static size_t trie_bytes(const struct gate *g)
{
	char path[PIN_PATH_LEN];
	struct bpf_map_info info;
	__u32 slot, id, len = sizeof(info);
	size_t bytes = 0;
	int outer, fd;

	pin_path(g->instance, map_names[MAP_tries], path);
	outer = bpf_obj_get(path);
	for (slot = 0; slot < SLUICE_SLOTS; slot++) {
		memset(&info, 0, sizeof(info));
		assert_int_equal(bpf_map_lookup_elem(outer, &slot, &id), 0);
		fd = bpf_map_get_fd_by_id(id);
		assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
		bytes += (size_t)info.max_entries * info.value_size;
		close(fd);
	}
	close(outer);
	return bytes;
}

static void gate_commit(struct gate *g, const struct policy *p)
{
	struct diag d = {};

	if (engine_commit(g->engine, p, &d))
		fail_msg("%s", diag_text(&d));
}

static void test_no_packet_sees_anything_between_two_policies(void **state)
{
	struct policy *p[2] = { policy_without("FR"), policy_without("IT") };
	atomic_bool stop = false;
	struct flooding f[2];
	pthread_t thread[2];
	struct gate g;
	int i;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nservice other { ports = {999} }\n");
	gate_commit(&g, p[1]);
	for (i = 0; i < 2; i++) {
		f[i] = (struct flooding){ .gate = &g, .stop = &stop };
		assert_int_equal(pthread_create(&thread[i], NULL, flood_run, &f[i]), 0);
	}
	for (i = 0; i < SWAPS; i++)
		gate_commit(&g, p[i % 2]);
	atomic_store(&stop, true);
	for (i = 0; i < 2; i++) {
		pthread_join(thread[i], NULL);
		if (f[i].wrong)
			fail_msg("%s got a verdict that neither policy gives", f[i].wrong);
		assert_in_range(f[i].changing, 1, f[i].packets / 4 - 1);
	}
	printf("%d swaps under %lu packets\n", SWAPS, f[0].packets + f[1].packets);
	gate_close(&g);
	policy_free(p[0]);
	policy_free(p[1]);
}

static void test_a_refused_country_is_the_reason_that_is_counted(void **state)
{
	static const struct {
		const char *from;
		uint8_t flags;
		int verdict;
		enum sluice_reason why;
	} cases[] = { { "10.0.0.1", SYN, XDP_PASS, SLUICE_ADMITTED },
		      { "10.0.1.1", SYN, XDP_DROP, SLUICE_COUNTRY },
		      { "10.0.1.1", ACK, XDP_DROP, SLUICE_COUNTRY },
		      { "2001:db8::1", SYN, XDP_DROP, SLUICE_COUNTRY },
		      { "2001:db8:0:1::1", SYN, XDP_PASS, SLUICE_ADMITTED } };
	struct policy *p = policy_without("IT");
	enum sluice_reason why = SLUICE_UNDECIDED;
	struct gate g;
	size_t i;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nservice other { ports = {999} }\n");
	gate_commit(&g, p);
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct frame f = { cases[i].from, strchr(cases[i].from, ':') ? SERVER6 : SERVER, 4321, 1000,
				   .flags = cases[i].flags };

		assert_int_equal(gate_send(&g, &f, &why), cases[i].verdict);
		assert_int_equal(why, cases[i].why);
	}
	gate_close(&g);
	policy_free(p);
}

/* A commit needs two tries. Afterwards there is one again, and an empty page in the place of the other. */
static void test_a_commit_frees_the_memory_of_the_previous_generation(void **state)
{
	struct policy *large = policy_of("interfaces = {lo}\nservice smtp { ports = {25} deny-countries = {CN} }\n");
	struct policy *small = policy_without("IT");
	size_t with_large, with_small;
	struct gate g;

	(void)state;
	gate_open(&g, "interfaces = {lo}\nservice other { ports = {999} }\n");
	gate_commit(&g, large);
	gate_commit(&g, large);
	with_large = trie_bytes(&g);
	gate_commit(&g, small);
	with_small = trie_bytes(&g);
	printf("the tries of an instance take %zu KB, with four countries %zu KB\n", with_large / 1024,
	       with_small / 1024);
	assert_in_range(with_large, 4 << 20, 8 << 20);
	assert_in_range(with_small, 1, 1 << 20);
	gate_close(&g);
	policy_free(large);
	policy_free(small);
}

static int tables_open(void **state)
{
	(void)state;
	table_read_all(IPV4_TABLE, false);
	table_read_all(IPV6_TABLE, true);
	qsort(rows, rows_count, sizeof(*rows), by_first);
	return rows_count > 600000 ? 0 : -1;
}

static int tables_close(void **state)
{
	(void)state;
	free(rows);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_range_gets_its_country),
		cmocka_unit_test(test_packets_are_judged_by_the_same_countries),
		cmocka_unit_test_setup_teardown(test_a_refused_country_is_the_reason_that_is_counted, countries_write,
						countries_unlink),
		cmocka_unit_test_setup_teardown(test_no_packet_sees_anything_between_two_policies, countries_write,
						countries_unlink),
		cmocka_unit_test_setup_teardown(test_a_commit_frees_the_memory_of_the_previous_generation,
						countries_write, countries_unlink),
	};

	return cmocka_run_group_tests_name("world", tests, tables_open, tables_close);
}
