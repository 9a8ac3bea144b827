/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs the gate twice over the same tables: as it is, and without its express lane. Both must give the same verdict on all that the gate
 * refuses and on segments of connections, and count it alike. fuzz_gate calls it.
 */
#ifndef SLUICE_TESTS_ORDER_H
#define SLUICE_TESTS_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "abi.h"

struct order;

/* Loads the second gate beside a loaded instance. Returns NULL if it cannot. */
struct order *order_open(const char *instance);
void order_close(struct order *o);
int order_program(const struct order *o);
/* Returns the verdict (enum xdp_action) of the order alone on a frame that the gate has just judged; below 0 if it could not be run. */
int order_verdict(const struct order *o, const void *frame, size_t len);
/*
 * Says whether both have counted alike since order_open(), except for `but` packets. Both must have judged the same frames; with `refused` it compares
 * only reasons that refuse. If it returns false, *why is the reason that was counted differently.
 */
bool order_counted(struct order *o, bool refused, uint64_t but, enum sluice_reason *why);

#endif
