/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers, times, rates and shares as text. All: 0, or -EINVAL with nothing written. */
#ifndef SLUICE_CORE_VALUE_H
#define SLUICE_CORE_VALUE_H

#include "policy.h"

int count_parse(const char *text, uint32_t min, uint32_t max, uint32_t *out);
int rate_parse(const char *text, struct rate *out); /* "60/1m"; "0": none; at most 1 d */
int share_parse(const char *text, struct share *out); /* "20" or "2%" */
int bool_parse(const char *text, bool *out);
/* The shortest form that seconds_parse() reads back. Returns buf. */
const char *seconds_format(uint32_t seconds, char buf[static 16]);

#endif
