/* SPDX-License-Identifier: BSD-2-Clause */
/* The gate twice over the same tables: as it is, and without its express lane. Whatever one refuses the other does, and counts alike. */
#ifndef SLUICE_TESTS_ORDER_H
#define SLUICE_TESTS_ORDER_H

#include <stdbool.h>
#include <stddef.h>

struct order;

/* Of a loaded instance; NULL: not possible. */
struct order *order_open(const char *instance);
void order_close(struct order *o);
/* false: they differ about this frame, which is refused by the gate as it is. */
bool order_agrees(struct order *o, int gate, const void *frame, size_t len);

#endif
