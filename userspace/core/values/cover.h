/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of prefixes against which many addresses are tested: which connections does an order cover? Made once for each order. */
#ifndef SLUICE_CORE_COVER_H
#define SLUICE_CORE_COVER_H

#include "addr.h"

struct cover {
	struct prefix *item; /* sorted */
	size_t count;
	unsigned char lens[129]; /* of the set: not 0 */
};

/* Copies the list. Returns 0 or -ENOMEM; freed with cover_free(). */
int cover_make(struct cover *c, const struct prefix *list, size_t count);
void cover_free(struct cover *c);
bool cover_holds(const struct cover *c, const struct sluice_addr *a);

#endif
