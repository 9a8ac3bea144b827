/* SPDX-License-Identifier: BSD-2-Clause */
/* A policy's services, listeners, classes and rules as rows of the maps. What an address belongs to is classify.c's. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "compile.h"
#include "sender.h"

#define USUAL_INTERVAL 60 /* seconds */

struct compiler {
	const struct policy *policy;
	struct registry *registry;
	struct compiled *out;
	unsigned int id[SLUICE_POLICY_SERVICES]; /* service ids */
	struct intern rules; /* a service (by its place in the policy), and what classify.h has of a class there */
};

DEFINE_CLEANUP(struct compiled *, compiled_free);

void compiled_free(struct compiled *c)
{
	if (!c)
		return;
	free(c->ports);
	free(c->listeners);
	free(c->classes);
	free(c->rules);
	free(c->containers);
	classified_free(&c->classified);
	trie_free(c->trie);
	free(c);
}

static struct sluice_limit limit_of(uint32_t connections, const struct rate *r)
{
	struct sluice_limit limit = { .connections = connections, .rate = r->count };

	if (r->count)
		limit.width_ns = r->seconds * 1000000000ULL / (SLUICE_RATE_BUCKETS - 1);
	return limit;
}

/* Counts even if no rate is limited, for `suggest`: by the minute, or by the retention time if that is shorter. */
static struct sluice_limit limit_counted(const struct policy *p, uint32_t connections, const struct rate *r)
{
	uint32_t most = policy_retention(p) < USUAL_INTERVAL ? policy_retention(p) : USUAL_INTERVAL;
	struct sluice_limit limit = limit_of(connections, r);

	if (!limit.width_ns)
		limit.width_ns = most * 1000000000ULL / (SLUICE_RATE_BUCKETS - 1);
	return limit;
}

static void flood_fill(const struct flood *f, struct sluice_flood *out)
{
	const struct sluice_limit syn = limit_of(f->half_open, &f->syn_rate), expired = limit_of(0, &f->expired_rate);

	out->cookies = f->cookies;
	out->half_open = syn.connections;
	out->syn_rate = syn.rate;
	out->syn_width_ns = syn.width_ns;
	out->expired_rate = expired.rate;
	out->expired_width_ns = expired.width_ns;
	out->calm_percent = f->calm_percent;
	out->calm_ns = f->calm_after * 1000000000ULL;
}

static enum sluice_action action_of(const struct policy_set *set, uint32_t kind)
{
	enum sluice_action action = set ? set->action : SLUICE_ACTION_LIMIT;

	return action == SLUICE_ACTION_LIMIT && KIND_ABROAD(kind) ? SLUICE_ACTION_COUNTRY : action;
}

static struct sluice_aggregate aggregate_of(uint32_t source, uint32_t network)
{
	return (struct sluice_aggregate){ mask_of(source), source, network };
}

/* Fills what counts as one source, and as one network if the rule limits those. */
static void aggregates_fill(const struct policy *p, const struct policy_set *own, struct sluice_rule *rule)
{
	struct aggregates a = policy_aggregates(p, own);
	bool networks = rule->network.connections || rule->network.rate;

	rule->aggregate[SLUICE_IPV4] = aggregate_of(96 + a.ipv4_prefix, networks ? 96 + a.ipv4_network : 0);
	rule->aggregate[SLUICE_IPV6] = aggregate_of(a.ipv6_prefix, networks ? a.ipv6_network : 0);
}

/* The layers that may set the limits of a source. The first that does counts: the sender, its set (NULL: none), the service. */
struct layers {
	const struct limits *sender, *set, *service;
};

#define WHO_SAYS(l, key) \
	((l)->sender->key.given ? (l)->sender : (l)->set && (l)->set->key.given ? (l)->set : (l)->service)

/* Returns what a percentage is a percentage of. */
static uint32_t whole_of(const struct layers *l, const struct limits *who)
{
	return who != l->service && l->set && l->set->max_connections ? l->set->max_connections
								      : l->service->max_connections;
}

static struct sluice_limit source_limit(const struct policy *p, const struct layers *l)
{
	const struct limits *who = WHO_SAYS(l, max_connections_per_source);

	return limit_counted(p, share_of(&who->max_connections_per_source, whole_of(l, who)),
			     &WHO_SAYS(l, max_rate_per_source)->max_rate_per_source);
}

static struct sluice_limit network_limit(const struct layers *l)
{
	const struct limits *who = WHO_SAYS(l, max_connections_per_network);

	return limit_of(share_of(&who->max_connections_per_network, whole_of(l, who)),
			&WHO_SAYS(l, max_rate_per_network)->max_rate_per_network);
}

static int set_fill(struct compiler *c, const struct policy_service *s, const struct policy_set *own,
		    struct sluice_rule *rule)
{
	char name[SLUICE_TOTAL_NAME_LEN];
	int total;

