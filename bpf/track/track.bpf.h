/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Follows connections by the kernel's own TCP state machine, which is the only truth about them. What the application has, or can accept,
 * holds slots: from ESTABLISHED on (with Fast Open, from the first SYN-ACK that is sent again) until CLOSE or, if nobody had accepted it by
 * then, until the host has destroyed the socket. What a socket holds is written under its cookie. A program can miss an event (the kernel
 * skips tracing programs where it must); the audit, which visits the sockets themselves, finds both kinds of miss.
 */
#ifndef SLUICE_TRACK_BPF_H
#define SLUICE_TRACK_BPF_H

/* A socket that closes has lost its port already (tcp_set_state() gives it back first), but it still has the port that it sent from. */
static __always_inline __be16 local_port_of(struct sock *sk)
{
	const struct tcp_sock *tcp;

	if (sk->__sk_common.skc_num)
		return bpf_htons(sk->__sk_common.skc_num);
	tcp = bpf_skc_to_tcp_sock(sk);
	return tcp ? tcp->inet_conn.icsk_inet.inet_sport : 0;
}

/* The tuple as the gate saw it. Returns 0 for a socket of another namespace that the policy in force does not name. */
static __always_inline int tuple_seen(struct sock *sk, struct sluice_tuple *out)
{
	const struct sluice_control *now = control_row();
	__u64 netns = sk->__sk_common.skc_net.net->net_cookie;

	socket_tuple(&sk->__sk_common, local_port_of(sk), out);
	return now && (netns == now->netns || tuple_outside(out, netns, slot_in_force(now)));
}

/* Fills the view of a live socket. Returns 0 if the policy in force does not count it. */
static __always_inline __u32 view_of(struct sluice_view *view, const struct sluice_tuple *tuple)
{
	if (!view_service(view, &tuple->local, bpf_ntohs(tuple->local_port)))
		return 0;
	view->rule = rule_find(view, &tuple->source);
	return view->rule ? view->service : 0;
}

/* Takes slots for a connection that exists already, and is therefore never refused. */
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

/* Returns non-zero for a socket that the gate may be unable to look up (bpf/flow/unseen.bpf.h). */
static __always_inline int is_unseen(const struct sock *sk, const struct sluice_view *view)
{
	return view->row->published || sk->__sk_common.skc_bound_dev_if;
}

/* Counts the connection of this socket, unless that is counted already. Returns non-zero if it is counted now. */
static __always_inline int connection_open(const struct sock *sk, __u64 cookie, const struct sluice_view *view,
					   const struct sluice_tuple *tuple)
{
	struct sluice_connection fresh = { .seen = audit_number() };
	struct sluice_pressure *p = pressure_of(view->service);
	struct handshake_note note = {}; /* Linux 6.1 passes no unwritten memory to a function */

	if (bpf_map_lookup_elem(&connections, &cookie))
		return 0;
	tally_add(SLUICE_TALLY_CHANGES, 1);
	socket_tuple_mark(tuple, 1);
	handshake_claim(tuple, &note);
	if (note.flags & SLUICE_HANDSHAKE_REPEATED)
		watch_raise(bpf_ntohs(tuple->local_port), bpf_ktime_get_ns());
	if (note.held) {
		fresh.holding = note.holding;
		holding_settle(&fresh.holding, note.flags & SLUICE_HANDSHAKE_CONFIRMED);
		if (fresh.holding.holds & SLUICE_HOLDS_FLEET && !(note.flags & SLUICE_HANDSHAKE_CONFIRMED))
			fleet_tell(&fresh.holding, view->rule, view->row, 0);
		if (p && !p->completed)
			p->completed = 1;
	} else {
		holding_enter(view, tuple, &fresh.holding);
	}
	peaks_note(view, &fresh.holding, note.held != 0);
	if (view->row->published)
		half_forget(tuple);
	if (is_unseen(sk, view))
		unseen_tuple_note(tuple, cookie);
	if (!bpf_map_update_elem(&connections, &cookie, &fresh, BPF_NOEXIST))
		return 1;
	holding_leave(&fresh.holding); /* there is no room, so it is not counted (docs/limits.md) */
	return 0;
}

