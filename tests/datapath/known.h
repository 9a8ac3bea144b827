/* SPDX-License-Identifier: BSD-2-Clause */
/* The filter of known keys (bpf/charge/known.bpf.h), for programs that put counters into a table themselves, and for tests that look at it. */
#ifndef SLUICE_TESTS_KNOWN_H
#define SLUICE_TESTS_KNOWN_H

#include <stdint.h>

/* Lets each place of the filter `fd` count that many keys: 1 or more makes the gate search the tables for everybody. Returns 0 or -errno. */
int known_fill(int fd, uint16_t keys);
/* Returns how many keys the filter `fd` counts in all. */
uint64_t known_sum(int fd);

#endif
