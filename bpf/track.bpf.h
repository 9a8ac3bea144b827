/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's own TCP state machine is the only truth about connections: ESTABLISHED takes (or inherits) slots, CLOSE gives
 * them back, and what a socket holds is written under its cookie. A program can miss an event (the kernel skips tracing
 * programs where it must); the audit, which visits the sockets themselves, finds both kinds of miss.
 */
#ifndef SLUICE_TRACK_BPF_H
#define SLUICE_TRACK_BPF_H

static __always_inline struct sluice_addr addr_of_ipv6(const struct in6_addr___kernel *in)
{
	struct sluice_addr a = { { in->in6_u.u6_addr32[0], in->in6_u.u6_addr32[1], in->in6_u.u6_addr32[2],
				   in->in6_u.u6_addr32[3] } };

	return a;
}

/* The tuple of a socket, source first. An IPv6 socket of an IPv4 peer holds it in mapped form already. */
static __always_inline void tuple_of(struct sock *sk, struct sluice_tuple *out)
{
	if (sk->__sk_common.skc_family == AF_INET) {
		out->source = addr_mapped(sk->__sk_common.skc_daddr);
		out->local = addr_mapped(sk->__sk_common.skc_rcv_saddr);
	} else {
		out->source = addr_of_ipv6(&sk->__sk_common.skc_v6_daddr);
		out->local = addr_of_ipv6(&sk->__sk_common.skc_v6_rcv_saddr);
	}
	out->source_port = sk->__sk_common.skc_dport;
	out->local_port = bpf_htons(sk->__sk_common.skc_num);
}

/* The tuple as the gate saw it. 0: a socket of another namespace, which the policy in force does not name. */
static __always_inline int tuple_seen(struct sock *sk, struct sluice_tuple *out)
{
	const struct sluice_control *now = control_row();
	__u64 netns = sk->__sk_common.skc_net.net->net_cookie;

	tuple_of(sk, out);
	return now && (netns == now->netns || tuple_outside(out, netns, slot_in_force(now)));
}

/* Not 0: the tuple had a reservation, its slots are the caller's now; *proven: its client has answered. */
static __always_inline int reservation_claim(const struct sluice_tuple *tuple, struct sluice_holding *out, int *proven)
{
	struct sluice_reservation *r;
	__u64 old;

	r = bpf_map_lookup_elem(&reservations, tuple);
	if (!r)
		return 0;
	old = r->expires_ns;
	*out = r->holding;
	if (!old || __sync_val_compare_and_swap(&r->expires_ns, old, 0) != old)
		return 0;
	*proven = proof_take(r);
	bpf_map_delete_elem(&reservations, tuple);
	return 1;
}

static __always_inline void late_forget(const struct sluice_tuple *tuple)
{
	const struct sluice_pulse *beat;
	__u32 zero = 0;

	beat = bpf_map_lookup_elem(&pulse, &zero);
	if (beat && beat->late)
		bpf_map_delete_elem(&late, tuple);
}

/* The view of a live socket: 0 when the policy in force does not count it. */
static __always_inline __u32 view_of(struct sluice_view *view, const struct sluice_tuple *tuple)
{
	if (!view_service(view, &tuple->local, bpf_ntohs(tuple->local_port)))
		return 0;
	view->rule = rule_find(view, &tuple->source);
	return view->rule ? view->service : 0;
}

/* Slots for a connection that stands already: never refused. */
static __always_inline void holding_enter(const struct sluice_view *view, const struct sluice_tuple *tuple,
					  struct sluice_holding *out)
{
	struct take how = { .now = bpf_ktime_get_ns(), .force = 1 };

	holding_of(view, &tuple->source, out);
	holding_take(out, view->rule, view->row, &how);
}

static __always_inline void holding_leave(const struct sluice_holding *h)
{
	struct give how = { .now = bpf_ktime_get_ns(), .transient = 1 };

	holding_give(h, &how);
}

static __always_inline __u32 audit_number(void)
{
	const struct sluice_audits *a;
	__u32 zero = 0;

	a = bpf_map_lookup_elem(&audits, &zero);
	return a ? a->number : 0;
}

