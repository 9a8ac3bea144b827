/* SPDX-License-Identifier: BSD-2-Clause */
/* MaxMind DB files (maxmind.github.io/MaxMind-DB), read by libmaxminddb: the whole tree, in the order of addresses. */
#include <errno.h>
#include <maxminddb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "cleanup.h"
#include "country.h"
#include "geo_age.h"
#include "geo_formats.h"
#include "intern.h"
#include "value.h"

#define DAY 86400

/* More than any database has (a hostile one can use the same node again and again without end). */
#define MMDB_NODES_MOST 50000000
/* The metadata follow this, in the last 128 KB. */
#define MMDB_MARKER "\xab\xcd\xefMaxMind.com"
#define MMDB_TAIL (128 << 10)

/* Where the two kinds are in the records of common databases. */
static const char *const country_paths[][4] = {
	{ "country", "iso_code" },
	{ "country_code" },
	{ "registered_country", "iso_code" },
	{ "country" },
};
static const char *const network_paths[][4] = { { "autonomous_system_number" }, { "asn" } };

struct record {
	uint32_t value[SLUICE_GEO_KINDS];
};

struct walk {
	MMDB_s db;
	struct geo_file *file;
	struct spans *out; /* by kind */
	struct intern offsets; /* offsets of the records seen */
	struct record *records; /* these */
	unsigned int nodes;
};

/* Reads a string of at most 15 bytes. Returns -ENOENT if there is none. */
static int text_value(MMDB_entry_s *entry, const char *const *way, char text[static 16])
{
	MMDB_entry_data_s data;

	if (MMDB_aget_value(entry, &data, way) || !data.has_data || data.type != MMDB_DATA_TYPE_UTF8_STRING ||
	    data.data_size > 15)
		return -ENOENT;
	snprintf(text, 16, "%.*s", (int)data.data_size, data.utf8_string);
	return 0;
}

static uint32_t country_value(struct walk *w, MMDB_entry_s *entry)
{
	uint16_t country;
	char text[16];
	size_t i;

	for (i = 0; i < sizeof(country_paths) / sizeof(*country_paths); i++) {
		if (text_value(entry, country_paths[i], text))
			continue;
		w->file->skipped += country_of_data(text, &country) != 0;
		if (country)
			return country;
	}
	return 0;
}

/* 64496, or "AS64496". */
static uint32_t network_value(MMDB_entry_s *entry)
{
	MMDB_entry_data_s data;
	char text[16];
	uint32_t asn;
	size_t i;

	for (i = 0; i < sizeof(network_paths) / sizeof(*network_paths); i++) {
		if (!MMDB_aget_value(entry, &data, network_paths[i]) && data.has_data &&
		    data.type == MMDB_DATA_TYPE_UINT32)
			return data.uint32;
		if (!text_value(entry, network_paths[i], text) &&
		    !count_parse(text + (strncmp(text, "AS", 2) ? 0 : 2), 0, UINT32_MAX, &asn))
			return asn;
	}
	return 0;
}

