/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads and writes the map `known`: see known.h. */
#include <bpf/bpf.h>

#include "abi.h"
#include "known.h"

#define PLACES 4

int known_fill(int fd, uint16_t keys)
{
	const __u64 word = keys * 0x0001000100010001ULL;
	__u32 i;
	int err = 0;

	for (i = 0; i < SLUICE_KNOWN_WORDS && !err; i++)
		err = bpf_map_update_elem(fd, &i, &word, BPF_ANY);
	return err;
}

uint64_t known_sum(int fd)
{
	uint64_t sum = 0;
	__u64 word = 0;
	__u32 i, place;

	for (i = 0; i < SLUICE_KNOWN_WORDS; i++) {
		bpf_map_lookup_elem(fd, &i, &word);
		for (place = 0; place < PLACES; place++)
			sum += (uint16_t)(word >> 16 * place);
	}
	return sum;
}