/* Changes how many connections of its service wait to be taken, and counts that as a change, for audits to see. */
static __always_inline void waiting_add(const struct sluice_connection *c, __s64 change)
{
	tally_add(SLUICE_TALLY_WAITING + (c->holding.source.service & (SLUICE_MAX_SERVICES - 1)), change);
	tally_add(SLUICE_TALLY_CHANGES, 1);
}

/*
 * Gives back what is held under this cookie, if anything is. Whoever deletes the entry gives back; returns non-zero if that happened here.
 */
static __always_inline int connection_close(__u64 cookie)
{
	const struct sluice_connection *c;
	struct sluice_connection had;

	c = bpf_map_lookup_elem(&connections, &cookie);
	if (!c)
		return 0;
	had = *c;
	if (bpf_map_delete_elem(&connections, &cookie))
		return 0;
	tally_add(SLUICE_TALLY_CHANGES, 1);
	if (had.waits_s)
		waiting_add(&had, -1);
	holding_leave(&had.holding);
	return 1;
}

/* A socket of the host begins to listen. It remembers nothing of what another listener at this port was told. */
static __always_inline void listener_event(const struct sock *sk)
{
	const struct sluice_control *now = control_row();
	struct sluice_guard *g = guard_of(sk->__sk_common.skc_num);

	if (g && now && sk->__sk_common.skc_net.net->net_cookie == now->netns)
		__sync_fetch_and_add(&g->listens, 1);
}

/*
 * The connection ended in the accept queue. The application will still get it, so its slots stay. This updates the map instead of writing
 * through the pointer: the reaper may have freed the element, and another may have it.
 */
static __always_inline void connection_wait(__u64 cookie)
{
	const struct sluice_connection *c = bpf_map_lookup_elem(&connections, &cookie);
	struct sluice_connection waits;

	if (!c || c->waits_s)
		return;
	waits = *c;
	waits.waits_s = 1 + bpf_ktime_get_ns() / 1000000000;
	if (!bpf_map_update_elem(&connections, &cookie, &waits, BPF_EXIST))
		waiting_add(&waits, 1);
}

/* Returns non-zero if the application has not taken this socket yet, and nobody has let go of it. */
static __always_inline int socket_waits(const struct sock *sk)
{
	return !sk->sk_socket && !(sk->__sk_common.skc_flags & (1UL << SOCK_DEAD));
}

/* Counts the connection of this socket if the policy in force does. */
static __always_inline void connection_begin(struct sock *sk)
{
	struct sluice_view view = {};
	struct sluice_tuple tuple;

	if (tuple_seen(sk, &tuple) && view_of(&view, &tuple))
		connection_open(sk, bpf_get_socket_cookie(sk), &view, &tuple);
}

/*
 * A socket changed its state. The same event may come twice. A Fast Open socket may end, or the application may close it, before it is
 * established; if it was not counted yet, it takes over the handshake of its SYN here, and ends with it.
 */
static __always_inline int connection_event(struct sock *sk, int oldstate, int newstate)
{
	if (newstate == TCP_LISTEN)
		listener_event(sk);
	if (oldstate == TCP_SYN_RECV)
		connection_begin(sk);
	if (newstate == TCP_CLOSE && socket_waits(sk))
		connection_wait(bpf_get_socket_cookie(sk));
	else if (newstate == TCP_CLOSE)
		connection_close(bpf_get_socket_cookie(sk));
	return 0;
}

/*
 * A SYN-ACK is sent again. A Fast Open child sends its own (net/ipv4/tcp_timer.c, tcp_fastopen_synack_timer), and the application has had
 * that child since the SYN: it is counted now, a second later, while the handshake of its SYN still stands. It cannot be counted at its
 * birth: inet_sock_set_state reports it before it has addresses.
 */
static __always_inline int synack_event(struct sock *sk)
{
	if (sk->__sk_common.skc_state == TCP_SYN_RECV)
		connection_begin(sk);
	return 0;
}

static __always_inline int holding_is(const struct sluice_holding *a, const struct sluice_holding *b)
{
	return addr_is(&a->source.addr, &b->source.addr) && a->source.service == b->source.service &&
	       a->source.bits == b->source.bits && a->network_bits == b->network_bits && a->set_total == b->set_total &&
	       a->holds & SLUICE_HOLDS_SOURCE;
}

