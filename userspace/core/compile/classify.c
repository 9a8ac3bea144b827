/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Three things are known of an address: the prefixes it lies in, its country, its network. Prefixes come first: sorted by
 * address and length, each is visited after those that enclose it, so a stack of the enclosing ones is all the state, and
 * at each the winner of every service is the better of what enclosed it and of the sets that name it. That gives spans of
 * equal winners. Laid over the spans of the two databases they give spans of equal class, and each combination that
 * occurs is resolved once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "cleanup.h"
#include "geo.h"
#include "private.h"
#include "sender.h"

#define DEPTH 130
#define KINDS_MAX 0x7ffe /* most sets, and most senders, that fit into a kind */

/* What decides if another set has the same priority and action: how closely each names the address. */
#define CLOSE_COUNTRY 0
#define CLOSE_NETWORK 1
#define CLOSE_PREFIX 2 /* plus the length */

struct winner {
	uint32_t set; /* NO_SET: none */
	uint32_t close;
	uint32_t sender; /* the closest one; NO_SET: none */
};

/* What names a prefix: the sets of the policy by their number, and after them the senders. */
struct named {
	struct prefix prefix;
	uint32_t by;
};

struct named_network {
	uint32_t asn;
	uint32_t set;
};

struct level {
	struct prefix prefix;
	struct winner winner[SLUICE_POLICY_SERVICES];
	uint32_t number; /* number of the winners, in classifier.winners */
};

struct classifier {
	const struct policy *policy;
	size_t services;
	bool (*applies)[SLUICE_POLICY_SERVICES]; /* set, or sender, x service */
	struct named_network *networks; /* sorted */
	size_t networks_count;
	struct intern winners; /* for prefixes: a struct winner for each service */
	struct intern
		origins; /* country, 1 + the first of `networks` with this ASN, whether it is private and so has no country */
	struct intern pairs; /* winners, origin */
	uint32_t *leaf; /* for each pair */
	struct classified *out;
	int err;
};

static unsigned int rank(enum sluice_action action)
{
	return action == SLUICE_ACTION_ALLOW ? 0 : action == SLUICE_ACTION_DENY ? 1 : 2;
}

/* Does `set`, which names it this closely, win over the present winner? */
static bool beats(const struct policy *p, uint32_t set, uint32_t close, const struct winner *stands)
{
	const struct policy_set *a = &p->sets.item[set], *b;

	if (stands->set == NO_SET)
		return true;
	b = &p->sets.item[stands->set];
	if (a->priority != b->priority)
		return a->priority < b->priority;
	if (a->action != b->action)
		return rank(a->action) < rank(b->action);
	if (close != stands->close)
		return close > stands->close;
	return set < stands->set;
}

static void winners_join(const struct classifier *c, struct winner *w, uint32_t set, uint32_t close)
{
	size_t i;

	for (i = 0; i < c->services; i++) {
		if (c->applies[set][i] && beats(c->policy, set, close, &w[i]))
			w[i] = (struct winner){ set, close, w[i].sender };
	}
}

/* Call it for the wider prefix first, and for the sender at all services first. */
static void sender_join(const struct classifier *c, struct winner *w, uint32_t by)
{
	size_t i;

	for (i = 0; i < c->services; i++) {
		if (c->applies[by][i])
			w[i].sender = by - c->policy->sets.count;
	}
}

static void named_join(const struct classifier *c, struct winner *w, const struct named *n)
{
	if (n->by < c->policy->sets.count)
		winners_join(c, w, n->by, CLOSE_PREFIX + n->prefix.len);
	else
		sender_join(c, w, n->by);
}

static int by_prefix(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = memcmp(&x->prefix.addr, &y->prefix.addr, sizeof(x->prefix.addr));

	if (order)
		return order;
	if (x->prefix.len != y->prefix.len)
		return x->prefix.len < y->prefix.len ? -1 : 1;
	return x->by < y->by ? -1 : x->by > y->by;
}

static bool encloses(const struct prefix *a, const struct prefix *b)
{
	return a->len <= b->len && number_of(&b->addr) <= prefix_last(a) && number_of(&b->addr) >= number_of(&a->addr);
}

