/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the policy in force says about a source at a service: live bans and allows, then address -> class -> rule. */
#ifndef SLUICE_CLASSIFY_BPF_H
#define SLUICE_CLASSIFY_BPF_H

/* Expired live entries may hide one that has not expired; this many are looked through. */
#define LIVE_DEPTH 8

/* Everything that one packet or socket is judged by, from one generation. */
struct sluice_view {
	__u64 lane; /* control.lane, read before anything else */
	__u32 slot;
	__u32 service; /* 0: none */
	__u32 leaf; /* leaf of the source; 0 also if the policy needs no table */
	__u8 dry; /* explain: judge, and change nothing */
	__u8 named; /* the service names this very address of the host; otherwise it is at all of the host's addresses */
	__u8 observed; /* enum sluice_reason: the refusal that observe mode, or a ban that only counts, let pass */
	__u8 leased; /* enum fleet_says: `rule` and `row` are narrowed copies */
	const struct sluice_control *control;
	const struct sluice_generation *generation;
	const struct sluice_service *row;
	const struct sluice_rule *rule;
	struct sluice_ban *ban; /* the ban that holds the source, or would if it did not only count; NULL: none */
};

/* Only for the words of the row that the kernel side writes. */
static __always_inline struct sluice_control *control_to_write(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&control, &zero);
}

static __always_inline const struct sluice_control *control_row(void)
{
	return control_to_write();
}

/* Sets *named if the service names this very address. */
static __always_inline __u32 service_find(__u32 slot, const struct sluice_addr *local, __u16 port, __u8 *named)
{
	struct sluice_listener_key key;
	const struct sluice_port *row;
	const __u32 *service;
	__u32 index = slot * 65536 + port;

	row = bpf_map_lookup_elem(&ports, &index);
	if (!row)
		return 0;
	if (!row->listeners)
		return row->service;
	key.addr = *local;
	key.slot = slot;
	key.port = port;
	service = bpf_map_lookup_elem(&listeners, &key);
	*named = service != NULL;
	return service ? *service : row->service;
}

static __always_inline __u32 slot_in_force(const struct sluice_control *now)
{
	__u64 force = *(const volatile __u64 *)&now->force;

	return force_slot(force, force & SLUICE_FORCE_UNTIL ? bpf_ktime_get_ns() : 0);
}

/* Returns non-zero if sluiced was stopped and its grace is over. Connections are still counted. */
static __always_inline int gate_stands_open(const struct sluice_control *now)
{
	return now->open_ns && bpf_ktime_get_ns() >= now->open_ns;
}

/* The generation in force; NULL: there is none yet. */
static __always_inline const struct sluice_generation *generation_in_force(void)
{
	const struct sluice_control *now = control_row();
	__u32 slot;

	if (!now)
		return NULL;
	slot = slot_in_force(now);
	return bpf_map_lookup_elem(&generations, &slot);
}

static __always_inline const struct sluice_service *service_row(__u32 slot, __u32 service)
{
	__u32 index = slot * SLUICE_MAX_SERVICES + service;

	return bpf_map_lookup_elem(&services, &index);
}

/* Fills what is in force, whatever the packet is. Returns 0 if nothing is in force yet. */
static __always_inline int view_open(struct sluice_view *view)
{
	view->control = control_row();
	if (!view->control)
		return 0;
	view->lane = *(const volatile __u64 *)&view->control->lane;
	view->slot = slot_in_force(view->control);
	view->generation = bpf_map_lookup_elem(&generations, &view->slot);
	return view->generation != NULL;
}

/* Returns non-zero if a service of the policy in force names this port, at whatever address. */
static __always_inline int port_is_named(const struct sluice_view *view, __u16 port)
{
	__u32 index = view->slot * 65536 + port;
	const struct sluice_port *row = bpf_map_lookup_elem(&ports, &index);

	return row && (row->service || row->listeners);
}

/* Fills the view except for its rule. Returns 0 if no service of the policy in force names this address and port. */
static __always_inline __u32 view_service(struct sluice_view *view, const struct sluice_addr *local, __u16 port)
{
	if (!view_open(view))
		return 0;
	view->service = service_find(view->slot, local, port, &view->named) & (SLUICE_MAX_SERVICES - 1);
	if (!view->service)
		return 0;
	view->row = service_row(view->slot, view->service);
	return view->row ? view->service : 0;
}

