/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Axigen: listeners and the AccessControl of services, as axigen.cfg has them: nested objects. A listener is a service of sluice, unless only
 * its Axigen service has limits: then all its listeners are one. Rules of a listener come before those of its service, and these before the
 * global ones, which the priorities of the sets keep: 1000 apart.
 */
#include <string.h>
#include <strings.h>

#include "addr.h"
#include "cleanup.h"
#include "import.h"

#define LEVEL 1000

enum level { LISTENER, SERVICE, GLOBAL };

/* The six flow parameters. */
static const char *const flow_keys[] = { "maxConnections",     "maxIntervalConnections",     "timeInterval",
					 "peerMaxConnections", "peerMaxIntervalConnections", "peerTimeInterval" };

enum { TOTAL, TOTAL_RATE, TOTAL_TIME, PEER, PEER_RATE, PEER_TIME, FLOWS };

struct value {
	char text[128];
	const struct line *from;
};

struct flow {
	struct value value[FLOWS];
};

struct rule {
	struct flow flow;
	struct value set, priority, enable;
	bool deny;
	enum level level;
	size_t listener; /* for a LISTENER: which one */
	unsigned int service; /* for the others: which one, 0 for none */
	const struct line *from;
};

struct listener {
	struct flow flow;
	struct value address, enable;
	unsigned int service;
	const struct line *from;
	struct item *item;
};

struct access {
	struct flow flow;
	unsigned int service;
};

struct axigen {
	struct block_walk walk;
	struct import *m;
	LIST(struct listener) listeners;
	LIST(struct rule) rules;
	LIST(struct access) accesses;
	unsigned int services; /* so far */
};

static bool is_named(const char *name, const char *const *list)
{
	for (; *list && strcasecmp(*list, name); list++)
		;
	return *list;
}

static bool is_listeners(const char *name)
{
	return is_named(name, (const char *const[]){ "listeners", "listener", NULL });
}

static bool is_rules(const char *name)
{
	return is_named(name, (const char *const[]){ "allowRules", "denyRules", "allowRule", "denyRule", NULL });
}

static bool is_access(const char *name)
{
	return is_named(name, (const char *const[]){ "accessControl", "access", NULL });
}

/* An object in a set of them has no name: the nearest name around it says what kind it is. */
static const char *kind_of(const struct block_walk *w)
{
	unsigned int i = w->depth;

	while (i && !*w->path[i - 1])
		i--;
	return i ? w->path[i - 1] : "";
}

/* In `listeners = ( { ... } )` only the braces are an object; in `listener = { ... }` the whole is. */
static bool is_object(const struct block_walk *w)
{
	const char *name = w->path[w->depth - 1];
	size_t len = strlen(name);

	return !*name || (len && name[len - 1] != 's');
}

static bool has_around(const struct block_walk *w, bool (*is)(const char *name))
{
	unsigned int i;

	for (i = 0; i < w->depth && !is(w->path[i]); i++)
		;
	return i < w->depth;
}

/* Counts names around it that are those of a service, or of a part of one. */
static size_t names_around(const struct block_walk *w)
{
	static const char *const none[] = { "server", "services", "globalAccessControl", "", NULL };
	size_t n = 0;
	unsigned int i;

	for (i = 0; i < w->depth; i++)
		n += !is_named(w->path[i], none) && !is_listeners(w->path[i]) && !is_rules(w->path[i]) &&
		     !is_access(w->path[i]);
	return n;
}

/* The outermost object with a name of its own is a service, or nothing that matters here. */
static void service_count(struct axigen *a)
{
	struct block_walk outside = a->walk;

	outside.depth--;
	if (names_around(&a->walk) == 1 && !names_around(&outside))
		a->services++;
}