static bool same_prefix(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && !memcmp(&a->addr, &b->addr, sizeof(a->addr));
}

static size_t named_add(struct named *list, size_t n, const struct prefixes *add, size_t set)
{
	size_t i;

	for (i = 0; i < add->count; i++)
		list[n++] = (struct named){ add->item[i], set };
	return n;
}

/* Collects all prefixes of all enabled sets, and of senders, sorted. */
static int named_collect(const struct policy *p, struct named **out, size_t *count)
{
	struct named *list;
	const struct policy_set *s = p->sets.item;
	size_t i, j, n = p->senders.count;

	for (i = 0; i < p->sets.count; i++)
		n += s[i].enabled ? s[i].prefixes.count + set_listed(&s[i])->count : 0;
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	n = 0;
	for (i = 0; i < p->sets.count; i++) {
		if (!s[i].enabled)
			continue;
		n = named_add(list, n, &s[i].prefixes, i);
		n = named_add(list, n, set_listed(&s[i]), i);
	}
	for (j = 0; j < p->senders.count; j++)
		list[n++] = (struct named){ p->senders.item[j].prefix, i + j };
	qsort(list, n, sizeof(*list), by_prefix);
	*out = list;
	*count = n;
	return 0;
}

/* Leaves the levels that do not enclose `next` (NULL: all but the lowest): after each, the one around it continues. */
static int levels_leave(struct level **top, const struct level *lowest, const struct prefix *next, struct spans *out)
{
	addr_number last;
	int err = 0;

	while (*top > lowest && !err && (!next || !encloses(&(*top)->prefix, next))) {
		last = prefix_last(&(*top)->prefix);
		(*top)--;
		if (last != ADDR_LAST)
			err = spans_add(out, last + 1, (*top)->number);
	}
	return err;
}

static int winners_number(struct classifier *c, struct level *l)
{
	int number = intern_put(&c->winners, (const uint32_t *)l->winner);

	if (number < 0)
		return number;
	l->number = number;
	return 0;
}

/* Maps each address to the number of its winners by prefix. */
static int prefixes_flatten(struct classifier *c, const struct named *list, size_t count, struct spans *out)
{
	_cleanup_free_ struct level *stack = calloc(DEPTH, sizeof(*stack));
	struct level *top = stack;
	size_t i = 0;
	int err;

	if (!stack)
		return -ENOMEM;
	memset(top->winner, 0xff, sizeof(top->winner)); /* NO_SET; encloses everything */
	err = winners_number(c, top);
	if (!err)
		err = spans_init(out, top->number);
	while (i < count && !err) {
		err = levels_leave(&top, stack, &list[i].prefix, out);
		top[1] = *top;
		top++;
		top->prefix = list[i].prefix;
		for (; i < count && same_prefix(&list[i].prefix, &top->prefix); i++)
			named_join(c, top->winner, &list[i]);
		if (!err)
			err = winners_number(c, top);
		if (!err)
			err = spans_add(out, number_of(&top->prefix.addr), top->number);
	}
	return err ? err : levels_leave(&top, stack, NULL, out);
}

static int by_network(const void *a, const void *b)
{
	const struct named_network *x = a, *y = b;

	if (x->asn != y->asn)
		return x->asn < y->asn ? -1 : 1;
	return x->set < y->set ? -1 : x->set > y->set;
}

static void networks_add(struct classifier *c, const struct numbers *add, size_t set)
{
	size_t i;

	for (i = 0; i < add->count; i++)
		c->networks[c->networks_count++] = (struct named_network){ add->item[i], set };
}

static int networks_collect(struct classifier *c)
{
	const struct policy_set *s = c->policy->sets.item;
	size_t i, n = 0;

	for (i = 0; i < c->policy->sets.count; i++)
		n += s[i].asns.count + set_listed_asns(&s[i])->count;
	c->networks = calloc(n + 1, sizeof(*c->networks));
	if (!c->networks)
		return -ENOMEM;
	for (i = 0; i < c->policy->sets.count; i++) {
		if (!s[i].enabled)
			continue;
		networks_add(c, &s[i].asns, i);
		networks_add(c, set_listed_asns(&s[i]), i);
	}
	qsort(c->networks, c->networks_count, sizeof(*c->networks), by_network);
	return 0;
}

