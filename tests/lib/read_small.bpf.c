/* SPDX-License-Identifier: BSD-2-Clause */
/* read.bpf.c with 1 MB, most of which fits into a second-level cache. */
#define LINES (1 << 14)
#include "read.bpf.c"
