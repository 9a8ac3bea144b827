/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When a counted connection is over although no event said so: the daemon finds such connections, and the kernel side checks each again. */
#ifndef SLUICE_GONE_H
#define SLUICE_GONE_H

#include "abi.h"

/*
 * Returns non-zero if two audits in a row did not find its socket. It takes two, because an audit may skip a socket (before 6.1.183 and
 * 6.12.104 the iterator could). No audit finds a connection that waits to be taken, so that is over after SLUICE_WAIT_S. `now_ns` is
 * CLOCK_MONOTONIC.
 */
static inline __attribute__((always_inline)) int connection_gone(const struct sluice_connection *c, __u32 audit,
								 __u64 now_ns)
{
	if (c->waits_s)
		return 1 + (__u32)(now_ns / 1000000000) - c->waits_s > SLUICE_WAIT_S;
	return audit - c->seen >= 2;
}

#endif
