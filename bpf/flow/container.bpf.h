/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets of containers. The host's DNAT gives an arriving packet another address and port, so a container's socket shows what the gate
 * never saw. `published` says which port of the host leads there, and `halves` which of the host's addresses this client spoke to. From
 * both the tracker restores the tuple of the socket's packets, and everything else works as for the host's own sockets. The gate cannot
 * look such sockets up: see unseen.bpf.h.
 */
#ifndef SLUICE_CONTAINER_BPF_H
#define SLUICE_CONTAINER_BPF_H

/* Stores the address that the client of this reservation speaks to. It is verified apart from the gate, which has no stack to spare. */
__noinline int half_keep(const struct sluice_tuple *tuple)
{
	struct sluice_half key;
	struct sluice_addr local;

	if (!tuple)
		return 0;
	key.source = tuple->source;
	key.source_port = tuple->source_port;
	key.local_port = tuple->local_port;
	local = tuple->local;
	return bpf_map_update_elem(&halves, &key, &local, BPF_ANY);
}

/*
 * Forgets it when the reservation of this tuple is gone. Another handshake from the same port, with another of the host's addresses, keeps
 * its own.
 */
static __always_inline void half_forget(const struct sluice_tuple *tuple)
{
	struct sluice_half key = { .source = tuple->source,
				   .source_port = tuple->source_port,
				   .local_port = tuple->local_port };
	const struct sluice_addr *local = bpf_map_lookup_elem(&halves, &key);

	if (local && addr_is(local, &tuple->local))
		bpf_map_delete_elem(&halves, &key);
}

/* Turns the tuple of a container's socket into that of its packets. Returns 0 if the policy in force names no such container. */
static __always_inline int tuple_outside(struct sluice_tuple *tuple, __u64 netns, __u32 slot)
{
	struct sluice_published_key inside = {
		.netns = netns, .addr = tuple->local, .slot = slot, .port = bpf_ntohs(tuple->local_port)
	};
	const struct sluice_published *outside;
	const struct sluice_addr *local;
	struct sluice_half key;

	outside = bpf_map_lookup_elem(&published, &inside);
	if (!outside) {
		__builtin_memset(&inside.addr, 0, sizeof(inside.addr));
		outside = bpf_map_lookup_elem(&published, &inside);
	}
	if (!outside)
		return 0;
	tuple->local = outside->addr;
	tuple->local_port = bpf_htons(outside->port);
	key.source = tuple->source;
	key.source_port = tuple->source_port;
	key.local_port = tuple->local_port;
	local = bpf_map_lookup_elem(&halves, &key);
	if (local)
		tuple->local = *local;
	return 1;
}

#endif
