/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading whole tables of the kernel, and sums over its processors: what the files of kern/ that read share. */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

#define BATCH 4096

int possible_cpus(void)
{
	return libbpf_num_possible_cpus();
}

/* Doubles two parallel arrays. */
static int table_grow(void **keys, void **values, size_t key_size, size_t value_size, size_t room)
{
	void *more;

	more = realloc(*keys, room * key_size);
	if (!more)
		return -ENOMEM;
	*keys = more;
	more = realloc(*values, room * value_size);
	if (!more)
		return -ENOMEM;
	*values = more;
	return 0;
}

/* Walks by key, because on older kernels the LPM trie has no batches. A concurrent change may repeat or skip an entry. */
static int table_walk(int fd, size_t key_size, size_t value_size, void **keys, void **values, size_t *count)
{
	char key[sizeof(struct sluice_tuple)];
	size_t n = 0, room = 0;
	const void *last = NULL;
	int err = 0;

	while (!bpf_map_get_next_key(fd, last, key)) {
		if (n == room) {
			room = room ? room * 2 : 64;
			err = table_grow(keys, values, key_size, value_size, room);
			if (err)
				return err;
		}
		memcpy((char *)*keys + n * key_size, key, key_size);
		last = (char *)*keys + n * key_size;
		if (!bpf_map_lookup_elem(fd, last, (char *)*values + n * value_size))
			n++;
		else
			last = memcpy(key, last, key_size);
	}
	*count = n;
	return 0;
}

static int table_batches(int fd, size_t key_size, size_t value_size, void **keys, void **values, size_t *count)
{
	__u64 token[8]; /* the kernel writes a bucket number here, or a key */
	size_t n = 0, room = 0;
	bool first = true;
	int err = 0;
	__u32 got;

	while (!err) {
		if (room - n < BATCH) {
			room = room ? room * 2 : BATCH * 2;
			err = table_grow(keys, values, key_size, value_size, room);
			if (err)
				return err;
		}
		got = room - n;
		err = bpf_map_lookup_batch(fd, first ? NULL : token, token, (char *)*keys + n * key_size,
					   (char *)*values + n * value_size, &got, NULL);
		if (!err || err == -ENOENT)
			n += got;
		first = false;
	}
	*count = n;
	return err == -ENOENT ? 0 : err;
}

int table_read(int fd, size_t key_size, size_t value_size, void **keys, void **values, size_t *count)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int err;

	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (err)
		return err;
	if (info.type == BPF_MAP_TYPE_HASH || info.type == BPF_MAP_TYPE_LRU_HASH || info.type == BPF_MAP_TYPE_ARRAY)
		return table_batches(fd, key_size, value_size, keys, values, count);
	return table_walk(fd, key_size, value_size, keys, values, count);
}

int percpu_sums(int fd, __u32 first, __u32 count, __u32 words, __u64 *out)
{
	__u32 cpus = possible_cpus(), done, got, last, next, i, word;
	_cleanup_free_ __u64 *each = calloc((size_t)count * cpus * words, sizeof(*each));
	_cleanup_free_ __u32 *keys = calloc(count, sizeof(*keys));
	int err;

	if (!each || !keys)
		return -ENOMEM;
	memset(out, 0, (size_t)count * words * sizeof(*out));
	for (done = 0; done < count; done += got) {
		got = count - done;
		last = first + done - 1;
		err = bpf_map_lookup_batch(fd, first + done ? &last : NULL, &next, keys, each, &got, NULL);
		if (!got || (err && err != -ENOENT)) /* -ENOENT: the end of the map */
			return err ? err : -EIO;
		for (i = 0; i < got * cpus; i++) {
			for (word = 0; word < words; word++)
				out[(done + i / cpus) * words + word] += each[i * words + word];
		}
	}
	return 0;
}

int tally_read(const struct engine *e, __u32 row, uint64_t *out)
{
	__u64 sum = 0;
	int err = percpu_sums(e->map[MAP_tally], row, 1, 1, &sum);

	*out = (__s64)sum > 0 ? sum : 0;
	return err;
}
