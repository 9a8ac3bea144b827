/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_lookup ENTRIES... looks up the classes of addresses, by the gate's table and by the kernel's LPM trie with the same data. ENTRIES 0 is
 * Debian's country table. It prints a JSON line for each: ns per lookup of random addresses, MB of one generation, and ms of processor time
 * to read, to compile, to copy, and to fill the LPM trie.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "../policy_text.h"
#include "compile.h"

#define LOOKUPS 64 /* as in tests/lib/lookup.bpf.c */
#define REPEAT 20000
#define ROUNDS 5
#define OBJECT BUILD "/tests/lib/lookup.bpf.o" /* BUILD: from the Makefile */
#define COUNTRY_TABLE 0

struct pair {
	struct bpf_object *object;
	int pages, lpm, shape;
	int by_nothing, by_trie, by_lpm;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* not wall time, since machines are shared */
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int map_fd(const struct pair *p, const char *name)
{
	return bpf_object__find_map_fd_by_name(p->object, name);
}

static int program_fd(const struct pair *p, const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(p->object, name));
}

static void pair_open(struct pair *p, size_t pages, size_t entries)
{
	p->object = bpf_object__open_file(OBJECT, NULL);
	assert_non_null(p->object);
	bpf_map__set_max_entries(bpf_object__find_map_by_name(p->object, "pages"), pages);
	bpf_map__set_max_entries(bpf_object__find_map_by_name(p->object, "lpm"), entries);
	assert_int_equal(bpf_object__load(p->object), 0);
	p->pages = map_fd(p, "pages");
	p->lpm = map_fd(p, "lpm");
	p->shape = map_fd(p, "shape");
	p->by_nothing = program_fd(p, "by_nothing");
	p->by_trie = program_fd(p, "by_trie");
	p->by_lpm = program_fd(p, "by_lpm");
}

static double trie_fill(const struct pair *p, const struct trie *t)
{
	size_t bytes = t->pages * sizeof(struct sluice_trie_page);
	double began = now_ms();
	void *room = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, p->pages, 0);

	assert_true(room != MAP_FAILED);
	memcpy(room, t->cell, bytes);
	munmap(room, bytes);
	return now_ms() - began;
}

/* Adds the fewest prefixes that cover a span. Returns how many. */
static size_t span_prefixes(addr_number first, addr_number last, uint32_t value, int lpm)
{
	struct sluice_prefix_key key;
	unsigned int bits;
	size_t n = 0;

	for (;; n++) {
		for (bits = 0; bits < 127 && !(first >> bits & 1) && (first | (((addr_number)2 << bits) - 1)) <= last;)
			bits++;
		key = (struct sluice_prefix_key){ 128 - bits, addr_of(first) };
		if (lpm >= 0)
			assert_int_equal(bpf_map_update_elem(lpm, &key, &value, BPF_ANY), 0);
		if ((first | (((addr_number)1 << bits) - 1)) >= last)
			return n + 1;
		first += (addr_number)1 << bits;
	}
}

static size_t lpm_fill(int lpm, const struct spans *s)
{
	size_t i, n = 0;

	for (i = 0; i < s->count; i++) {
		if (s->item[i].value)
			n += span_prefixes(s->item[i].first, span_last(s, i), s->item[i].value, lpm);
	}
	return n;
}

static void shape_set(const struct pair *p, bool ipv4)
{
	const struct sluice_addr base = addr_of(ipv4 ? IPV4_FIRST : (addr_number)0x2 << 124);
	const struct sluice_addr keep = addr_of(ipv4 ? 0xffffffff : ((addr_number)1 << 122) - 1);
	const __u32 zero = 0, one = 1;

	bpf_map_update_elem(p->shape, &zero, &base, BPF_ANY);
	bpf_map_update_elem(p->shape, &one, &keep, BPF_ANY);
}

static int by_number(const void *a, const void *b)
{
	return *(const double *)a < *(const double *)b ? -1 : 1;
}

static double run_ns(int program)
{
	char frame[64] = "";
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .repeat = REPEAT);

	assert_int_equal(bpf_prog_test_run_opts(program, &opts), 0);
	return (double)opts.duration / LOOKUPS;
}

