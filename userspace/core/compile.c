/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prefixes sorted by address and length visit each prefix after those that enclose it, so a stack of the enclosing ones is
 * all the state: at each prefix the winner of every service is the better of what enclosed it and of the sets that name it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "registry.h"

#define NO_SET (-1)
#define USUAL_INTERVAL 60 /* seconds */
#define DEPTH 130
#define BUCKETS (SLUICE_MAX_CLASSES * 4)

struct named {
	struct prefix prefix;
	int set;
};

/* The winning sets, by index of the service in the policy, and how long the prefixes are that they won by. */
struct winners {
	int set[SLUICE_POLICY_SERVICES];
	unsigned int len[SLUICE_POLICY_SERVICES];
};

struct level {
	struct prefix prefix;
	struct winners winners;
	uint32_t class_id;
};

struct compiler {
	const struct policy *policy;
	struct registry *registry;
	struct compiled *out;
	unsigned int id[SLUICE_POLICY_SERVICES]; /* service ids */
	bool (*applies)[SLUICE_POLICY_SERVICES]; /* set x service */
	uint16_t (*rule)[SLUICE_POLICY_SERVICES]; /* (set + 1) x service -> rule + 1; 0: none yet */
	int (*vector)[SLUICE_POLICY_SERVICES]; /* winners of each class */
	uint32_t bucket[BUCKETS]; /* hash of a vector -> class + 1 */
};

DEFINE_CLEANUP(struct compiled *, compiled_free);

static void compiler_free(struct compiler *c)
{
	free(c->applies);
	free(c->rule);
	free(c->vector);
	free(c);
}
DEFINE_CLEANUP(struct compiler *, compiler_free);

void compiled_free(struct compiled *c)
{
	if (!c)
		return;
	free(c->ports);
	free(c->listeners);
	free(c->prefixes);
	free(c->classes);
	free(c->rules);
	free(c->winner);
	free(c);
}

/* Rates are counted also where none is limited, for `suggest`: by the minute, or the retention time where that is shorter. */
static uint32_t interval_of(const struct policy *p, const struct rate *r)
{
	uint32_t most = policy_retention(p) < USUAL_INTERVAL ? policy_retention(p) : USUAL_INTERVAL;

	return r->count ? r->seconds : most;
}

static struct sluice_limit limit_of(const struct policy *p, uint32_t connections, const struct rate *r)
{
	return (struct sluice_limit){ .connections = connections,
				      .rate = r->count,
				      .width_ns = interval_of(p, r) * 1000000000ULL / (SLUICE_RATE_BUCKETS - 1) };
}

/* What a source of this set (NO_SET: of none) may do at a service. */
static int rule_fill(struct compiler *c, int set, size_t service, struct sluice_rule *rule)
{
	const struct policy_service *s = &c->policy->services[service];
	const struct policy_set *own = set == NO_SET ? NULL : &c->policy->sets[set];
	const struct share *share = &s->limits.max_connections_per_source;
	const struct rate *rate = &s->limits.max_rate_per_source;
	uint32_t whole = s->limits.max_connections;
	char name[SLUICE_TOTAL_NAME_LEN];
	int total;

	if (own && own->limits.max_connections_per_source.given) {
		share = &own->limits.max_connections_per_source;
		whole = own->limits.max_connections ? own->limits.max_connections : whole;
	}
	if (own && own->limits.max_rate_per_source.given)
		rate = &own->limits.max_rate_per_source;
	rule->action = own ? own->action : SLUICE_ACTION_LIMIT;
	rule->set_id = set + 1; /* NO_SET: 0 */
	rule->source = limit_of(c->policy, share_of(share, whole), rate);
	if (!own || (!own->limits.max_connections && !own->limits.max_rate.count))
		return 0;
	rule->set = limit_of(c->policy, own->limits.max_connections, &own->limits.max_rate);
	snprintf(name, sizeof(name), "%s@%s", own->name, s->name);
	total = registry_name(c->registry, name, SLUICE_MAX_SERVICES, SLUICE_MAX_TOTALS);
	if (total < 0)
		return total;
	rule->set_total = total;
	return 0;
}

