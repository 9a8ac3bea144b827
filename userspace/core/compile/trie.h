/* SPDX-License-Identifier: BSD-2-Clause */
/* Spans -> the pages that the gate looks addresses up in. The layout, and where it comes from, is in maps/abi.h. */
#ifndef SLUICE_CORE_TRIE_H
#define SLUICE_CORE_TRIE_H

#include "spans.h"

struct trie {
	uint32_t *cell;
	size_t pages;
};

/* Values are leaves, below 2^31. Returns 0 or -ENOMEM; *out is freed with trie_free(). */
int trie_build(const struct spans *s, struct trie **out);
void trie_free(struct trie *t);
/* Looks up as the gate does (bpf/source/trie.bpf.h). */
uint32_t trie_find(const uint32_t *cell, size_t pages, const struct sluice_addr *a);

#endif
