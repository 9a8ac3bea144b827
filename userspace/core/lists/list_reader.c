/* SPDX-License-Identifier: BSD-2-Clause */
/* What the formats of lists share: see list_reader.h. */
#include "list_reader.h"

#include <arpa/inet.h>
#include <errno.h>

#define LEAST_IPV4 (SLUICE_IPV4_SHIFT + 8) /* shorter prefixes with host bits are slips */
#define LEAST_IPV6 16

int list_refuse(struct list_reader *r, const char *wrong, const char *remedy)
{
	r->wrong = wrong;
	r->remedy = remedy;
	return -EINVAL;
}

int list_bad(struct list_reader *r, const char *text, const char *why)
{
	return r->bad(r->arg, r->line, text, why);
}

int list_take(struct list_reader *r, const struct element *e)
{
	const char *why = NULL;
	int err = r->take(r->arg, e, &why);

	if (err == -EINVAL && why)
		return list_bad(r, e->text, why);
	return err;
}

int list_masked(const struct element *e, struct prefix *out)
{
	const char *why;

	if (e->cut || prefix_cut_parse(e->text, out, &why))
		return -EINVAL;
	return out->len < (addr_is_ipv4(&out->addr) ? LEAST_IPV4 : LEAST_IPV6) ? -EINVAL : 0;
}

bool list_is_everybody(const struct prefix *p)
{
	const struct prefix assigned = { { { htonl(0x20000000), 0, 0, 0 } }, 3 };

	if (addr_is_ipv4(&p->addr) && p->len >= SLUICE_IPV4_SHIFT)
		return p->len <= SLUICE_IPV4_SHIFT + 2;
	return prefix_covers(p, &assigned);
}
