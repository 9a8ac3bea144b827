/* SPDX-License-Identifier: BSD-2-Clause */
/* MaxMind DB files (maxmind.github.io/MaxMind-DB), read by libmaxminddb: the whole tree, in the order of addresses. */
#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "cleanup.h"
#include "country.h"
#include "files.h"
#include "geo.h"
#include "intern.h"

/* More than any database has (a hostile one can hang the same node into its tree without end). */
#define MMDB_NODES_MOST 50000000
#define MMDB_BYTES (2L << 30) /* the copy is in memory */

/* Where the two kinds stand, in the records of the databases that are around. */
static const char *const country_paths[][4] = {
	{ "country", "iso_code" },
	{ "country_code" },
	{ "registered_country", "iso_code" },
};
static const char *const network_paths[][4] = { { "autonomous_system_number" }, { "asn" } };

struct walk {
	MMDB_s db;
	struct geo_file *file;
	struct spans *out;
	struct intern offsets; /* of records seen */
	uint32_t *values; /* of these */
	unsigned int nodes;
};

static int country_value(MMDB_entry_s *entry, uint32_t *out)
{
	MMDB_entry_data_s data;
	uint16_t country;
	char text[3] = "";
	size_t i;

	for (i = 0; i < sizeof(country_paths) / sizeof(*country_paths); i++) {
		if (MMDB_aget_value(entry, &data, country_paths[i]) || !data.has_data ||
		    data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size != 2)
			continue;
		memcpy(text, data.utf8_string, 2);
		if (country_parse(text, &country) || !country)
			continue;
		*out = country;
		return 0;
	}
	return -ENOENT;
}

static int network_value(MMDB_entry_s *entry, uint32_t *out)
{
	MMDB_entry_data_s data;
	size_t i;

	for (i = 0; i < sizeof(network_paths) / sizeof(*network_paths); i++) {
		if (MMDB_aget_value(entry, &data, network_paths[i]) || !data.has_data)
			continue;
		if (data.type == MMDB_DATA_TYPE_UINT32 && data.uint32) {
			*out = data.uint32;
			return 0;
		}
	}
	return -ENOENT;
}

/* 0 where the record says nothing. A record with both a country and a network counts as what the file began with. */
static uint32_t record_value(struct walk *w, MMDB_entry_s *entry)
{
	uint32_t value = 0;

	if (w->file->kind != SLUICE_GEO_ASN && !country_value(entry, &value))
		w->file->kind = SLUICE_GEO_COUNTRY;
	else if (w->file->kind != SLUICE_GEO_COUNTRY && !network_value(entry, &value))
		w->file->kind = SLUICE_GEO_ASN;
	return value;
}

/* Many networks share a record: each is decoded once. */
static int record_read(struct walk *w, MMDB_entry_s *entry, uint32_t *out)
{
	size_t known = w->offsets.count;
	uint32_t *more;
	int number;

	number = intern_put(&w->offsets, &entry->offset);
	if (number < 0)
		return number;
	if (w->offsets.count > known) {
		more = reallocarray(w->values, w->offsets.room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		w->values = more;
		w->values[number] = record_value(w, entry);
	}
	*out = w->values[number];
	return 0;
}

/*
 * The `bits` low bits of a network are open and `at` is its first address. IPv4 stands at ::/96 of an IPv6 tree and is put
 * where it belongs; what lies between there and the mapped part says nothing (often it is ::/96 once more).
 */
static int network_emit(struct walk *w, addr_number at, unsigned int bits, uint32_t value)
{
	if (bits <= 32 && at <= UINT32_MAX)
		at += IPV4_FIRST;
	else if (at > UINT32_MAX && at <= IPV4_LAST)
		return 0;
	return spans_add(w->out, at, value);
}

/* Everything below a node. Recursion: one deep for each bit. */
static int tree_walk(struct walk *w, uint64_t node, addr_number at, unsigned int bits)
{
	MMDB_search_node_s sides;
	uint32_t value;
	int side, err = 0;
	uint8_t type;

	if (!bits-- || ++w->nodes > MMDB_NODES_MOST || MMDB_read_node(&w->db, node, &sides) != MMDB_SUCCESS)
		return -EINVAL;
	for (side = 0; side < 2 && !err; side++, at += (addr_number)1 << bits) {
		type = side ? sides.right_record_type : sides.left_record_type;
		value = 0;
		if (type == MMDB_RECORD_TYPE_SEARCH_NODE) {
			err = tree_walk(w, side ? sides.right_record : sides.left_record, at, bits);
			continue;
		}
		if (type == MMDB_RECORD_TYPE_DATA)
			err = record_read(w, side ? &sides.right_record_entry : &sides.left_record_entry, &value);
		else if (type != MMDB_RECORD_TYPE_EMPTY)
			err = -EINVAL;
		if (!err)
			err = network_emit(w, at, bits, value);
	}
	return err;
}

static int database_walk(struct walk *w)
{
	bool ipv4 = w->db.metadata.ip_version == 4;
	int err;

	err = spans_init(w->out, 0);
	if (!err)
		err = intern_init(&w->offsets, 1);
	if (!err)
		err = tree_walk(w, 0, 0, ipv4 ? 32 : 128);
	if (!err && ipv4)
		err = spans_add(w->out, IPV4_LAST + 1, 0);
	return err;
}

/*
 * libmaxminddb maps the file; one that is cut short meanwhile would end us by SIGBUS. So it gets a copy of our own. -errno, and *why.
 */
static int copy_open(const char *path, const char **why)
{
	_cleanup_close_ int from = file_open(path, why), copy = memfd_create("mmdb", MFD_CLOEXEC);
	struct stat is;
	ssize_t got;
	int fd;

	if (from < 0 || copy < 0 || fstat(from, &is))
		return from < 0 ? from : -errno;
	if (is.st_size > MMDB_BYTES)
		return -EFBIG;
	while ((got = sendfile(copy, from, NULL, 1 << 24)) > 0)
		;
	if (got < 0)
		return -errno;
	fd = copy;
	copy = -1;
	return fd;
}

int geo_mmdb_read(struct geo_file *f, const struct place *at, struct spans *out, struct diag *d)
{
	const char *why;
	_cleanup_close_ int copy = copy_open(f->path, &why);
	struct walk w = { .file = f, .out = out };
	char name[32];
	int err, status;

	if (copy < 0) {
		diag_at(d, at, "cannot read the database %s: %s: %s", f->path, strerror(-copy), why);
		return -EINVAL;
	}
	snprintf(name, sizeof(name), "/proc/self/fd/%d", copy);
	status = MMDB_open(name, MMDB_MODE_MMAP, &w.db);
	if (status != MMDB_SUCCESS) {
		diag_at(d, at, "cannot read the database %s: %s: is it a MaxMind DB, and whole?", f->path,
			MMDB_strerror(status));
		return -EINVAL;
	}
	f->built = w.db.metadata.build_epoch;
	err = database_walk(&w);
	if (err == -EINVAL)
		diag_at(d, at, "the database %s is broken after %u nodes: fetch it again", f->path, w.nodes);
	intern_free(&w.offsets);
	free(w.values);
	MMDB_close(&w.db);
	return err;
}