/* Index of the rule, made when it is new. */
static int rule_of(struct compiler *c, int set, size_t service)
{
	uint16_t *known = &c->rule[set + 1][service];
	int err;

	if (*known)
		return *known - 1;
	if (c->out->rules_count == SLUICE_MAX_RULES)
		return -ENOSPC;
	err = rule_fill(c, set, service, &c->out->rules[c->out->rules_count]);
	if (err)
		return err;
	*known = ++c->out->rules_count;
	return *known - 1;
}

static uint32_t vector_hash(const int *set, size_t n)
{
	uint32_t hash = 2166136261; /* FNV-1a */
	size_t i;

	for (i = 0; i < n; i++)
		hash = (hash ^ (uint32_t)set[i]) * 16777619;
	return hash;
}

static int class_add(struct compiler *c, const int *set)
{
	struct compiled *out = c->out;
	uint32_t id = out->classes_count;
	size_t i;
	int rule;

	if (id == SLUICE_MAX_CLASSES)
		return -ENOSPC;
	memcpy(c->vector[id], set, sizeof(c->vector[id]));
	for (i = 0; i < SLUICE_MAX_SERVICES; i++)
		out->winner[id][i] = NO_SET;
	for (i = 0; i < c->policy->services_count; i++) {
		rule = rule_of(c, set[i], i);
		if (rule < 0)
			return rule;
		out->classes[id].rule[c->id[i]] = rule;
		out->winner[id][c->id[i]] = set[i];
	}
	out->classes_count++;
	return id;
}

/* The class of these winners, made when it is new; -ENOSPC. */
static int class_of(struct compiler *c, const int *set)
{
	uint32_t at = vector_hash(set, SLUICE_POLICY_SERVICES) % BUCKETS;
	int id;

	for (; c->bucket[at]; at = (at + 1) % BUCKETS) {
		if (!memcmp(c->vector[c->bucket[at] - 1], set, sizeof(*c->vector)))
			return c->bucket[at] - 1;
	}
	id = class_add(c, set);
	if (id >= 0)
		c->bucket[at] = id + 1;
	return id;
}

static unsigned int rank(enum sluice_action action)
{
	return action == SLUICE_ACTION_ALLOW ? 0 : action == SLUICE_ACTION_DENY ? 1 : 2;
}

/* Does `set`, by a prefix of `len`, win over the set that stands? */
static bool beats(const struct policy *p, int set, unsigned int len, int standing, unsigned int standing_len)
{
	const struct policy_set *a = &p->sets[set], *b;

	if (standing == NO_SET)
		return true;
	b = &p->sets[standing];
	if (a->priority != b->priority)
		return a->priority < b->priority;
	if (a->action != b->action)
		return rank(a->action) < rank(b->action);
	if (len != standing_len)
		return len > standing_len;
	return set < standing;
}

static void winners_join(const struct compiler *c, struct winners *w, const struct named *n)
{
	size_t i;

	for (i = 0; i < c->policy->services_count; i++) {
		if (!c->applies[n->set][i] || !beats(c->policy, n->set, n->prefix.len, w->set[i], w->len[i]))
			continue;
		w->set[i] = n->set;
		w->len[i] = n->prefix.len;
	}
}

static int by_prefix(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = memcmp(&x->prefix.addr, &y->prefix.addr, sizeof(x->prefix.addr));

	if (order)
		return order;
	if (x->prefix.len != y->prefix.len)
		return x->prefix.len < y->prefix.len ? -1 : 1;
	return x->set - y->set;
}

static bool encloses(const struct prefix *a, const struct prefix *b)
{
	struct sluice_addr cut = addr_mask(&b->addr, a->len);

	return a->len <= b->len && !memcmp(&cut, &a->addr, sizeof(cut));
}

static bool same_prefix(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && !memcmp(&a->addr, &b->addr, sizeof(a->addr));
}

