/* SPDX-License-Identifier: BSD-2-Clause */
/* The tries of the two slots: array maps whose pages are mapped into our memory. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"
#include "trie.h"

/* Returns the descriptor of a new map with these pages, or -errno. */
static int trie_create(const struct trie *t)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	size_t bytes = t->pages * sizeof(struct sluice_trie_page);
	_cleanup_close_ int fd = -1;
	void *room;
	int made;

	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sluice_trie", sizeof(__u32), sizeof(struct sluice_trie_page), t->pages,
			    &opts);
	if (fd < 0)
		return fd;
	room = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (room == MAP_FAILED)
		return -errno;
	memcpy(room, t->cell, bytes);
	munmap(room, bytes);
	made = fd;
	fd = -1;
	return made;
}

/*
 * The kernel waits for an RCU grace period when an element of an array of maps is replaced (kernel/bpf/syscall.c, maybe_wait_bpf_programs):
 * when this returns, nobody reads what was in the slot, or follows an index read before.
 */
int trie_replace(struct engine *e, __u32 slot, const struct trie *t)
{
	_cleanup_close_ int fd = trie_create(t);
	int err = fd < 0 ? fd : bpf_map_update_elem(e->map[MAP_tries], &slot, &fd, BPF_ANY);

	if (err)
		return err;
	if (e->trie[slot] >= 0)
		close(e->trie[slot]);
	e->trie[slot] = fd;
	fd = -1;
	return 0;
}

static int trie_open(const struct engine *e, __u32 slot)
{
	__u32 id;
	int err;

	if (e->trie[slot] >= 0)
		return fcntl(e->trie[slot], F_DUPFD_CLOEXEC, 3);
	err = bpf_map_lookup_elem(e->map[MAP_tries], &slot, &id);
	return err ? err : bpf_map_get_fd_by_id(id);
}

void tries_keep(struct engine *e)
{
	__u32 slot;

	for (slot = 0; slot < SLUICE_SLOTS; slot++) {
		if (e->trie[slot] < 0)
			e->trie[slot] = trie_open(e, slot);
	}
}

int trie_drop(struct engine *e, __u32 slot)
{
	struct sluice_trie_page page = {};
	const struct trie empty = { .cell = page.cell, .pages = 1 };
	_cleanup_close_ int other_trie = -1;
	__u32 other = !slot;
	int err;

	other_trie = trie_open(e, other);
	if (other_trie < 0)
		return other_trie;
	/* Does the same once more, only to wait: packets that found the slot before it became idle have been judged then. */
	err = bpf_map_update_elem(e->map[MAP_tries], &other, &other_trie, BPF_ANY);
	return err ? err : trie_replace(e, slot, &empty);
}

int trie_view_open(const struct engine *e, __u32 slot, struct trie_view *out)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	_cleanup_close_ int fd = trie_open(e, slot);
	void *room;
	int err;

	if (fd < 0)
		return fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (err)
		return err;
	room = mmap(NULL, info.max_entries * sizeof(struct sluice_trie_page), PROT_READ, MAP_SHARED, fd, 0);
	if (room == MAP_FAILED)
		return -errno;
	*out = (struct trie_view){ room, info.max_entries };
	return 0;
}

void trie_view_close(struct trie_view *v)
{
	if (v->cell)
		munmap((void *)(uintptr_t)v->cell, v->pages * sizeof(struct sluice_trie_page));
	*v = (struct trie_view){};
}