	if (!own || (!own->limits.max_connections && !own->limits.max_rate.count))
		return 0;
	rule->set = limit_counted(c->policy, own->limits.max_connections, &own->limits.max_rate);
	snprintf(name, sizeof(name), "%s@%s", own->name, s->name);
	total = registry_name(c->registry, name, SLUICE_MAX_SERVICES, SLUICE_MAX_TOTALS);
	if (total < 0)
		return total;
	rule->set_total = total;
	rule->fleet_set = rule->fleet ? fleet_name(name) : 0;
	return 0;
}

static int rule_fill(struct compiler *c, size_t service, uint32_t kind, struct sluice_rule *rule)
{
	const struct policy_service *s = &c->policy->services.item[service];
	const struct policy_set *own = KIND_SET(kind) == NO_SET ? NULL : &c->policy->sets.item[KIND_SET(kind)];
	struct limits sender = {};
	const struct layers layers = { &sender, own ? &own->limits : NULL, &s->limits };

	if (KIND_SENDER(kind) != NO_SET)
		sender = sender_limits(c->policy, KIND_SENDER(kind), s->name);
	rule->action = action_of(own, kind);
	rule->fleet = s->fleet || (own && own->fleet) ? fleet_name(s->name) : 0;
	rule->set_id = KIND_SET(kind) + 1; /* NO_SET: 0 */
	rule->source = source_limit(c->policy, &layers);
	rule->network = network_limit(&layers);
	aggregates_fill(c->policy, own, rule);
	return set_fill(c, s, own, rule);
}

/* Returns the index of the rule, made if it is new; 0 is for services that do not exist. */
static int rule_of(struct compiler *c, size_t service, uint32_t kind)
{
	const uint32_t key[2] = { service, kind };
	int number = intern_put(&c->rules, key), err;

	if (number < 0 || (size_t)number + 1 < c->out->rules_count)
		return number < 0 ? number : number + 1;
	if (c->out->rules_count == SLUICE_MAX_RULES)
		return -ENOSPC;
	err = rule_fill(c, service, kind, &c->out->rules[c->out->rules_count]);
	return err ? err : (int)c->out->rules_count++;
}

static int classes_fill(struct compiler *c)
{
	struct compiled *out = c->out;
	const uint32_t *kind;
	size_t i, j;
	int rule;

	out->classes_count = out->classified.kinds.count;
	out->generation.classified = out->classes_count > 1;
	for (i = 0; i < out->classes_count; i++) {
		kind = intern_get(&out->classified.kinds, i);
		for (j = 0; j < c->policy->services.count; j++) {
			rule = rule_of(c, j, kind[j]);
			if (rule < 0)
				return rule;
			out->classes[i].rule[c->id[j]] = rule;
		}
	}
	return 0;
}

