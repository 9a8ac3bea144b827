/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers, times, rates and shares as text. All: 0, or -EINVAL with nothing written. */
#ifndef SLUICE_CORE_VALUE_H
#define SLUICE_CORE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"

/* N events in `seconds`; count 0 means no limit. `given` is as in struct share. */
struct rate {
	uint32_t count;
	uint32_t seconds;
	bool given;
};

/* A number, or a percentage of max-connections. */
struct share {
	uint32_t value;
	bool percent;
	bool given; /* a set that does not give it uses the service's; 0 lifts the limit */
};

/* Where the exporter listens: a numeric address and a port; off means nowhere. */
struct listen {
	struct sluice_addr addr;
	uint16_t port;
	bool off;
};

int count_parse(const char *text, uint32_t min, uint32_t max, uint32_t *out);
int asn_parse(const char *text, uint32_t *out); /* "64496" or "AS64496" */
int rate_parse(const char *text, struct rate *out); /* "60/1m"; "0": none; at most 1 d */
int share_parse(const char *text, struct share *out); /* "20" or "2%" */
int listen_parse(const char *text, struct listen *out); /* "127.0.0.1:9798", "[::1]:9798" or "none" */
int bool_parse(const char *text, bool *out);
/* Reads "90", "90s", "5m", "2h", "1d" as seconds, at least 1; -EINVAL otherwise. */
int seconds_parse(const char *text, uint32_t *out);
#define TIME_IS "a time up to 49710d: write 90, 90s, 5m, 2h" /* for messages, which go on with " or 1d" or more */
/* Reads "200ms", "2s" as milliseconds, at least 1; a number without a unit is refused, since elsewhere it means seconds. */
int milliseconds_parse(const char *text, uint32_t *out);
/* 1 to SLUICE_NAME_LEN - 1 letters, digits, '_', '.' or '-'; not "-" alone. */
bool name_is_good(const char *name);
/* Writes the shortest form that seconds_parse() reads back. Returns buf. */
#define LISTEN_TEXT_LEN (ADDR_TEXT_LEN + 8)
/* Writes the form that listen_parse() reads back. Returns buf. */
const char *listen_format(const struct listen *l, char buf[static LISTEN_TEXT_LEN]);
const char *seconds_format(uint32_t seconds, char buf[static 16]);

#endif
