/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes MaxMind DB files (maxmind.github.io/MaxMind-DB, 2.0) of random networks; test_mmdb.c includes it after cmocka.h. */
#ifndef SLUICE_TESTS_MMDB_WRITE_H
#define SLUICE_TESTS_MMDB_WRITE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spans.h"

#define MMDB_ROOM 400000 /* nodes */

struct mmdb {
	int family; /* 4 or 6 */
	int record_size; /* 24, 28 or 32 bits */
	int (*node)[2]; /* 0: empty; n > 0: node n; n < 0: record -n - 1 */
	int nodes;
	const char *const *country; /* the records are countries, or ... */
	const uint32_t *network; /* ... networks */
	const char *const *network_text; /* records also have these networks; NULL: they do not */
	int records;
	uint64_t built; /* seconds since 1970; 0: 1700000000 */
};

static inline void mmdb_init(struct mmdb *m)
{
	m->node = calloc(MMDB_ROOM, sizeof(*m->node));
	m->nodes = 1;
}

/* Splits a place: both halves below it get the record that it had. */
static inline int mmdb_split(struct mmdb *m, int *at)
{
	if (*at <= 0) {
		assert_true(m->nodes < MMDB_ROOM);
		m->node[m->nodes][0] = m->node[m->nodes][1] = *at;
		*at = m->nodes++;
	}
	return *at;
}

/* Returns the place for the first `len` bits of `at`, which has as many bits as the tree. */
static inline int *mmdb_place(struct mmdb *m, addr_number at, int len)
{
	int bits = m->family == 4 ? 32 : 128, node = 0, i;

	for (i = 0; i < len - 1; i++)
		node = mmdb_split(m, &m->node[node][at >> (bits - 1 - i) & 1]);
	return &m->node[node][at >> (bits - len) & 1];
}

static inline void mmdb_add(struct mmdb *m, addr_number at, int len, int record)
{
	*mmdb_place(m, at, len) = -record - 1;
}

static inline void text_put(FILE *out, const char *text)
{
	fputc(2 << 5 | (int)strlen(text), out);
	fputs(text, out);
}

static inline void number_put(FILE *out, int type, uint64_t n)
{
	int bytes = 0, i;

	while (bytes < 8 && n >> 8 * bytes)
		bytes++;
	fputc((type > 7 ? 0 : type << 5) | bytes, out);
	if (type > 7)
		fputc(type - 7, out);
	for (i = bytes - 1; i >= 0; i--)
		fputc(n >> 8 * i & 0xff, out);
}

static inline void record_put(const struct mmdb *m, FILE *out, uint64_t left, uint64_t right)
{
	uint8_t b[8] = { left >> 16, left >> 8, left, right >> 16, right >> 8, right };

	if (m->record_size == 28) {
		memmove(b + 4, b + 3, 3);
		b[3] = (left >> 24 & 15) << 4 | (right >> 24 & 15);
	}
	if (m->record_size == 32) {
		memmove(b + 5, b + 3, 3);
		memmove(b + 1, b, 3);
		b[0] = left >> 24;
		b[4] = right >> 24;
	}
	fwrite(b, m->record_size / 4, 1, out);
}

static inline uint64_t record_of(const struct mmdb *m, int child, const long *offset)
{
	return child > 0 ? child : child ? m->nodes + 16 + offset[-child - 1] : m->nodes;
}

static inline void metadata_put(const struct mmdb *m, FILE *out)
{
	fwrite("\xab\xcd\xefMaxMind.com", 14, 1, out);
	fputc(7 << 5 | 9, out);
	text_put(out, "node_count");
	number_put(out, 6, m->nodes);
	text_put(out, "record_size");
	number_put(out, 5, m->record_size);
	text_put(out, "ip_version");
	number_put(out, 5, m->family);
	text_put(out, "database_type");
	text_put(out, "sluice-test");
	text_put(out, "binary_format_major_version");
	number_put(out, 5, 2);
	text_put(out, "binary_format_minor_version");
	number_put(out, 5, 0);
	text_put(out, "build_epoch");
	number_put(out, 9, m->built ? m->built : 1700000000);
	text_put(out, "languages");
	fwrite("\0\4", 2, 1, out); /* an empty array */
	text_put(out, "description");
	fputc(7 << 5, out); /* an empty map */
}

static inline void data_put(const struct mmdb *m, FILE *out, long *offset)
{
	char *data;
	size_t size;
	FILE *memory = open_memstream(&data, &size);
	int i;

	for (i = 0; i < m->records; i++) {
		offset[i] = ftell(memory);
		fputc(7 << 5 | (m->network_text ? 2 : 1), memory);
		if (m->network_text) {
			text_put(memory, "asn");
			text_put(memory, m->network_text[i]);
		}
		text_put(memory, m->country ? "country" : "autonomous_system_number");
		if (!m->country) {
			number_put(memory, 6, m->network[i]);
			continue;
		}
		fputc(7 << 5 | 1, memory);
		text_put(memory, "iso_code");
		text_put(memory, m->country[i]);
	}
	fclose(memory);
	for (i = 0; i < m->nodes; i++)
		record_put(m, out, record_of(m, m->node[i][0], offset), record_of(m, m->node[i][1], offset));
	fwrite("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, 1, out);
	fwrite(data, size, 1, out);
	free(data);
}

static inline void mmdb_write(struct mmdb *m, const char *path)
{
	long *offset = calloc(m->records, sizeof(*offset));
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	data_put(m, out, offset);
	metadata_put(m, out);
	assert_int_equal(fclose(out), 0);
	free(offset);
	free(m->node);
}

#endif