static __always_inline __u32 leaf_find(__u32 slot, const struct sluice_addr *source)
{
	void *trie = bpf_map_lookup_elem(&tries, &slot);

	return trie ? trie_find(trie, source) : 0;
}

/*
 * Returns non-zero if all addresses with the same first `bits` bits are known to have the same leaf. If the leaf is further down, that is
 * not known.
 */
__noinline int leaf_is_wide(__u32 slot, const struct sluice_addr *a, __u32 bits)
{
	void *trie = bpf_map_lookup_elem(&tries, &slot);

	if (!trie || !a || bits < SLUICE_TRIE_ROOT_BITS)
		return 0;
	return !(trie_walk(trie, a, (bits - SLUICE_TRIE_ROOT_BITS) / SLUICE_TRIE_STEP_BITS) & SLUICE_TRIE_NODE);
}

/* `who` is the source as translated_of() returns it. */
static __always_inline const struct sluice_rule *rule_of(struct sluice_view *view, const struct sluice_addr *who)
{
	const struct sluice_class *row;
	__u32 index;

	view->leaf = view->generation->classified ? leaf_find(view->slot, who) : 0;
	index = view->slot * SLUICE_MAX_CLASSES + (SLUICE_LEAF_CLASS(view->leaf) & (SLUICE_MAX_CLASSES - 1));
	row = bpf_map_lookup_elem(&classes, &index);
	if (!row)
		return NULL;
	index = view->slot * SLUICE_MAX_RULES +
		(row->rule[view->service & (SLUICE_MAX_SERVICES - 1)] & (SLUICE_MAX_RULES - 1));
	return bpf_map_lookup_elem(&rules, &index);
}

static __always_inline const struct sluice_rule *rule_find(struct sluice_view *view, const struct sluice_addr *source)
{
	struct sluice_addr who = translated_of(view->generation, source);

	return rule_of(view, &who);
}

/*
 * Returns non-zero if a map of live entries has any, or the kernel does not tell. Mostly it has none: reading the kernel's own count of the
 * entries saves two lookups, a fifth of what a refused packet costs. A program may read the fields of its maps.
 */
static __always_inline int table_has_any(void *table)
{
	const struct lpm_trie *trie = table;

	barrier(); /* otherwise clang computes the place of the field once for two maps and adds to it, but the verifier wants it in the load */
	return !bpf_core_field_exists(trie->n_entries) || trie->n_entries;
}

/* An IPv6 prefix never covers IPv4, however short. */
static __always_inline int prefix_is_other(__u32 prefixlen, const struct sluice_addr *source)
{
	return prefixlen < SLUICE_IPV4_SHIFT && addr_is_mapped(source);
}

/* It is verified once, apart from its callers, because it looks through up to eight entries. */
__noinline int allow_find(const struct sluice_addr *source)
{
	struct sluice_prefix_key key = { .prefixlen = 128 };
	const struct sluice_live *live;
	int i;

	if (!source)
		return 0;
	key.addr = *source;
	for (i = 0; i < LIVE_DEPTH; i++) {
		live = bpf_map_lookup_elem(&live_allows, &key);
		if (!live || prefix_is_other(live->prefixlen, source))
			return 0;
		if (!live->expires_ns || live->expires_ns > bpf_ktime_get_ns())
			return 1;
		if (!live->prefixlen)
			return 0;
		key.prefixlen = live->prefixlen - 1;
	}
	return 0;
}

static __always_inline int allow_holds(const struct sluice_addr *source)
{
	return table_has_any(&live_allows) && allow_find(source);
}

static __always_inline int ban_stands(const struct sluice_view *view, const struct sluice_ban *ban, __u64 now)
{
	__u32 change = view->control->bans;

	return ban->from <= change && (!ban->until || ban->until > change) &&
	       (!ban->expires_ns || ban->expires_ns > now);
}