static int services_fill(struct compiler *c)
{
	const struct limits none = {};
	const struct policy_service *s;
	struct sluice_service *row;
	size_t i;
	int id;

	memset(c->registry->used, 0, sizeof(c->registry->used));
	for (i = 0; i < c->policy->services.count; i++) {
		s = &c->policy->services.item[i];
		id = registry_name(c->registry, s->name, 1, SLUICE_MAX_SERVICES);
		if (id < 0)
			return id;
		c->id[i] = id;
		row = &c->out->services[id];
		memcpy(row->name, s->name, sizeof(row->name));
		row->total = limit_counted(c->policy, s->limits.max_connections, &s->limits.max_rate);
		row->source = source_limit(c->policy, &(struct layers){ &none, NULL, &s->limits });
		row->network = network_limit(&(struct layers){ &none, NULL, &s->limits });
		row->syn = limit_of(0, &s->max_syn_rate);
		row->excess = s->on_excess;
		row->ports_count = s->ports_count;
		memcpy(row->ports, s->ports, sizeof(row->ports));
		row->fleet = s->fleet ? fleet_name(s->name) : 0;
		row->exact = s->exact;
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

	for (i = 0; i < c->policy->services.count; i++)
		n += c->policy->services.item[i].ports_count * c->policy->services.item[i].addresses.count;
	if (n > SLUICE_MAX_LISTENERS)
		return -ENOSPC;
	out->ports = calloc(SLUICE_POLICY_SERVICES * SLUICE_SERVICE_PORTS, sizeof(*out->ports));
	out->listeners = calloc(n + 1, sizeof(*out->listeners));
	if (!out->ports || !out->listeners)
		return -ENOMEM;
	for (i = 0; i < c->policy->services.count; i++) {
		s = &c->policy->services.item[i];
		for (j = 0; j < s->ports_count; j++) {
			row = port_row(out, s->ports[j]);
			if (s->addresses.count)
				row->row.listeners = 1;
			else
				row->row.service = c->id[i];
			for (k = 0; k < s->addresses.count; k++)
				out->listeners[out->listeners_count++] =
					(struct compiled_listener){ s->addresses.item[k], s->ports[j], c->id[i] };
		}
	}
	return 0;
}

/* Fills in an address of the host at which the port is its service's. Each has the same service, since that alone has the port. */
static void publish_fill(struct compiler *c, const struct publish *from, struct sluice_published *to)
{
	const struct policy_service *owner;
	bool several;

	owner = policy_port_owner(c->policy, from->host, &several);
	if (owner && owner->addresses.count)
		to->addr = owner->addresses.item[0];
	if (owner)
		c->out->services[c->id[owner - c->policy->services.item]].published = 1;
	to->port = from->host;
}

static int containers_fill(struct compiler *c)
{
	const struct policy_container *from;
	struct sluice_container *row;
	size_t i;
	unsigned int j;

	c->out->containers = calloc(c->policy->containers.count + 1, sizeof(*c->out->containers));
	if (!c->out->containers)
		return -ENOMEM;
	for (i = 0; i < c->policy->containers.count; i++) {
		from = &c->policy->containers.item[i];
		row = &c->out->containers[c->out->containers_count++];
		memcpy(row->name, from->name, sizeof(row->name));
		snprintf(row->netns, sizeof(row->netns), "%s", from->netns);
		row->addresses_count = from->addresses.count;
		if (from->addresses.count)
			memcpy(row->addresses, from->addresses.item, from->addresses.count * sizeof(*row->addresses));
		row->ports_count = from->ports_count;
		for (j = 0; j < from->ports_count; j++) {
			publish_fill(c, &from->ports[j], &row->host[j]);
			row->port[j] = from->ports[j].inside;
		}
	}
	return 0;
}

static int tables_make(struct compiler *c)
{
	struct compiled *out = c->out;

	out->classes = calloc(SLUICE_MAX_CLASSES, sizeof(*out->classes));
	out->rules = calloc(SLUICE_MAX_RULES, sizeof(*out->rules));
	out->rules_count = 1;
	return out->classes && out->rules ? intern_init(&c->rules, 2) : -ENOMEM;
}

static void translated_fill(const struct prefixes *list, struct sluice_generation *g)
{
	const struct prefix *p;

	for (p = list->item; p < list->item + list->count; p++)
		g->translated[g->translated_count++] =
			(struct sluice_translated){ (uint64_t)ntohl(p->addr.word[0]) << 32 | ntohl(p->addr.word[1]),
						    ntohl(p->addr.word[2]), p->len };
}

static void generation_fill(const struct policy *p, struct sluice_generation *g)
{
	g->observe = p->mode == POLICY_OBSERVE;
	g->mask4 = mask_of(96 + p->aggregates.ipv4_prefix);
	g->mask6 = mask_of(p->aggregates.ipv6_prefix);
	translated_fill(&p->translated, g);
	g->retention_ns = policy_retention(p) * 1000000000ULL;
	g->handshakes = SLUICE_MAX_HANDSHAKES / ((p->services.count ? p->services.count : 1));
	flood_fill(&p->flood, &g->flood);
	if (!p->geo)
		return;
	memcpy(g->geo_entries, p->geo->entries, sizeof(g->geo_entries));
	g->geo_built = p->geo->built;
}

static int compile(struct compiler *c)
{
	struct compiled *out = c->out;
	int err;

	generation_fill(c->policy, &out->generation);
	err = tables_make(c);
	if (!err)
		err = services_fill(c);
	if (!err)
		err = listeners_fill(c);
	if (!err)
		err = containers_fill(c);
	if (!err)
		err = policy_classify(c->policy, &out->classified);
	if (!err)
		err = classes_fill(c);
	return err ? err : trie_build(&out->classified.leaves, &out->trie);
}

int policy_compile(const struct policy *p, struct registry *reg, struct compiled **out, struct diag *d)
{
	_cleanup_(compiled_free) struct compiled *result = calloc(1, sizeof(*result));
	struct compiler c = { .policy = p, .registry = reg, .out = result };
	int err;

	if (!result)
		return -ENOMEM;
	err = compile(&c);
	intern_free(&c.rules);
	if (err == -ENOSPC) {
		diag_add(
			d,
			"there are too many sets, or they overlap in too many ways: at most %d classes, %d rules and %d counters: "
			"merge some",
			SLUICE_MAX_CLASSES, SLUICE_MAX_RULES, SLUICE_MAX_TOTALS);
		return -EINVAL;
	}
	if (err)
		return err;
	*out = TAKE_PTR(result);
	return 0;
}

const struct sluice_rule *compiled_rule(const struct compiled *c, uint32_t leaf, unsigned int service)
{
	return &c->rules[c->classes[SLUICE_LEAF_CLASS(leaf)].rule[service]];
}