/* Returns 1 + the place of the first set that names the network, or 0. */
static uint32_t network_find(const struct classifier *c, uint32_t asn)
{
	size_t low = 0, high = c->networks_count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (c->networks[middle].asn < asn)
			low = middle + 1;
		else
			high = middle;
	}
	return asn && low < c->networks_count && c->networks[low].asn == asn ? low + 1 : 0;
}

static uint32_t join_origin(void *arg, uint32_t country, uint32_t asn)
{
	struct classifier *c = arg;
	const uint32_t origin[3] = { country, network_find(c, asn), 0 };
	int number = intern_put(&c->origins, origin);

	c->err = number < 0 ? number : c->err;
	return number < 0 ? 0 : number;
}

/* If a database has a private address, that counts. */
static uint32_t join_private(void *arg, uint32_t public, uint32_t private)
{
	struct classifier *c = arg;
	const uint32_t *from = intern_get(&c->origins, public), origin[3] = { from[0], from[1], private };
	int number = private && !from[0] ? intern_put(&c->origins, origin) : (int)public;

	c->err = number < 0 ? number : c->err;
	return number < 0 ? 0 : number;
}

/* Determines the final winners: those by prefix, and the sets that name the network or the country. */
static void winners_resolve(const struct classifier *c, struct winner *w, const uint32_t *origin)
{
	const struct policy *p = c->policy;
	uint32_t country = origin[0];
	size_t i;

	for (i = origin[1]; i && i <= c->networks_count && c->networks[i - 1].asn == c->networks[origin[1] - 1].asn;
	     i++)
		winners_join(c, w, c->networks[i - 1].set, CLOSE_NETWORK);
	for (i = 0; i < p->sets.count; i++) {
		if (p->sets.item[i].enabled && countries_have(&p->sets.item[i].countries, country))
			winners_join(c, w, i, CLOSE_COUNTRY);
	}
}

static bool is_abroad(const struct policy *p, const struct policy_service *s, const uint32_t *origin)
{
	return countries_have(&s->deny_countries, origin[0]) ||
	       (s->allow_countries.count && !countries_have(&s->allow_countries, origin[0]) &&
		!(origin[2] && p->allow_private));
}

/* Returns the class that a pair of winners and origin amounts to; -ENOSPC, -ENOMEM. */
static int class_of(struct classifier *c, const uint32_t *pair)
{
	const uint32_t *origin = intern_get(&c->origins, pair[1]);
	struct winner w[SLUICE_POLICY_SERVICES];
	uint32_t kind[SLUICE_POLICY_SERVICES] = { 0 };
	size_t i;
	int number;

	memcpy(w, intern_get(&c->winners, pair[0]), c->services * sizeof(*w));
	winners_resolve(c, w, origin);
	for (i = 0; i < c->services; i++)
		kind[i] = KIND(w[i].sender, w[i].set, is_abroad(c->policy, &c->policy->services.item[i], origin));
	number = intern_put(&c->out->kinds, kind);
	return number < SLUICE_MAX_CLASSES ? number : -ENOSPC;
}

static uint32_t leaf_of(uint32_t class_id, const uint32_t *origin)
{
	return class_id | origin[0] << 16 | origin[2] << 26;
}

static uint32_t join_leaf(void *arg, uint32_t winners, uint32_t origin)
{
	struct classifier *c = arg;
	const uint32_t pair[2] = { winners, origin };
	size_t known = c->pairs.count;
	int number = intern_put(&c->pairs, pair), class_id;
	uint32_t *more;

	if (number >= 0 && c->pairs.count > known) {
		more = reallocarray(c->leaf, c->pairs.room, sizeof(*more));
		c->leaf = more ? more : c->leaf;
		class_id = more ? class_of(c, pair) : -ENOMEM;
		if (class_id >= 0)
			c->leaf[number] = leaf_of(class_id, intern_get(&c->origins, origin));
		c->err = class_id < 0 ? class_id : c->err;
	}
	c->err = number < 0 ? number : c->err;
	return c->err ? 0 : c->leaf[number];
}