static void rule_open(struct axigen *a, const struct line *line)
{
	struct rule *r = LIST_ADD(&a->rules);

	if (!r) {
		a->m->failed = true;
		return;
	}
	*r = (struct rule){ .deny = !strncasecmp(kind_of(&a->walk), "deny", 4), .from = line, .service = a->services };
	r->level = names_around(&a->walk) ? SERVICE : GLOBAL;
	if (has_around(&a->walk, is_listeners) && a->listeners.count) {
		r->level = LISTENER;
		r->listener = a->listeners.count - 1;
	}
}

static void listener_open(struct axigen *a, const struct line *line)
{
	struct listener *l = LIST_ADD(&a->listeners);

	if (l)
		*l = (struct listener){ .service = a->services, .from = line };
	else
		a->m->failed = true;
}

static void access_open(struct axigen *a)
{
	struct access *access = LIST_ADD(&a->accesses);

	if (access)
		*access = (struct access){ .service = a->services };
	else
		a->m->failed = true;
}

static void walk_open(struct block_walk *w, const struct line *line)
{
	struct axigen *a = (struct axigen *)w;

	service_count(a);
	if (!is_object(w))
		return;
	if (is_rules(kind_of(w)))
		rule_open(a, line);
	else if (is_listeners(kind_of(w)))
		listener_open(a, line);
	else if (is_access(kind_of(w)))
		access_open(a);
}

static void walk_close(struct block_walk *w, const struct line *line)
{
	(void)w;
	(void)line;
}

static void value_put(struct value *v, const char *text, const struct line *from)
{
	snprintf(v->text, sizeof(v->text), "%s", text);
	v->from = from;
}

static bool flow_put(struct flow *flow, const char *key, const char *value, const struct line *line)
{
	size_t i;

	for (i = 0; i < FLOWS && strcasecmp(flow_keys[i], key); i++)
		;
	if (i < FLOWS)
		value_put(&flow->value[i], value, line);
	return i < FLOWS;
}

static void rule_set(struct rule *r, const char *key, const char *value, const struct line *line)
{
	if (!strcasecmp(key, "ipSet"))
		value_put(&r->set, value, line);
	else if (!strcasecmp(key, "priority"))
		value_put(&r->priority, value, line);
	else if (!strcasecmp(key, "enable"))
		value_put(&r->enable, value, line);
	else
		flow_put(&r->flow, key, value, line);
}

static void listener_set(struct axigen *a, struct listener *l, const char *key, const char *value,
			 const struct line *line)
{
	if (!strcasecmp(key, "address"))
		value_put(&l->address, value, line);
	else if (!strcasecmp(key, "enable"))
		value_put(&l->enable, value, line);
	else if (!flow_put(&l->flow, key, value, line) &&
		 (!strcasecmp(key, "idleTimeout") || !strncasecmp(key, "proxyProtocol", 13)))
		leave(a->m, line, "is about what happens inside a connection: keep it");
}

static void walk_set(struct block_walk *w, const char *key, const char *value, const struct line *line)
{
	static const char *const inside[] = { "maxErrors",	"maxAuthErrors",  "idleTimeout",
					      "minConnThreads", "maxConnThreads", NULL };
	struct axigen *a = (struct axigen *)w;

	if (is_rules(kind_of(w)) && a->rules.count)
		rule_set(&a->rules.item[a->rules.count - 1], key, value, line);
	else if (is_listeners(kind_of(w)) && a->listeners.count)
		listener_set(a, &a->listeners.item[a->listeners.count - 1], key, value, line);
	else if (is_access(kind_of(w)) && a->accesses.count)
		flow_put(&a->accesses.item[a->accesses.count - 1].flow, key, value, line);
	else if (is_named(key, inside))
		leave(a->m, line, "is about what happens inside a connection: keep it");
}

static bool has_flow(const struct flow *flow)
{
	size_t i;

	for (i = 0; i < FLOWS && !flow->value[i].from; i++)
		;
	return i < FLOWS;
}

static void rate_write(struct axigen *a, struct item *i, const char *key, const struct value *count,
		       const struct value *time)
{
	if (!count->from)
		return;
	if (put_rate(a->m, i, key, count->text, time->from ? time->text : "60", count->from) && time->from)
		put_origin(a->m, i, key, time->from);
}