/* Counts the connection of this socket, unless it is counted already. Not 0: counted now. */
static __always_inline int connection_open(__u64 cookie, const struct sluice_view *view,
					   const struct sluice_tuple *tuple)
{
	struct sluice_connection fresh = { .seen = audit_number() };

	struct sluice_pressure *p = pressure_of(view->service);
	int proven = 0;

	if (bpf_map_lookup_elem(&connections, &cookie))
		return 0;
	tally_add(SLUICE_TALLY_CHANGES, 1);
	if (reservation_claim(tuple, &fresh.holding, &proven)) {
		holding_settle(&fresh.holding, proven);
		if (p && !p->completed)
			p->completed = 1;
	} else {
		holding_enter(view, tuple, &fresh.holding);
	}
	peaks_note(view, &fresh.holding);
	late_forget(tuple);
	if (view->row->published)
		half_forget(tuple);
	if (!bpf_map_update_elem(&connections, &cookie, &fresh, BPF_NOEXIST))
		return 1;
	holding_leave(&fresh.holding); /* no room: it is not counted (docs/limits.md) */
	return 0;
}

/* Gives back what is held under this cookie, if anything is: whoever deletes it does. Not 0: given back now. */
static __always_inline int connection_close(__u64 cookie)
{
	const struct sluice_connection *c;
	struct sluice_holding h;

	c = bpf_map_lookup_elem(&connections, &cookie);
	if (!c)
		return 0;
	h = c->holding;
	if (bpf_map_delete_elem(&connections, &cookie))
		return 0;
	tally_add(SLUICE_TALLY_CHANGES, 1);
	holding_leave(&h);
	return 1;
}

/* A socket changed its state. May be told twice of the same event. */
static __always_inline int connection_event(struct sock *sk, int oldstate, int newstate)
{
	struct sluice_view view = {};
	struct sluice_tuple tuple;

	if (newstate == TCP_CLOSE)
		connection_close(bpf_get_socket_cookie(sk));
	if (newstate != TCP_ESTABLISHED || oldstate != TCP_SYN_RECV || !tuple_seen(sk, &tuple))
		return 0;
	if (view_of(&view, &tuple))
		connection_open(bpf_get_socket_cookie(sk), &view, &tuple);
	return 0;
}

static __always_inline int holding_is(const struct sluice_holding *a, const struct sluice_holding *b)
{
	int i;

	for (i = 0; i < 4; i++)
		if (a->source.addr.word[i] != b->source.addr.word[i])
			return 0;
	return a->source.service == b->source.service && a->set_total == b->set_total && a->holds & SLUICE_HOLDS_SOURCE;
}

/*
 * Counts a connection where the policy in force counts it. Not 0: it was counted elsewhere before. Only for the audit, which
 * has the socket locked (net/ipv4/tcp_ipv4.c, bpf_iter_tcp_seq_show): its end cannot come between.
 */
static __always_inline int connection_move(struct sluice_connection *c, const struct sluice_view *view,
					   const struct sluice_tuple *tuple)
{
	struct sluice_holding want = {}, had;

	holding_of(view, &tuple->source, &want);
	if (holding_is(&c->holding, &want))
		return 0;
	had = c->holding;
	holding_enter(view, tuple, &want);
	c->holding = want;
	holding_leave(&had);
	return 1;
}

static __always_inline int state_is_connection(__u8 state)
{
	return state == TCP_ESTABLISHED || state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 ||
	       state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK || state == TCP_CLOSING;
}

/* Brings one live socket's slots in line with the policy in force, and reports it. */
static __always_inline void connection_audit(struct seq_file *seq, struct sock *sk)
{
	struct sluice_audit_record record = {};
	__u64 cookie = bpf_get_socket_cookie(sk);
	struct sluice_connection *c;
	struct sluice_view view = {};
	struct sluice_tuple tuple;

	if (!tuple_seen(sk, &tuple) || !view_of(&view, &tuple)) {
		connection_close(cookie);
		return;
	}
	record.adopted = connection_open(cookie, &view, &tuple);
	c = bpf_map_lookup_elem(&connections, &cookie);
	if (!c)
		return;
	record.moved = connection_move(c, &view, &tuple);
	record.service = c->holding.source.service;
	c->seen = audit_number();
	bpf_seq_write(seq, &record, sizeof(record));
}

/*
 * A connection whose socket two audits in a row did not find is gone: its end was missed. Two, because an audit may skip a
 * socket (before 6.1.183 and 6.12.104 the iterator could).
 */
static long connection_heal(void *map, const __u64 *cookie, struct sluice_connection *c, struct sluice_audits *a)
{
	__u64 key = *cookie;

	if (a->number - c->seen >= 2)
		a->healed += connection_close(key);
	return 0;
}

/* After each audit. Returns how many were given back. */
static __always_inline int connections_heal(void)
{
	struct sluice_audits *a, now;
	__u32 zero = 0, before;

	a = bpf_map_lookup_elem(&audits, &zero);
	if (!a)
		return 0;
	now = *a;
	before = now.healed;
	bpf_for_each_map_elem(&connections, connection_heal, &now, 0);
	a->healed = now.healed;
	a->number = now.number + 1;
	return now.healed - before;
}

#endif