/* Maps each address to the number of its origin. */
static int origins_join(struct classifier *c, struct spans *out)
{
	const struct geo *geo = c->policy->geo;
	struct spans nowhere = {}, private = {}, public = {};
	int err;

	err = spans_init(&nowhere, 0);
	if (!err)
		err = spans_join(geo ? &geo->by_kind[SLUICE_GEO_COUNTRY] : &nowhere,
				 geo && c->networks_count ? &geo->by_kind[SLUICE_GEO_ASN] : &nowhere, join_origin, c,
				 &public);
	if (!err)
		err = geo ? private_spans(&private) : spans_init(&private, 0);
	if (!err)
		err = spans_join(&public, &private, join_private, c, out);
	spans_free(&nowhere);
	spans_free(&private);
	spans_free(&public);
	return err ? err : c->err;
}

static int leaves_join(struct classifier *c, const struct spans *winners)
{
	struct spans origins = {};
	int err;

	err = origins_join(c, &origins);
	if (!err)
		err = spans_join(winners, &origins, join_leaf, c, &c->out->leaves);
	spans_free(&origins);
	return err ? err : c->err;
}

static void sets_apply(struct classifier *c)
{
	const struct policy_set *set;
	size_t i, j, k;

	for (i = 0; i < c->policy->sets.count; i++) {
		set = &c->policy->sets.item[i];
		for (j = 0; j < c->services; j++) {
			c->applies[i][j] = !set->services.count;
			for (k = 0; k < set->services.count; k++)
				c->applies[i][j] |= !strcmp(set->services.item[k], c->policy->services.item[j].name);
		}
	}
	for (k = 0; k < c->policy->senders.count; k++) {
		for (j = 0; j < c->services; j++)
			c->applies[i + k][j] =
				sender_applies(&c->policy->senders.item[k], c->policy->services.item[j].name);
	}
}

/* Class 0 is for what is in no table. */
static int tables_make(struct classifier *c)
{
	const uint32_t none[3] = { 0, 0, 0 };
	int err;

	if (c->policy->sets.count > KINDS_MAX || c->policy->senders.count > KINDS_MAX)
		return -ENOSPC;
	c->applies = calloc(c->policy->sets.count + c->policy->senders.count + 1, sizeof(*c->applies));
	if (!c->applies)
		return -ENOMEM;
	sets_apply(c);
	err = intern_init(&c->winners, sizeof(struct winner) / sizeof(uint32_t) * c->services);
	if (!err)
		err = intern_init(&c->origins, 3);
	if (!err)
		err = intern_init(&c->pairs, 2);
	if (!err)
		err = intern_init(&c->out->kinds, c->services);
	if (!err)
		err = intern_put(&c->origins, none);
	return err < 0 ? err : networks_collect(c);
}

static int classify(struct classifier *c)
{
	_cleanup_free_ struct named *list = NULL;
	struct spans winners = {};
	size_t count = 0;
	int err;

	err = tables_make(c);
	if (!err)
		err = named_collect(c->policy, &list, &count);
	if (!err)
		err = prefixes_flatten(c, list, count, &winners);
	if (!err) {
		join_leaf(c, 0, 0);
		err = c->err;
	}
	if (!err)
		err = leaves_join(c, &winners);
	spans_free(&winners);
	return err;
}

int policy_classify(const struct policy *p, struct classified *out)
{
	struct classifier c = { .policy = p, .services = p->services.count, .out = out };
	int err;

	*out = (struct classified){};
	err = classify(&c);
	free(c.applies);
	free(c.networks);
	free(c.leaf);
	intern_free(&c.winners);
	intern_free(&c.origins);
	intern_free(&c.pairs);
	return err;
}

void classified_free(struct classified *c)
{
	intern_free(&c->kinds);
	spans_free(&c->leaves);
}
