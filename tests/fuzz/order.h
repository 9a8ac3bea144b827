/* SPDX-License-Identifier: BSD-2-Clause */
/* The gate twice over the same tables: as it is, and without its express lane. Whatever one refuses, or lets pass of a connection, the other does, and counts alike. */
#ifndef SLUICE_TESTS_ORDER_H
#define SLUICE_TESTS_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "abi.h"

struct order;

/* Of a loaded instance; NULL: not possible. */
struct order *order_open(const char *instance);
void order_close(struct order *o);
int order_program(const struct order *o);
/* What the order alone makes of a frame that the gate as it is has just judged: enum xdp_action; below 0: it could not be asked. */
int order_verdict(const struct order *o, const void *frame, size_t len);
/*
 * Since it was opened both have been asked about the same frames, or (`refused`) about the same of those that are refused: false where
 * they counted otherwise, for this reason.
 */
bool order_counted(struct order *o, bool refused, enum sluice_reason *why);

#endif