/* Follows a policy that has begun to hold these limits over a fleet, or has ceased to. */
static __always_inline void fleet_follow(struct sluice_holding *h, const struct sluice_view *view)
{
	int was = (h->holds & SLUICE_HOLDS_FLEET) != 0, is = view->rule->fleet != 0;

	if (was == is)
		return;
	h->holds ^= SLUICE_HOLDS_FLEET;
	if (is)
		fleet_tell(h, view->rule, view->row, 0);
}

/*
 * Moves a connection to where the policy in force counts it. Returns non-zero if it was counted elsewhere before. Only the audit may call
 * this: it has the socket locked (net/ipv4/tcp_ipv4.c, bpf_iter_tcp_seq_show), so the connection cannot end meanwhile.
 */
static __always_inline int connection_move(struct sluice_connection *c, const struct sluice_view *view,
					   const struct sluice_tuple *tuple)
{
	struct sluice_holding want = {}, had;

	holding_of(view, &tuple->source, &want);
	if (holding_is(&c->holding, &want)) {
		fleet_follow(&c->holding, view);
		return 0;
	}
	had = c->holding;
	holding_enter(view, tuple, &want);
	c->holding = want;
	holding_leave(&had);
	return 1;
}

/* SYN_RECV is a state of Fast Open only. Any other handshake is a request, not a socket, and has a state of its own. */
static __always_inline int state_is_connection(__u8 state)
{
	return state == TCP_ESTABLISHED || state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 ||
	       state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK || state == TCP_CLOSING || state == TCP_SYN_RECV;
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
	record.adopted = connection_open(sk, cookie, &view, &tuple);
	c = bpf_map_lookup_elem(&connections, &cookie);
	if (!c)
		return;
	record.moved = connection_move(c, &view, &tuple);
	if (is_unseen(sk, &view))
		unseen_tuple_note(&tuple, cookie); /* the reaper may just have taken it for one that is over */
	record.service = c->holding.source.service;
	c->seen = audit_number();
	bpf_seq_write(seq, &record, sizeof(record));
}

/*
 * How often the host has waited in vain for the answer to a SYN-ACK, if it waits for longer than the table of handshakes remembers: the
 * table does so for 127 s, and this number is reached after 63 s at most, when net.ipv4.tcp_synack_retries = 5 has given up.
 */
#define WAITS_LONG 6

/*
 * Returns non-zero if this handshake may outlive its element: net.ipv4.tcp_synack_retries or a listener's TCP_DEFER_ACCEPT say how long the
 * host keeps it.
 */
static __always_inline int request_lasts(struct sock_common *c)
{
	struct tcp_request_sock *request = bpf_skc_to_tcp_request_sock(c);

	return request && BPF_CORE_READ_BITFIELD(&request->req.req, num_timeout) >= WAITS_LONG;
}

/* The audit visits a handshake. One that lasts is answered when the table has forgotten it, so every ACK at its port is looked up. */
static __always_inline void request_audit(struct sock_common *c)
{
	const struct sluice_control *now = control_row();
	struct sluice_view view = {};
	struct sluice_tuple tuple;

	if (!now || c->skc_net.net->net_cookie != now->netns || !request_lasts(c))
		return;
	socket_tuple(c, bpf_htons(c->skc_num), &tuple);
	if (view_service(&view, &tuple.local, c->skc_num))
		cookies_guard(c->skc_num, bpf_ktime_get_ns());
}

/* Checks again a connection that the daemon found gone. Returns non-zero if it is given back. */
static __always_inline int due_connection(__u64 cookie, __u64 now_ns)
{
	const struct sluice_connection *c = bpf_map_lookup_elem(&connections, &cookie);
	struct sluice_audits *a = audits_row();

	if (!c || !a || !connection_gone(c, audit_number(), now_ns) || !connection_close(cookie))
		return 0;
	a->healed++;
	return 1;
}

static __always_inline void audit_end(void)
{
	struct sluice_control *now = control_to_write();
	struct sluice_audits *a = audits_row();

	if (a && now)
		socket_tuples_exchange(a, now);
}

#endif
