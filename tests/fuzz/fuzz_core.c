/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_core SECONDS [SEED]: makes random policies and judges random addresses twice, by the compiled policy and by tests/unit/judge.h. It
 * also changes, removes and doubles bytes of databases: each must be accepted, or refused with a message. It is built with ASan and UBSan.
 * Prints what it did; ends with status 1 at the first disagreement.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../unit/judge.h"
#include "geo_read.h"
#include "parse.h"

#define ADDRESSES 40
#define TORN_MOST 4096

static char countries[64], networks[64], policy_file[64], torn_file[64];
static struct registry registry;

static void die(const char *what, const char *text)
{
	fprintf(stderr, "%s\n%s\n", what, text);
	exit(1);
}

static void files_make(void)
{
	FILE *a, *b;

	snprintf(countries, sizeof(countries), "/tmp/sluice-fuzz-%d.countries", getpid());
	snprintf(networks, sizeof(networks), "/tmp/sluice-fuzz-%d.networks", getpid());
	snprintf(policy_file, sizeof(policy_file), "/tmp/sluice-fuzz-%d.conf", getpid());
	snprintf(torn_file, sizeof(torn_file), "/tmp/sluice-fuzz-%d.csv", getpid());
	a = fopen(countries, "w");
	b = fopen(networks, "w");
	if (!a || !b)
		die("cannot write", countries);
	judge_databases(a, b);
	fclose(a);
	fclose(b);
}

static void files_remove(void)
{
	unlink(countries);
	unlink(networks);
	unlink(policy_file);
	unlink(torn_file);
}

static void file_write(const char *path, const char *data, size_t len)
{
	FILE *out = fopen(path, "w");

	if (!out || fwrite(data, 1, len, out) != len || fclose(out))
		die("cannot write", path);
}

static void policy_judge(const struct policy *p, struct dice *d, const char *text)
{
	static const char *const services[] = { "smtp", "imap" };
	struct compiled *c = NULL;
	struct diag diag = {};
	struct sluice_addr a;
	const char *wrong;
	uint32_t leaf;
	int i;

	if (policy_compile(p, &registry, &c, &diag))
		die("does not compile", text);
	for (i = 0; i < ADDRESSES * 2; i++) {
		judge_address(d, &a);
		leaf = trie_find(c->trie->cell, c->trie->pages, &a);
		wrong = judge_rule(p, &a, services[i & 1],
				   compiled_rule(c, leaf, registry_service(&registry, services[i & 1])));
		if (wrong)
			die(wrong, text);
	}
	compiled_free(c);
}

static void policy_round(struct dice *d)
{
	struct policy *p = NULL;
	struct diag diag = {};
	char text[16384];

	judge_policy(d, countries, networks, text, sizeof(text));
	file_write(policy_file, text, strlen(text));
	if (policy_parse_file(policy_file, NULL, &p, &diag))
		die(diag_text(&diag), text);
	policy_judge(p, d, text);
	policy_free(p);
}

static size_t torn_make(struct dice *d, char *out)
{
	static const char *const words[] = { ",",
					     "\n",
					     "\"",
					     "#",
					     "::",
					     "/",
					     "/129",
					     "-1",
					     "4294967296",
					     "AS",
					     "ZZ",
					     "\0x",
					     "10.0.0.0,10.255.255.255,DE\n" };
	FILE *in = fopen(roll(d, 2) ? countries : networks, "r");
	size_t len = in ? fread(out, 1, TORN_MOST / 2, in) : 0, at;
	unsigned int i, n = 1 + roll(d, 3);
	const char *word;

	if (in)
		fclose(in);
	while (len && out[len - 1] != '\n')
		len--;
	for (i = 0; i < n && len > 64 && len < TORN_MOST - 128; i++) {
		at = (size_t)rand_r(&d->seed) % (len - 40);
		word = PICK(d, words);
		if (roll(d, 3))
			memcpy(out + at, word, strlen(word) + 1 - (*word != 0));
		else if (roll(d, 2))
			memmove(out + at, out + at + roll(d, 30), len - at - 30);
		else
			len = at + 1;
	}
	return len;
}

/* Returns non-zero if the database was refused, with a message. */
static int database_round(struct dice *d)
{
	const struct place at = { .file = "fuzz.conf", .line = 1 };
	char torn[TORN_MOST], *path = torn_file;
	size_t len = torn_make(d, torn);
	struct diag diag = {};
	struct geo *g = NULL;
	int err;

	file_write(torn_file, torn, len);
	err = geo_read(&path, 1, &at, &g, &diag);
	if (err && (g || !diag.count))
		die("refused without a message", torn);
	geo_free(g);
	diag_free(&diag);
	return err != 0;
}

int main(int argc, char **argv)
{
	struct dice d = { .seed = argc > 2 ? (unsigned int)atoi(argv[2]) : (unsigned int)time(NULL) };
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 60);
	unsigned long policies = 0, databases = 0, refused = 0;
	unsigned int seed = d.seed;

	files_make();
	atexit(files_remove);
	for (; time(NULL) < end; policies++, databases++) {
		policy_round(&d);
		refused += (unsigned long)database_round(&d);
	}
	printf("%lu policies, %lu addresses, 0 disagreements; %lu databases, %lu refused; seed %u\n", policies,
	       policies * ADDRESSES * 2, databases, refused, seed);
	return 0;
}
