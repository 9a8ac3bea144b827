/* SPDX-License-Identifier: BSD-2-Clause */
/* Cuts the address space into spans, and joins two such cuts: see spans.h. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"
#include "spans.h"

addr_number number_of(const struct sluice_addr *a)
{
	addr_number n = 0;
	int i;

	for (i = 0; i < 4; i++)
		n = n << 32 | be32toh(a->word[i]);
	return n;
}

struct sluice_addr addr_of(addr_number n)
{
	struct sluice_addr a;
	int i;

	for (i = 3; i >= 0; i--, n >>= 32)
		a.word[i] = htobe32((uint32_t)n);
	return a;
}

addr_number prefix_last(const struct prefix *p)
{
	return p->len ? number_of(&p->addr) | (p->len < 128 ? ADDR_LAST >> p->len : 0) : ADDR_LAST;
}

int spans_init(struct spans *s, uint32_t value)
{
	*s = (struct spans){};
	return spans_add(s, 0, value);
}

int spans_add(struct spans *s, addr_number first, uint32_t value)
{
	struct span *more;

	if (s->count && s->item[s->count - 1].first == first) {
		s->count--; /* it would be empty */
		return spans_add(s, first, value);
	}
	if (s->count && s->item[s->count - 1].value == value)
		return 0;
	more = LIST_ADD(s);
	if (!more)
		return -ENOMEM;
	*more = (struct span){ first, value };
	return 0;
}

bool spans_walk_next(struct spans_walk *w)
{
	addr_number last_a, last_b;

	if (w->begun) {
		if (w->last == ADDR_LAST)
			return false;
		w->i += span_last(w->a, w->i) == w->last;
		w->j += span_last(w->b, w->j) == w->last;
		w->first = w->last + 1;
	}
	w->begun = true;
	last_a = span_last(w->a, w->i);
	last_b = span_last(w->b, w->j);
	w->last = last_a < last_b ? last_a : last_b;
	w->value_a = w->a->item[w->i].value;
	w->value_b = w->b->item[w->j].value;
	return true;
}

int spans_join(const struct spans *a, const struct spans *b, uint32_t (*join)(void *arg, uint32_t va, uint32_t vb),
	       void *arg, struct spans *out)
{
	struct spans_walk w = { .a = a, .b = b };
	int err = 0;

	while (!err && spans_walk_next(&w))
		err = spans_add(out, w.first, join(arg, w.value_a, w.value_b));
	return err;
}

addr_number span_last(const struct spans *s, size_t i)
{
	return i + 1 < s->count ? s->item[i + 1].first - 1 : ADDR_LAST;
}

size_t spans_place(const struct spans *s, addr_number n)
{
	size_t low = 0, high = s->count, middle;

	while (high - low > 1) {
		middle = low + (high - low) / 2;
		if (s->item[middle].first <= n)
			low = middle;
		else
			high = middle;
	}
	return low;
}

uint32_t spans_find(const struct spans *s, addr_number n)
{
	return s->item[spans_place(s, n)].value;
}

void spans_free(struct spans *s)
{
	free(s->item);
	*s = (struct spans){};
}
