/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is a packet for this host itself? The gate ignores packets that the host would forward, or drop because the frame is for another host: they
 * take no slot, make no source suspect and are not answered. The order of checks calls this, and so does code that answers on the host's behalf.
 */
#ifndef SLUICE_LOCAL_BPF_H
#define SLUICE_LOCAL_BPF_H

/* Returns non-zero if it is known which addresses are this host's. */
static __always_inline int locals_known(void)
{
	return table_has_any(&locals);
}

/* The last answer on this processor. Nearly all packets are for one address, and a walk of the trie costs three times as much. */
struct local_seen {
	struct sluice_addr addr;
	__u64 change; /* control.locals when it was given */
	__u64 change4; /* the same if it is an IPv4 address of this host; else 0 */
	__u32 owner;
	__u32 is_local;
};

MAP(BPF_MAP_TYPE_PERCPU_ARRAY, local_last, __u32, struct local_seen, 1);

static __always_inline struct local_seen *local_answer(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&local_last, &zero);
}

/* `change` was read before the table, so an answer from before a change is never mistaken for one from after it. */
static __always_inline void local_look(const struct sluice_addr *local, __u64 change, struct local_seen *last)
{
	struct sluice_prefix_key key = { .prefixlen = 128, .addr = *local };
	const struct sluice_local *found;

	found = bpf_map_lookup_elem(&locals, &key);
	last->addr = *local;
	last->owner = found ? found->ifindex : 0;
	last->is_local = found != NULL;
	last->change = change;
	last->change4 = found && addr_is_mapped(local) ? change : 0;
}

/* Returns non-zero if the address is this host's, or nobody has looked yet. *owner_ifindex is the one interface that has it, else 0. */
static __always_inline int addr_is_local(const struct sluice_addr *local, __u32 *owner_ifindex)
{
	const struct sluice_control *now = control_row();
	struct local_seen *last = local_answer();
	__u64 change;

	*owner_ifindex = 0;
	if (!locals_known() || !now || !last)
		return 1;
	change = *(const volatile __u64 *)&now->locals;
	if (!change || last->change != change || !addr_is(&last->addr, local))
		local_look(local, change, last);
	*owner_ifindex = last->owner;
	return last->is_local;
}

/*
 * Returns non-zero if the host's own TCP would get this packet. If the service names this very address, nothing else is asked: such an
 * address may be translated on its way, or arrive in a moment (VRRP).
 */
__noinline int packet_is_ours(const struct sluice_addr *local, int named)
{
	__u32 owner;

	if (!local)
		return 0;
	return named || addr_is_local(local, &owner);
}

#endif