static void flow_write(struct axigen *a, struct item *i, const struct flow *flow)
{
	const struct value *v = flow->value;

	if (v[TOTAL].from)
		put_count(a->m, i, "max-connections", v[TOTAL].text, v[TOTAL].from);
	if (v[PEER].from)
		put_count(a->m, i, "max-connections-per-source", v[PEER].text, v[PEER].from);
	rate_write(a, i, "max-rate", &v[TOTAL_RATE], &v[TOTAL_TIME]);
	rate_write(a, i, "max-rate-per-source", &v[PEER_RATE], &v[PEER_TIME]);
}

static bool is_off(const struct value *enable)
{
	return enable->from && !strcasecmp(enable->text, "no");
}

/* "0.0.0.0:25" */
static bool address_split(struct axigen *a, const struct listener *l, char out[static 128], const char **port,
			  char buf[static 8])
{
	char *colon;

	snprintf(out, 128, "%s", l->address.text);
	colon = strrchr(out, ':');
	*port = colon ? port_of(colon + 1, buf) : NULL;
	if (!*port) {
		leave(a->m, l->address.from ? l->address.from : l->from, "'%s' is no ADDRESS:PORT", out);
		return false;
	}
	*colon = 0;
	return true;
}

static void address_put(struct axigen *a, struct item *s, const char *address, const struct line *from)
{
	struct sluice_addr addr;
	char plain[128];

	snprintf(plain, sizeof(plain), "%s", *address == '[' ? address + 1 : address);
	plain[strcspn(plain, "]")] = 0;
	if (!*plain || !strcmp(plain, "0.0.0.0") || !strcmp(plain, "::"))
		return;
	if (addr_parse(plain, &addr))
		leave(a->m, from, "'%s' is not an address", plain);
	else
		put_element(a->m, s, "addresses", plain, from);
}

static void listener_write(struct axigen *a, struct listener *l)
{
	_cleanup_strings_ struct strings ports = {};
	char address[128], buf[8];
	const char *port;

	if (is_off(&l->enable)) {
		leave(a->m, l->enable.from, "the listener is switched off");
		return;
	}
	if (!address_split(a, l, address, &port, buf))
		return;
	if (is_loopback(address)) {
		leave(a->m, l->address.from, "listens on loopback, where no interface sees it");
		return;
	}
	if (service_of_port(a->m, port)) {
		leave(a->m, l->address.from,
		      "port %s already belongs to service %s above: write two services by hand for two listeners of one port at different addresses",
		      port, service_of_port(a->m, port)->name);
		return;
	}
	if (strings_add(&ports, port))
		a->m->failed = true;
	l->item = service_with(a->m, NULL, &ports, l->address.from);
	address_put(a, l->item, address, l->address.from);
	flow_write(a, l->item, &l->flow);
}

static bool listeners_have_flow(const struct axigen *a, unsigned int service)
{
	size_t i;

	for (i = 0; i < a->listeners.count; i++) {
		if (a->listeners.item[i].service == service && has_flow(&a->listeners.item[i].flow))
			return true;
	}
	return false;
}

/* Writes all listeners of an Axigen service, as one. */
static void together_write(struct axigen *a, const struct access *access)
{
	_cleanup_strings_ struct strings ports = {};
	const struct line *from = NULL;
	char address[128], buf[8];
	struct listener *l;
	struct item *s;
	const char *port;
	size_t i;

	for (i = 0; i < a->listeners.count; i++) {
		l = &a->listeners.item[i];
		if (l->service != access->service || is_off(&l->enable) || !address_split(a, l, address, &port, buf))
			continue;
		if (strcmp(address, "0.0.0.0"))
			leave(a->m, l->address.from, "the service guards the port at all addresses of the host");
		from = from ? from : l->address.from;
		if (!strings_have(&ports, port) && strings_add(&ports, port))
			a->m->failed = true;
	}
	s = ports.count ? service_with(a->m, NULL, &ports, from) : NULL;
	for (i = 0; i < a->listeners.count && s; i++) {
		l = &a->listeners.item[i];
		if (l->service == access->service && !is_off(&l->enable))
			l->item = s;
	}
	flow_write(a, s, &access->flow);
}

