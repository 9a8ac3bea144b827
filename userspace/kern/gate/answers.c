/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * May XDP answer on an interface? What depends on the link (its mode, what its card does to tags, whose port it is) is decided here and
 * written to the table `answers`, one row for each interface with a gate and for the members of a bond; the gate closes the loop itself.
 */
#include <errno.h>
#include <string.h>

#include <net/if_arp.h>

#include "answers.h"

static const struct {
	const char *why, *remedy;
} words[SLUICE_ANSWERS_WHYS] = {
	[SLUICE_ANSWERS_XDP] = { "", "" },
	[SLUICE_ANSWERS_TAG] = { "the card strips VLAN tags, and an answer by XDP would go back without them",
				 "ethtool -K INTERFACE rxvlan off" },
	[SLUICE_ANSWERS_CHECKSUM] = { "in generic mode its packets may come with unfinished checksums, which an answer by XDP would spoil",
				      "native mode, or name the interface where packets arrive" },
	[SLUICE_ANSWERS_HEADER] = { "its frames have no Ethernet header", "nothing: the host answers" },
	[SLUICE_ANSWERS_NO_ADDRESS] = { "no address of this host is this interface's alone: the way back may be a different one",
					"nothing: the host answers, and knows the way" },
	[SLUICE_ANSWERS_UNHEARD] = { "SYN cookies sent here did not come back: the gate tries again after a minute",
				     "find out why packets come in but do not go back: another route out, or a veth peer without NAPI" },
};

const char *answers_why_text(enum sluice_answers_why why)
{
	return words[why].why;
}

const char *answers_remedy(enum sluice_answers_why why)
{
	return words[why].remedy;
}

/* Whether packets of VLANs matter to whoever is above this link. */
static bool has_vlans(const struct link_places *all, unsigned int index)
{
	const struct link_place *l = link_place(all, index);
	size_t i;

	if (l && l->filters_vlans)
		return true;
	for (i = 0; i < all->count; i++) {
		if (all->item[i].below == index && !strcmp(all->item[i].kind, "vlan"))
			return true;
	}
	return false;
}

/* In generic mode, packets of neighbours on this machine may come before their checksums are made, and an answer would keep that state. */
static bool checksums_may_wait(const struct link_view *l)
{
	static const char *const finished[] = { "", "bond", "team", "vlan" };
	size_t i;

	if (l->type == ARPHRD_LOOPBACK || !strcmp(l->driver, "virtio_net") || !strcmp(l->driver, "vif"))
		return true;
	for (i = 0; i < sizeof(finished) / sizeof(*finished); i++) {
		if (!strcmp(l->kind, finished[i]))
			return false;
	}
	return true;
}

/* Returns the interface whose addresses a port answers for, too: its bond, or a bridge whose tags are those that came in. */
static unsigned int also_of(const struct link_view *l, const struct link_places *all)
{
	const struct link_place *master = link_place(all, l->master_index);

	if (!master || (strcmp(master->kind, "bridge") && strcmp(master->kind, "bond") && strcmp(master->kind, "team")))
		return 0;
	return master->filters_vlans ? 0 : master->index;
}

/* Returns whether both see the same packets: a device, and one above it that takes some of its packets over. */
static bool takes_over(const struct link_place *above, unsigned int index)
{
	return above->below == index &&
	       (!strcmp(above->kind, "vlan") || !strcmp(above->kind, "macvlan") || !strcmp(above->kind, "ipvlan"));
}

#define LEVELS 8 /* of devices above one another, more than anybody has */

/* Whether packets of this link reach sockets of a VRF: the link, its bond or bridge, or a device above it is in one. */
static bool leads_to_vrf(const struct link_places *all, unsigned int index, unsigned int levels)
{
	const struct link_place *l = link_place(all, index);
	size_t i;

	if (!l || !levels)
		return false;
	if (!strcmp(l->kind, "vrf") || (l->master && leads_to_vrf(all, l->master, levels - 1)))
		return true;
	for (i = 0; i < all->count; i++) {
		if (takes_over(&all->item[i], index) && leads_to_vrf(all, all->item[i].index, levels - 1))
			return true;
	}
	return false;
}

