/* SPDX-License-Identifier: BSD-2-Clause */
/* Moments as programs read them, in UTC: for JSON, also within the texts of answers. moment.h has those for people. */
#ifndef SLUICE_CORE_UTC_H
#define SLUICE_CORE_UTC_H

#include <stdint.h>

#define UTC_LEN 32

/* Returns "2026-01-31T11:00:00Z" (RFC 3339), or "?" for seconds since 1970 that lie beyond the year 9999: files say what they like. */
const char *utc_say(uint64_t when, char buf[static UTC_LEN]);

#endif
