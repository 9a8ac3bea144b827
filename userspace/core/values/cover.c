/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers whether any of many prefixes holds an address: see cover.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cover.h"

static int by_prefix(const void *a, const void *b)
{
	const struct prefix *x = a, *y = b;
	int order = memcmp(&x->addr, &y->addr, sizeof(x->addr));

	return order ? order : (int)x->len - (int)y->len;
}

int cover_make(struct cover *c, const struct prefix *list, size_t count)
{
	size_t i;

	*c = (struct cover){ .item = calloc(count + 1, sizeof(*c->item)), .count = count };
	if (!c->item)
		return -ENOMEM;
	memcpy(c->item, list, count * sizeof(*list));
	qsort(c->item, count, sizeof(*c->item), by_prefix);
	for (i = 0; i < count; i++)
		c->lens[c->item[i].len] = 1;
	return 0;
}

void cover_free(struct cover *c)
{
	free(c->item);
}

bool cover_holds(const struct cover *c, const struct sluice_addr *a)
{
	struct prefix p;

	for (p.len = addr_is_ipv4(a) ? SLUICE_IPV4_SHIFT : 0; p.len <= 128; p.len++) {
		if (!c->lens[p.len])
			continue;
		p.addr = addr_mask(a, p.len);
		if (bsearch(&p, c->item, c->count, sizeof(p), by_prefix))
			return true;
	}
	return false;
}