void answers_plan(const struct link_view *l, const struct link_places *all, bool generic, struct sluice_answers *out)
{
	const struct link_place *self = link_place(all, l->index);

	*out = (struct sluice_answers){ .also = also_of(l, all),
					.bare = generic || l->lro,
					.hidden = leads_to_vrf(all, l->index, LEVELS) };
	if (self && self->vlan) {
		out->below = self->below;
		out->vlan = self->vlan;
	}
	if (l->type != ARPHRD_ETHER && l->type != ARPHRD_LOOPBACK)
		out->why = SLUICE_ANSWERS_HEADER;
	else if (generic && checksums_may_wait(l))
		out->why = SLUICE_ANSWERS_CHECKSUM;
	else if (!generic && l->takes_tags_off &&
		 (has_vlans(all, l->index) || (l->master_index && has_vlans(all, l->master_index))))
		out->why = SLUICE_ANSWERS_TAG;
}

/* What is being decided for all interfaces with a gate. */
struct plan {
	const struct engine *engine;
	struct link_places links;
	struct {
		void *keys, *values;
		size_t count;
	} locals;
	__u32 done[SLUICE_MAX_ANSWERS];
	size_t done_count;
	__u64 hidden; /* how many of them hide sockets from the gate */
};

static void plan_free(struct plan *p)
{
	free(p->links.item);
	free(p->locals.keys);
	free(p->locals.values);
}

static bool has_address(const struct plan *p, const struct sluice_answers *a, __u32 ifindex)
{
	const struct sluice_local *l = p->locals.values;
	size_t i;

	for (i = 0; i < p->locals.count; i++) {
		const struct link_place *owner = link_place(&p->links, l[i].ifindex);

		if (l[i].ifindex && (l[i].ifindex == ifindex || l[i].ifindex == a->also))
			return true;
		if (owner && owner->vlan && (owner->below == ifindex || owner->below == a->also))
			return true;
	}
	return false;
}

/* Writes a row. The loops of an existing row stay as they are; the gate may write them meanwhile, which costs a count at most. */
static int row_put(struct plan *p, __u32 ifindex, struct sluice_answers *want)
{
	static const struct sluice_answer_counts none;
	const struct engine *e = p->engine;
	_cleanup_free_ struct sluice_answer_counts *counts = calloc(possible_cpus(), sizeof(none));
	struct sluice_answers is;
	int err;

	if (!counts)
		return -ENOMEM;
	if (p->done_count == SLUICE_MAX_ANSWERS)
		return -ENOSPC;
	p->done[p->done_count++] = ifindex;
	p->hidden += want->hidden;
	if (!want->why && p->locals.count && !has_address(p, want, ifindex))
		want->why = SLUICE_ANSWERS_NO_ADDRESS;
	if (!bpf_map_lookup_elem(e->map[MAP_answers], &ifindex, &is)) {
		if (is.why == want->why && is.also == want->also && is.bare == want->bare &&
		    is.member == want->member && is.below == want->below && is.vlan == want->vlan &&
		    is.hidden == want->hidden)
			return 0;
		memcpy(want->loop, is.loop, sizeof(is.loop));
	}
	err = bpf_map_update_elem(e->map[MAP_answer_counts], &ifindex, counts, BPF_NOEXIST);
	return err && err != -EEXIST ? err : bpf_map_update_elem(e->map[MAP_answers], &ifindex, want, BPF_ANY);
}

/* In native mode, packets of a bond come in through its members. */
static int members_put(struct plan *p, unsigned int bond)
{
	char name[IF_NAMESIZE];
	struct sluice_answers want;
	struct link_view l;
	int err = 0;
	size_t i;

	for (i = 0; i < p->links.count && !err; i++) {
		if (p->links.item[i].master != bond || !if_indextoname(p->links.item[i].index, name) ||
		    link_view(name, &l))
			continue;
		answers_plan(&l, &p->links, false, &want);
		want.member = 1;
		err = row_put(p, l.index, &want);
	}
	return err;
}

static int interface_put(const char *interface, const char *pin, void *arg)
{
	const char *mode = gate_mode(interface, pin);
	struct sluice_answers want;
	char now[IF_NAMESIZE];
	struct plan *p = arg;
	struct link_view l;
	int err;

	if (!strcmp(mode, "detached") || link_view(gate_interface(interface, pin, now), &l))
		return 0;
	answers_plan(&l, &p->links, !strcmp(mode, "generic"), &want);
	err = row_put(p, l.index, &want);
	return err || strcmp(l.kind, "bond") ? err : members_put(p, l.index);
}