static void access_leave(struct axigen *a, const struct access *access)
{
	size_t i;

	for (i = 0; i < FLOWS; i++) {
		if (access->flow.value[i].from)
			leave(a->m, access->flow.value[i].from,
			      "applies to all listeners of the service together, which have their own limits: choose one");
	}
}

static void services_write(struct axigen *a)
{
	size_t i;

	for (i = 0; i < a->accesses.count; i++) {
		if (!has_flow(&a->accesses.item[i].flow))
			continue;
		if (listeners_have_flow(a, a->accesses.item[i].service))
			access_leave(a, &a->accesses.item[i]);
		else
			together_write(a, &a->accesses.item[i]);
	}
	for (i = 0; i < a->listeners.count; i++) {
		if (!a->listeners.item[i].item)
			listener_write(a, &a->listeners.item[i]);
	}
}

static void rule_services(struct axigen *a, const struct rule *r, struct item *set, const char *action)
{
	const struct listener *l;
	size_t i;

	for (i = 0; i < a->listeners.count; i++) {
		l = &a->listeners.item[i];
		if (l->item &&
		    ((r->level == LISTENER && i == r->listener) || (r->level == SERVICE && l->service == r->service)))
			set_use(a->m, set, action, l->item, 0, r->set.from);
	}
	if (r->level == GLOBAL)
		set_use(a->m, set, action, NULL, 0, r->set.from);
}

static bool said_limit(const struct item *set)
{
	size_t i;

	for (i = 0; i < set->count && strncmp(set->item[i].key, "max-", 4); i++)
		;
	return i < set->count;
}

static void rule_write(struct axigen *a, const struct rule *r)
{
	const char *action = r->deny ? "deny" : has_flow(&r->flow) ? "limit" : "allow";
	uint32_t priority = 100;
	struct item *set;
	char id[24], name[32], text[16];

	if (!r->set.from || !strcasecmp(r->set.text, "any") || !strcmp(r->set.text, "0.0.0.0-255.255.255.255")) {
		leave(a->m, r->from, "a rule for everybody: a source in no set is judged by its service");
		return;
	}
	if (is_off(&r->enable)) {
		leave(a->m, r->set.from, "the rule is off: a set has enabled = false");
		return;
	}
	if (r->priority.from && (!is_count(r->priority.text, &priority) || priority >= LEVEL)) {
		leave(a->m, r->priority.from, "'%s' is not a priority from 0 to %u", r->priority.text, LEVEL - 1);
		return;
	}
	line_id(a->m, r->set.from, id);
	snprintf(name, sizeof(name), "%s-%s", action, id);
	set = set_get(a->m, name);
	if (!put_prefix(a->m, set, r->set.text, r->set.from))
		return;
	if (!strcmp(action, "limit"))
		flow_write(a, set, &r->flow);
	if (!strcmp(action, "limit") && set && !said_limit(set)) {
		leave(a->m, r->set.from, "the rule has no limit that can be imported");
		return;
	}
	rule_services(a, r, set, action);
	snprintf(text, sizeof(text), "%u", priority + LEVEL * r->level);
	if (!set || !said_value(set, "action"))
		return;
	put_last(a->m, set, "priority", text, r->priority.from ? r->priority.from : r->set.from);
}

void axigen_read(struct import *m)
{
	struct axigen a = { .walk = { .open = walk_open, .close = walk_close, .set = walk_set }, .m = m };
	size_t i;

	blocks_walk(m, "{}()", &a.walk);
	services_write(&a);
	for (i = 0; i < a.rules.count; i++)
		rule_write(&a, &a.rules.item[i]);
	free(a.listeners.item);
	free(a.rules.item);
	free(a.accesses.item);
}
