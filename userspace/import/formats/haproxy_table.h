/* SPDX-License-Identifier: BSD-2-Clause */
/* HAProxy's stick-tables: where a fetch, as sc0_conn_rate or src_conn_cur(TABLE), counts, and whether it counts each source by itself. */
#ifndef SLUICE_IMPORT_HAPROXY_TABLE_H
#define SLUICE_IMPORT_HAPROXY_TABLE_H

#include "import.h"

/* Whether this word begins a section. */
bool haproxy_begins(const char *word);
/*
 * Returns the section in `table` whose stick-table a fetch of `section` counts in. Returns false, with the line left out, if it counts by
 * something else than the source, or not every source.
 */
bool haproxy_counts_sources(struct import *m, const char *section, const char *fetch, const struct line *line,
			    char table[static 64]);
enum haproxy_when { HAPROXY_COUNTED, HAPROXY_NOT_YET, HAPROXY_NEVER };
/*
 * Whether the connection that `rule` judges is counted when the fetch is asked: only if its track-sc stands before. A counter that is not
 * set yet never tells anything; src_... tells of the others.
 */
enum haproxy_when haproxy_when_counted(struct import *m, const char *section, const char *fetch,
				       const struct line *rule);
/* Returns the time of conn_rate in the stick-table of a section; false: it stores none. */
bool haproxy_interval(const struct import *m, const char *table, char out[static 32]);

#endif
