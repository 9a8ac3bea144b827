/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Says what a live ban or allow really covers: an IPv6 address is one of a great many that its owner has, and behind a translator's prefix
 * there is an IPv4 address. The verbs that set one call it.
 */
#include <errno.h>
#include <stdio.h>

#include "addr.h"
#include "banfile.h"
#include "private.h"
#include "tables.h"
#include "verbs.h"

bool named_inside(const struct daemon *dm, struct ban_lines *list)
{
	bool any = false;
	size_t i;

	for (i = 0; i < list->count && standing_live(dm->standing)->translated.count; i++)
		any |= engine_who_prefix(dm->engine, &list->item[i].prefix);
	return any;
}

/* Says how much of what counts as one source is named. */
static const char *extent_of(const struct prefix *named, const struct prefix *source)
{
	if (named->len == source->len)
		return "exactly one source";
	if (named->len < source->len)
		return "all sources in it";
	return named->len == 128 ? "this address alone" : "part of one source";
}

int named_say(const struct daemon *dm, const struct prefix *p, bool translated, struct answer *a)
{
	_cleanup_free_ char *before = NULL;
	char text[ADDR_TEXT_LEN], whole[ADDR_TEXT_LEN];
	const char *nobody = prefix_without_senders(p);
	struct prefix source;
	int err;

	if (nobody)
		diag_add(&a->diag, "no connection comes from %s: %s", prefix_format(p, text), nobody);
	if (!translated && addr_is_ipv4(&p->addr))
		return 0;
	err = engine_source(dm->engine, &p->addr, &source);
	if (err)
		return err;
	before = TAKE_PTR(a->text);
	err = asprintf(&a->text, "%s%s%s: %s%s%s", before ? before : "", before ? "; " : "", prefix_format(p, text),
		       extent_of(p, &source), p->len > source.len ? "; its source is " : "",
		       p->len > source.len ? prefix_format(&source, whole) : "");
	return err < 0 ? -ENOMEM : 0;
}