static bool is_done(const struct plan *p, __u32 ifindex)
{
	size_t i;

	for (i = 0; i < p->done_count && p->done[i] != ifindex; i++)
		;
	return i < p->done_count;
}

/* Writes rows for VLAN devices above interfaces with a gate, so that the gate knows whose tag goes with which address. */
static int vlans_put(struct plan *p)
{
	size_t with_gate = p->done_count, i, j;
	const struct link_place *l;
	int err = 0;

	for (i = 0; i < p->links.count && !err; i++) {
		l = &p->links.item[i];
		for (j = 0; j < with_gate && (p->done[j] != l->below || !l->vlan || is_done(p, l->index)); j++)
			;
		if (j < with_gate)
			err = row_put(p, l->index, &(struct sluice_answers){ .below = l->below, .vlan = l->vlan });
	}
	return err;
}

static int others_remove(const struct plan *p)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct engine *e = p->engine;
	const __u32 *key;
	size_t count = 0, i;
	int err = table_read(e->map[MAP_answers], sizeof(*key), sizeof(struct sluice_answers), &keys, &values, &count);

	key = keys;
	for (i = 0; i < count && !err; i++) {
		if (is_done(p, key[i]))
			continue;
		bpf_map_delete_elem(e->map[MAP_answers], &key[i]);
		bpf_map_delete_elem(e->map[MAP_answer_counts], &key[i]);
	}
	return err;
}

int engine_answers(struct engine *e, struct diag *d)
{
	__attribute__((cleanup(plan_free))) struct plan p = { .engine = e };
	int err = links_read(&p.links);

	if (!err)
		err = table_read(e->map[MAP_locals], sizeof(struct sluice_prefix_key), sizeof(struct sluice_local),
				 &p.locals.keys, &p.locals.values, &p.locals.count);
	if (!err)
		err = pins_each_gate(e->instance, interface_put, &p);
	if (!err)
		err = vlans_put(&p);
	if (!err)
		err = others_remove(&p);
	if (!err)
		err = CONTROL_STORE(e, hidden, p.hidden);
	if (err)
		diag_add(d, "cannot tell the kernel side where it may answer: %s: the host answers instead",
			 strerror(-err));
	return err;
}

static int counts_add(const struct engine *e, __u32 ifindex, struct interface_status *out)
{
	_cleanup_free_ struct sluice_answer_counts *each = calloc(possible_cpus(), sizeof(*each));
	int cpu, err = each ? bpf_map_lookup_elem(e->map[MAP_answer_counts], &ifindex, each) : -ENOMEM;

	for (cpu = 0; cpu < possible_cpus() && !err; cpu++) {
		out->cookies_sent += each[cpu].sent[SLUICE_IPV4] + each[cpu].sent[SLUICE_IPV6];
		out->cookies_returned += each[cpu].returned[SLUICE_IPV4] + each[cpu].returned[SLUICE_IPV6];
	}
	return err;
}

/* Reads one row, and what its loops found. */
static void row_read(const struct engine *e, __u32 ifindex, const struct sluice_answers *a,
		     struct interface_status *out)
{
	int family;

	if (a->why)
		out->why = a->why;
	for (family = 0; family < SLUICE_FAMILIES && !a->why; family++) {
		if (a->loop[family].quiet_until_ns > clock_ns())
			out->why = SLUICE_ANSWERS_UNHEARD;
	}
	counts_add(e, ifindex, out);
}

int answers_read(const struct engine *e, const char *interface, struct interface_status *out)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	__u32 own = if_nametoindex(interface);
	const struct sluice_answers *a;
	const __u32 *key;
	size_t count = 0, i;
	int err = table_read(e->map[MAP_answers], sizeof(*key), sizeof(*a), &keys, &values, &count);

	out->why = SLUICE_ANSWERS_NO_ADDRESS; /* there is no row: not told yet */
	key = keys;
	a = values;
	for (i = 0; i < count; i++) {
		if (key[i] == own)
			out->why = SLUICE_ANSWERS_XDP;
	}
	for (i = 0; i < count && !err; i++) {
		if (key[i] == own || (a[i].member && a[i].also == own))
			row_read(e, key[i], &a[i], out);
	}
	return err;
}