static void prefix_emit(struct compiled *out, const struct level *l, uint32_t enclosing)
{
	if (l->class_id == enclosing)
		return;
	out->prefixes[out->prefixes_count].prefix = l->prefix;
	out->prefixes[out->prefixes_count++].class_id = l->class_id;
	out->generation.classified = 1;
}

static int prefixes_classify(struct compiler *c, const struct named *list, size_t count)
{
	_cleanup_free_ struct level *stack = calloc(DEPTH, sizeof(*stack));
	struct level *top = stack;
	size_t i;
	int id;

	if (!stack)
		return -ENOMEM;
	memset(top->winners.set, 0xff, sizeof(top->winners.set)); /* NO_SET; class 0; encloses everything */
	for (i = 0; i < count;) {
		while (!encloses(&top->prefix, &list[i].prefix))
			top--;
		top[1] = *top;
		top[1].prefix = list[i].prefix;
		top++;
		for (; i < count && same_prefix(&list[i].prefix, &top->prefix); i++)
			winners_join(c, &top->winners, &list[i]);
		id = class_of(c, top->winners.set);
		if (id < 0)
			return id;
		top->class_id = id;
		prefix_emit(c->out, top, top[-1].class_id);
	}
	return 0;
}

/* All prefixes of all enabled sets, sorted. */
static int named_collect(const struct policy *p, struct named **out, size_t *count)
{
	struct named *list;
	size_t i, j, n = 0;

	for (i = 0; i < p->sets_count; i++)
		n += p->sets[i].enabled ? p->sets[i].prefixes.count : 0;
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	n = 0;
	for (i = 0; i < p->sets_count; i++) {
		for (j = 0; p->sets[i].enabled && j < p->sets[i].prefixes.count; j++)
			list[n++] = (struct named){ p->sets[i].prefixes.item[j], i };
	}
	qsort(list, n, sizeof(*list), by_prefix);
	*out = list;
	*count = n;
	return 0;
}

static int services_fill(struct compiler *c)
{
	const struct policy_service *s;
	struct sluice_service *row;
	size_t i;
	int id;

	memset(c->registry->used, 0, sizeof(c->registry->used));
	for (i = 0; i < c->policy->services_count; i++) {
		s = &c->policy->services[i];
		id = registry_name(c->registry, s->name, 1, SLUICE_MAX_SERVICES);
		if (id < 0)
			return id;
		c->id[i] = id;
		row = &c->out->services[id];
		memcpy(row->name, s->name, sizeof(row->name));
		row->total = limit_of(c->policy, s->limits.max_connections, &s->limits.max_rate);
		row->source =
			limit_of(c->policy, share_of(&s->limits.max_connections_per_source, s->limits.max_connections),
				 &s->limits.max_rate_per_source);
		row->excess = s->on_excess;
		row->ports_count = s->ports_count;
		memcpy(row->ports, s->ports, sizeof(row->ports));
	}
	return 0;
}

static struct compiled_port *port_row(struct compiled *out, uint16_t port)
{
	size_t i;

	for (i = 0; i < out->ports_count; i++) {
		if (out->ports[i].port == port)
			return &out->ports[i];
	}
	out->ports[out->ports_count].port = port;
	return &out->ports[out->ports_count++];
}

static int listeners_fill(struct compiler *c)
{
	const struct policy_service *s;
	struct compiled *out = c->out;
	struct compiled_port *row;
	size_t i, j, k, n = 0;

	for (i = 0; i < c->policy->services_count; i++)
		n += c->policy->services[i].ports_count * c->policy->services[i].addresses_count;
	if (n > SLUICE_MAX_LISTENERS)
		return -ENOSPC;
	out->ports = calloc(SLUICE_POLICY_SERVICES * SLUICE_SERVICE_PORTS, sizeof(*out->ports));
	out->listeners = calloc(n + 1, sizeof(*out->listeners));
	if (!out->ports || !out->listeners)
		return -ENOMEM;
	for (i = 0; i < c->policy->services_count; i++) {
		s = &c->policy->services[i];
		for (j = 0; j < s->ports_count; j++) {
			row = port_row(out, s->ports[j]);
			if (s->addresses_count)
				row->row.listeners = 1;
			else
				row->row.service = c->id[i];
			for (k = 0; k < s->addresses_count; k++)
				out->listeners[out->listeners_count++] =
					(struct compiled_listener){ s->addresses[k], s->ports[j], c->id[i] };
		}
	}
	return 0;
}