/* Many networks share a record: each is decoded once. */
static int record_read(struct walk *w, MMDB_entry_s *entry, struct record *out)
{
	size_t known = w->offsets.count;
	struct record *more;
	int number;

	number = intern_put(&w->offsets, &entry->offset);
	if (number < 0)
		return number;
	if (w->offsets.count > known) {
		more = reallocarray(w->records, w->offsets.room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		w->records = more;
		w->records[number] = (struct record){ { country_value(w, entry), network_value(entry) } };
	}
	*out = w->records[number];
	return 0;
}

/*
 * Adds a network whose `bits` low bits are open and whose first address is `at`. In an IPv6 tree IPv4 is at ::/96, and is moved to where it
 * belongs; what is between there and the mapped part means nothing (often it is ::/96 once more).
 */
static int network_emit(struct walk *w, addr_number at, unsigned int bits, const struct record *record)
{
	int kind, err = 0;

	if (bits <= 32 && at <= UINT32_MAX)
		at += IPV4_FIRST;
	else if (at > UINT32_MAX && at <= IPV4_LAST)
		return 0;
	for (kind = 0; kind < SLUICE_GEO_KINDS && !err; kind++)
		err = spans_add(&w->out[kind], at, record->value[kind]);
	return err;
}

/* Walks everything below a node. It recurses once for each bit. */
static int tree_walk(struct walk *w, uint64_t node, addr_number at, unsigned int bits)
{
	MMDB_search_node_s sides;
	struct record record;
	int side, err = 0;
	uint8_t type;

	if (!bits-- || ++w->nodes > MMDB_NODES_MOST || MMDB_read_node(&w->db, node, &sides) != MMDB_SUCCESS)
		return -EINVAL;
	for (side = 0; side < 2 && !err; side++, at += (addr_number)1 << bits) {
		type = side ? sides.right_record_type : sides.left_record_type;
		record = (struct record){};
		if (type == MMDB_RECORD_TYPE_SEARCH_NODE) {
			err = tree_walk(w, side ? sides.right_record : sides.left_record, at, bits);
			continue;
		}
		if (type == MMDB_RECORD_TYPE_DATA)
			err = record_read(w, side ? &sides.right_record_entry : &sides.left_record_entry, &record);
		else if (type != MMDB_RECORD_TYPE_EMPTY)
			err = -EINVAL;
		if (!err)
			err = network_emit(w, at, bits, &record);
	}
	return err;
}

static int database_walk(struct walk *w)
{
	bool ipv4 = w->db.metadata.ip_version == 4;
	int kind, err = 0;

	for (kind = 0; kind < SLUICE_GEO_KINDS && !err; kind++)
		err = spans_init(&w->out[kind], 0);
	if (!err)
		err = intern_init(&w->offsets, 1);
	if (!err)
		err = tree_walk(w, 0, 0, ipv4 ? 32 : 128);
	return err || !ipv4 ? err : network_emit(w, IPV4_LAST + 1, 128, &(const struct record){});
}

bool geo_is_mmdb(const struct geo_bytes *bytes)
{
	size_t tail = bytes->count < MMDB_TAIL ? bytes->count : MMDB_TAIL;

	return memmem(bytes->at + bytes->count - tail, tail, MMDB_MARKER, strlen(MMDB_MARKER));
}

/*
 * libmaxminddb maps a file, so it gets a copy of our own, which nobody can truncate meanwhile (that would end us by SIGBUS). Returns -errno
 * on failure.
 */
static int copy_open(const struct geo_bytes *bytes)
{
	_cleanup_close_ int copy = memfd_create("mmdb", MFD_CLOEXEC);
	size_t done = 0;
	ssize_t n;
	int fd;

	while (copy >= 0 && done < bytes->count) {
		n = write(copy, bytes->at + done, bytes->count - done);
		if (n <= 0)
			return -errno;
		done += n;
	}
	fd = copy < 0 ? -errno : copy;
	copy = -1;
	return fd;
}

/* A database of the future would never be too old, so the date of its file stands for its age. */
static void built_note(struct geo_file *f, uint64_t when, const struct place *at, struct diag *d)
{
	if (when <= (uint64_t)time(NULL) + DAY)
		f->built = when;
	else
		diag_at(d, at, "the database %s says that it was built in the future: its file's date counts", f->path);
}

int geo_mmdb_read(struct geo_file *f, const struct geo_bytes *bytes, const struct place *at,
		  struct spans out[static SLUICE_GEO_KINDS], struct diag *d)
{
	_cleanup_close_ int copy = copy_open(bytes);
	struct walk w = { .file = f, .out = out };
	char name[32];
	int err, status;

	if (copy < 0) {
		diag_at(d, at, "cannot read the database %s: %s", f->path, strerror(-copy));
		return -EINVAL;
	}
	snprintf(name, sizeof(name), "/proc/self/fd/%d", copy);
	status = MMDB_open(name, MMDB_MODE_MMAP, &w.db);
	if (status != MMDB_SUCCESS) {
		diag_at(d, at, "cannot read the database %s: %s: is it a MaxMind DB, and whole?", f->path,
			MMDB_strerror(status));
		return -EINVAL;
	}
	built_note(f, w.db.metadata.build_epoch, at, d);
	f->pace = w.db.metadata.database_type ? geo_pace_named(w.db.metadata.database_type) : NULL;
	err = database_walk(&w);
	if (err == -EINVAL)
		diag_at(d, at, "the database %s is broken after %u nodes: fetch it again", f->path, w.nodes);
	if (!err && f->skipped)
		diag_at(d, at, "the database %s: %u records name a country that does not exist; the others are used",
			f->path, f->skipped);
	intern_free(&w.offsets);
	free(w.records);
	MMDB_close(&w.db);
	return err;
}