/* Returns non-zero if the source is banned. view->ban is then that ban, else the longest one that only counts. */
static __always_inline int ban_holds(struct sluice_view *view, const struct sluice_addr *source)
{
	struct sluice_prefix_key key = { .prefixlen = 128, .addr = *source };
	struct sluice_ban *ban;
	__u64 now = 0;
	int i;

	if (!table_has_any(&live_bans))
		return 0;
	for (i = 0; i < LIVE_DEPTH; i++) {
		ban = bpf_map_lookup_elem(&live_bans, &key);
		if (!ban || prefix_is_other(ban->prefixlen, source))
			return 0;
		if (!i)
			now = bpf_ktime_get_ns();
		if (ban_stands(view, ban, now)) {
			if (ban->refuses_ns > now) {
				view->ban = ban;
				return 1;
			}
			if (!view->ban)
				view->ban = ban;
		}
		if (!ban->prefixlen)
			return 0;
		key.prefixlen = ban->prefixlen - 1;
	}
	return 0;
}

static __always_inline void ban_count(struct sluice_ban *ban, int syn)
{
	__sync_fetch_and_add(syn ? &ban->syns : &ban->others, 1);
}

/* Returns ALLOWED, BANNED, DENIED, COUNTRY or, if limits decide, UNDECIDED. view->rule is set in any case, or NULL if there is none. */
static __always_inline enum sluice_reason source_check(struct sluice_view *view, const struct sluice_addr *source)
{
	struct sluice_addr who = translated_of(view->generation, source);

	view->rule = rule_of(view, &who);
	if (allow_holds(&who))
		return SLUICE_ALLOWED;
	if (ban_holds(view, &who))
		return SLUICE_BANNED;
	if (!view->rule)
		return SLUICE_UNPARSED;
	if (view->rule->action == SLUICE_ACTION_ALLOW)
		return SLUICE_ALLOWED;
	if (view->rule->action == SLUICE_ACTION_DENY)
		return SLUICE_DENIED;
	if (view->rule->action == SLUICE_ACTION_COUNTRY)
		return SLUICE_COUNTRY;
	return SLUICE_UNDECIDED;
}

static __always_inline __u32 rate_seconds(const struct sluice_limit *limit)
{
	return limit->rate ? limit->width_ns / SLUICE_RATE_UNIT_NS : 0;
}

/* It is verified once, apart from its callers, which are short of stack. */
__noinline int holding_fill(const struct sluice_generation *g, const struct sluice_rule *rule,
			    const struct sluice_addr *source, __u32 service, struct sluice_holding *out)
{
	const struct sluice_aggregate *as;
	int i;

	if (!g || !rule || !source || !out)
		return 0;
	out->source.addr = translated_of(g, source);
	as = &rule->aggregate[addr_is_mapped(&out->source.addr) ? SLUICE_IPV4 : SLUICE_IPV6];
	for (i = 0; i < 4; i++)
		out->source.addr.word[i] &= as->mask.word[i];
	out->source.service = service;
	out->source.bits = as->source_bits;
	out->source.level = SLUICE_LEVEL_SOURCE;
	out->set_total = rule->set_total;
	out->holds = 0;
	out->source_share = 0;
	out->network_share = 0;
	out->taken = 0;
	out->source_seconds = rate_seconds(&rule->source);
	out->network_bits = as->network_bits;
	out->network_seconds = as->network_bits ? rate_seconds(&rule->network) : 0;
	return 0;
}

/* Returns non-zero if all addresses of this source have the same rule. */
static __always_inline int source_is_of_one_class(const struct sluice_view *view,
						  const struct sluice_source_key *source)
{
	return !view->generation->classified || addr_is_mapped(&source->addr) ||
	       leaf_is_wide(view->slot, &source->addr, source->bits);
}

/* Fills in which counters a connection of `source` belongs to under the policy in force; view->rule must be set. */
static __always_inline void holding_of(const struct sluice_view *view, const struct sluice_addr *source,
				       struct sluice_holding *out)
{
	__builtin_memset(out, 0, sizeof(*out)); /* Linux 6.1 passes no unwritten memory to a function */
	holding_fill(view->generation, view->rule, source, view->service, out);
}

#endif
