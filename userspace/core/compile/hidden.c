/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks the classifier which set wins at which address: a set that never wins is hidden by those that win at its prefixes. See hidden.h. */
#include <stdlib.h>

#include "classify.h"
#include "cleanup.h"
#include "hidden.h"

#define NAMED 5

static bool applies(const struct policy_set *set, const char *service)
{
	return !set->services.count || strings_have(&set->services, service);
}

static bool has_prefixes(const struct policy_set *set)
{
	return set->enabled && set->prefixes.count + set_listed(set)->count;
}

/* Marks which sets win somewhere. */
static void winners_mark(const struct policy *p, const struct classified *c, bool *wins)
{
	size_t i, k;

	for (i = 0; i < c->kinds.count; i++) {
		for (k = 0; k < p->services.count; k++) {
			uint32_t set = KIND_SET(intern_get(&c->kinds, i)[k]);

			if (set < p->sets.count)
				wins[set] = true;
		}
	}
}

static void kind_mark(const struct policy *p, const struct policy_set *set, const uint32_t *kind, bool *hides)
{
	size_t k;

	for (k = 0; k < p->services.count; k++) {
		if (applies(set, p->services.item[k].name) && KIND_SET(kind[k]) < p->sets.count)
			hides[KIND_SET(kind[k])] = true;
	}
}

/* Marks who wins at the prefixes of the list, where `set` applies. */
static void hiders_mark(const struct policy *p, const struct classified *c, const struct policy_set *set,
			const struct prefixes *list, bool *hides)
{
	const struct spans *leaves = &c->leaves;
	addr_number last;
	size_t i, at;

	for (i = 0; i < list->count; i++) {
		last = prefix_last(&list->item[i]);
		at = spans_place(leaves, number_of(&list->item[i].addr));
		for (; at < leaves->count && leaves->item[at].first <= last; at++)
			kind_mark(p, set, intern_get(&c->kinds, SLUICE_LEAF_CLASS(leaves->item[at].value)), hides);
	}
}

static void hidden_say(const struct policy *p, const struct policy_set *set, const bool *hides, struct diag *d)
{
	char names[NAMED * (SLUICE_NAME_LEN + 2) + 32] = "";
	size_t i, n = 0, len = 0;

	for (i = 0; i < p->sets.count; i++) {
		if (hides[i] && n++ < NAMED)
			len += snprintf(names + len, sizeof(names) - len, "%s%s", len ? ", " : "",
					p->sets.item[i].name);
	}
	if (n > NAMED)
		snprintf(names + len, sizeof(names) - len, " and %zu more", n - NAMED);
	diag_at(d, &set->at,
		"source-set %s decides nothing, since %s %s first at each of its prefixes: give it a lower priority number, "
		"or remove it",
		set->name, names, n > 1 ? "apply" : "applies");
}

/* Countries and networks decide between sets only if a set names some; without them there is much less to look through. */
static int sets_classify(const struct policy *p, struct classified *out)
{
	struct policy view = *p;
	bool places = false;
	size_t i;

	for (i = 0; i < p->sets.count; i++) {
		const struct policy_set *s = &p->sets.item[i];

		places |= s->enabled && (s->countries.count || s->asns.count || set_listed_asns(s)->count);
	}
	if (!places)
		view.geo = NULL;
	return policy_classify(&view, out);
}

static void set_warn(const struct policy *p, const struct classified *c, const struct policy_set *set, struct diag *d)
{
	_cleanup_free_ bool *hides = calloc(p->sets.count, sizeof(*hides));

	if (!hides)
		return;
	hiders_mark(p, c, set, &set->prefixes, hides);
	hiders_mark(p, c, set, set_listed(set), hides);
	hidden_say(p, set, hides, d);
}

void hidden_warn(const struct policy *p, struct diag *d)
{
	_cleanup_free_ bool *wins = calloc(p->sets.count + 1, sizeof(*wins));
	struct classified c = {};
	size_t i;

	/* Whoever compiles the policy reports what does not fit the tables. */
	if (!wins || p->sets.count < 2 || sets_classify(p, &c)) {
		classified_free(&c);
		return;
	}
	winners_mark(p, &c, wins);
	for (i = 0; i < p->sets.count; i++) {
		if (!wins[i] && has_prefixes(&p->sets.item[i]))
			set_warn(p, &c, &p->sets.item[i], d);
	}
	classified_free(&c);
}