static void sets_apply(struct compiler *c)
{
	const struct policy_set *set;
	size_t i, j, k;

	for (i = 0; i < c->policy->sets_count; i++) {
		set = &c->policy->sets[i];
		for (j = 0; j < c->policy->services_count; j++) {
			c->applies[i][j] = !set->services_count;
			for (k = 0; k < set->services_count; k++)
				c->applies[i][j] |= !strcmp(set->services[k], c->policy->services[j].name);
		}
	}
}

static int tables_make(struct compiler *c, size_t prefixes)
{
	struct compiled *out = c->out;

	c->applies = calloc(c->policy->sets_count + 1, sizeof(*c->applies));
	c->rule = calloc(c->policy->sets_count + 1, sizeof(*c->rule));
	c->vector = calloc(SLUICE_MAX_CLASSES, sizeof(*c->vector));
	out->classes = calloc(SLUICE_MAX_CLASSES, sizeof(*out->classes));
	out->winner = calloc(SLUICE_MAX_CLASSES, sizeof(*out->winner));
	out->rules = calloc(SLUICE_MAX_RULES, sizeof(*out->rules));
	out->prefixes = calloc(prefixes + 1, sizeof(*out->prefixes));
	if (!c->applies || !c->rule || !c->vector || !out->classes || !out->winner || !out->rules || !out->prefixes)
		return -ENOMEM;
	out->rules_count = 1; /* 0: of services that do not exist */
	sets_apply(c);
	return 0;
}

static int compile(struct compiler *c)
{
	_cleanup_free_ struct named *list = NULL;
	const struct policy *p = c->policy;
	struct sluice_generation *g = &c->out->generation;
	int none[SLUICE_POLICY_SERVICES];
	size_t count = 0;
	int err;

	g->observe = p->mode == POLICY_OBSERVE;
	g->mask4 = mask_of(96 + p->ipv4_prefix);
	g->mask6 = mask_of(p->ipv6_prefix);
	g->retention_ns = policy_retention(p) * 1000000000ULL;
	err = named_collect(p, &list, &count);
	if (!err)
		err = tables_make(c, count);
	if (!err)
		err = services_fill(c);
	if (!err)
		err = listeners_fill(c);
	if (err)
		return err;
	memset(none, 0xff, sizeof(none));
	err = class_of(c, none); /* class 0 */
	return err < 0 ? err : prefixes_classify(c, list, count);
}

int policy_compile(const struct policy *p, struct registry *reg, struct compiled **out, struct diag *d)
{
	_cleanup_(compiled_free) struct compiled *result = calloc(1, sizeof(*result));
	_cleanup_(compiler_free) struct compiler *c = calloc(1, sizeof(*c));
	int err;

	if (!result || !c)
		return -ENOMEM;
	c->policy = p;
	c->registry = reg;
	c->out = result;
	err = compile(c);
	if (err == -ENOSPC) {
		diag_add(
			d,
			"the sets overlap in too many ways, or are too many: at most %d classes, %d rules and %d counters: "
			"fold sets together",
			SLUICE_MAX_CLASSES, SLUICE_MAX_RULES, SLUICE_MAX_TOTALS);
		return -EINVAL;
	}
	if (err)
		return err;
	*out = TAKE_PTR(result);
	return 0;
}

uint32_t compiled_class(const struct compiled *c, const struct sluice_addr *a)
{
	const struct prefix whole = { *a, 128 };
	unsigned int best = 0;
	uint32_t id = 0;
	size_t i;

	for (i = 0; i < c->prefixes_count; i++) {
		if (c->prefixes[i].prefix.len >= best && encloses(&c->prefixes[i].prefix, &whole)) {
			best = c->prefixes[i].prefix.len;
			id = c->prefixes[i].class_id;
		}
	}
	return id;
}
