/* SPDX-License-Identifier: BSD-2-Clause */
/* List formats other than plain lines: dumps of firewalls, and JSON. list_text.c tells them apart. */
#ifndef SLUICE_CORE_LIST_DUMP_H
#define SLUICE_CORE_LIST_DUMP_H

#include "list_reader.h"

int list_json_read(struct list_reader *r, char *text);
int list_ipset_read(struct list_reader *r, char *text);
int list_nft_read(struct list_reader *r, char *text);

#endif
