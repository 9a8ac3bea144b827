/* SPDX-License-Identifier: BSD-2-Clause */
/* When data from others is more likely torn than right: the one rule for databases (geo.c) and lists (list_read.c). */
#ifndef SLUICE_CORE_TORN_H
#define SLUICE_CORE_TORN_H

#include <stdbool.h>
#include <stdint.h>

/* Whether more than half of the `now` entries in force would be gone. */
static inline bool is_torn(uint32_t now, uint32_t next)
{
	return next < now / 2 + now % 2;
}

#endif