/* Takes the medians of ROUNDS, in which the two take turns. */
static void pair_time(const struct pair *p, double *trie, double *lpm)
{
	double t[ROUNDS], l[ROUNDS], nothing;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		nothing = run_ns(p->by_nothing);
		t[i] = run_ns(p->by_trie) - nothing;
		l[i] = run_ns(p->by_lpm) - nothing;
	}
	qsort(t, ROUNDS, sizeof(*t), by_number);
	qsort(l, ROUNDS, sizeof(*l), by_number);
	*trie = t[ROUNDS / 2];
	*lpm = l[ROUNDS / 2];
}

/* Makes a policy of so many random prefixes, half of them /24 to /32 of IPv4, half /48 to /64 of IPv6; or of Debian's country table. */
static struct policy *policy_make(size_t entries)
{
	char text[512], path[] = "/tmp/sluice-bench-XXXXXX";
	struct policy *p;
	FILE *list;
	size_t i;

	if (entries == COUNTRY_TABLE)
		return policy_of("interfaces = {lo}\nservice smtp { ports = {25} deny-countries = {CN} }\n");
	list = fdopen(mkstemp(path), "w");
	srand(11);
	for (i = 0; i < entries; i++) {
		struct sluice_addr a = { { rand() ^ rand() << 1, rand() ^ rand() << 1, 0, 0 } };
		char address[ADDR_TEXT_LEN];
		struct prefix r = { a, 48 + rand() % 17 };

		((uint8_t *)&r.addr)[0] = 0x20 | (rand() & 3);
		if (i & 1)
			r = (struct prefix){ addr_of(IPV4_FIRST | (uint32_t)(rand() ^ rand() << 1)), 120 + rand() % 9 };
		r.addr = addr_mask(&r.addr, r.len);
		fprintf(list, "%s\n", prefix_format(&r, address));
	}
	fclose(list);
	snprintf(text, sizeof(text),
		 "interfaces = {lo}\nservice smtp { ports = {25} }\nsource-set drop { file = %s action = deny }\n",
		 path);
	p = policy_of(text);
	unlink(path);
	return p;
}

static void size_bench(size_t entries)
{
	struct registry *registry = calloc(1, sizeof(*registry));
	double began = now_ms(), parse, compile, fill, lpm_ms, trie[2], lpm[2];
	struct policy *policy = policy_make(entries);
	struct compiled *c = NULL;
	struct diag d = {};
	struct pair p;
	size_t prefixes;
	char name[32];

	parse = now_ms() - began;
	began = now_ms();
	assert_int_equal(policy_compile(policy, registry, &c, &d), 0);
	compile = now_ms() - began;
	prefixes = lpm_fill(-1, &c->classified.leaves);
	pair_open(&p, c->trie->pages, prefixes + 1);
	fill = trie_fill(&p, c->trie);
	began = now_ms();
	lpm_fill(p.lpm, &c->classified.leaves);
	lpm_ms = now_ms() - began;
	shape_set(&p, true);
	pair_time(&p, &trie[0], &lpm[0]);
	shape_set(&p, false);
	pair_time(&p, &trie[1], &lpm[1]);
	snprintf(name, sizeof(name), entries == COUNTRY_TABLE ? "country table" : "%zu entries", entries);
	printf("{\"name\": \"%s\", \"prefixes\": %zu, \"mb\": %.1f, \"read_ms\": %.0f, \"compile_ms\": %.0f, \"copy_ms\": %.1f, "
	       "\"lpm_ms\": %.0f, \"v4_ns\": %.1f, \"v4_lpm_ns\": %.1f, \"v6_ns\": %.1f, \"v6_lpm_ns\": %.1f}\n",
	       name, prefixes, c->trie->pages * sizeof(struct sluice_trie_page) / 1048576.0, parse, compile, fill,
	       lpm_ms, trie[0], lpm[0], trie[1], lpm[1]);
	bpf_object__close(p.object);
	compiled_free(c);
	policy_free(policy);
	free(registry);
}

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		size_bench(strtoul(argv[i], NULL, 10));
	return 0;
}
