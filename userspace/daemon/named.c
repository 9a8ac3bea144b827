/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a live ban or allow really names: an address of IPv6 is one of a great many that its owner has, and behind a translator's prefix
 * stands an IPv4 address. Called by the verbs that set one.
 */
#include <errno.h>
#include <stdio.h>

#include "addr.h"
#include "tables.h"
#include "verbs.h"

/* How much of what counts as one source is named: "the address alone", "the whole source", "several sources". */
static const char *extent_of(const struct prefix *named, const struct prefix *source)
{
	if (named->len == source->len)
		return "one source, whole";
	if (named->len < source->len)
		return "all sources in it";
	return named->len == 128 ? "this address alone" : "a part of one source";
}

int named_say(const struct daemon *dm, enum live_kind kind, const struct prefix *p, struct answer *a)
{
	char text[ADDR_TEXT_LEN], whole[ADDR_TEXT_LEN];
	struct prefix source;
	int err = engine_source(dm->engine, &p->addr, &source);

	if (err)
		return err;
	free(a->text);
	a->text = NULL;
	prefix_format(p, text);
	if (p->len <= source.len)
		err = asprintf(&a->text, "%s %s: %s", kind == LIVE_BAN ? "banned" : "allowed", text,
			       extent_of(p, &source));
	else
		err = asprintf(&a->text, "%s %s: %s; its source is %s", kind == LIVE_BAN ? "banned" : "allowed", text,
			       extent_of(p, &source), prefix_format(&source, whole));
	return err < 0 ? -ENOMEM : 0;
}
