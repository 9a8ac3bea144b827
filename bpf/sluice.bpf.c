/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel side: the entry points and the order of checks. Each check has a file of its own. */
#include <linux/bpf.h>
#include <linux/errno.h>

#include "vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "abi.h"
#include "slot.h"
#include "gone.h"
#include "maps.bpf.h"

/* Sorted by room, from the ground up (docs/architecture.md): a file depends only on those above it here. */
#include "parse/addr.bpf.h"
#include "parse/packet.bpf.h"
#include "parse/chain.bpf.h"
#include "parse/parse.bpf.h"
#include "parse/checksum.bpf.h"
#include "parse/fastopen.bpf.h"
#include "parse/invalid.bpf.h"

#include "source/trie.bpf.h"
#include "source/translated.bpf.h"
#include "source/classify.bpf.h"
#include "source/local.bpf.h"
#include "source/martian.bpf.h"

#include "report/count.bpf.h"
#include "report/event.bpf.h"

#include "charge/window.bpf.h"
#include "charge/known.bpf.h"
#include "charge/counter.bpf.h"
#include "charge/refusals.bpf.h"
#include "charge/rate.bpf.h"
#include "charge/fleet_told.bpf.h"
#include "charge/levels.bpf.h"
#include "charge/holding.bpf.h"

#include "flow/flow.bpf.h"
#include "flow/handshake.bpf.h"
#include "flow/container.bpf.h"
#include "flow/unseen.bpf.h"
#include "flow/socket_tuples.bpf.h"
#include "flow/guard.bpf.h"

#include "cookie/pressure.bpf.h"
#include "cookie/cookie.bpf.h"

#include "answer/may_answer.bpf.h"
#include "answer/answer.bpf.h"

#include "admission/limits.bpf.h"
#include "admission/fleet.bpf.h"
#include "admission/sketch.bpf.h"
#include "admission/admit.bpf.h"
#include "admission/answered.bpf.h"

#include "track/peak.bpf.h"
#include "track/track.bpf.h"

#include "sweep/sweep.bpf.h"

#include "lane.bpf.h"
#include "explain.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Returns non-zero for what anybody can forge in a flood: an answer would double it. */
static __always_inline int refused_silently(enum sluice_reason why)
{
	return why == SLUICE_SYN_RATE || why == SLUICE_COOKIE_FORGED || why == SLUICE_FRAGMENT ||
	       why == SLUICE_MALFORMED || why == SLUICE_EVASION || why == SLUICE_CHECKSUM;
}

/*
 * The limits, and floods. An allowed source takes slots whatever the limits say, so that it is counted, too. Cookies make no exception for
 * it: anybody can claim to be an allowed source. Nor does what the host would drop.
 */
static __always_inline enum sluice_reason limits_check(struct admission *d, enum sluice_reason so_far)
{
	enum sluice_reason why;

	d->force = so_far == SLUICE_ALLOWED;
	why = d->pkt->syn ? admit_syn(d) : admit_ack(d);
	if (d->view->leased && !d->view->dry && (reason_refuses(why) || d->pkt->unproven))
		fleet_ask();
	if (d->force && why != SLUICE_COOKIE_SENT && why != SLUICE_COOKIE_VALID && !refused_silently(why))
		return so_far;
	return why;
}

/* Observe mode: notes the refusal that would have happened, and lets the packet take its slots all the same. */
static __always_inline enum sluice_reason observe(struct admission *d, struct sluice_view *view, enum sluice_reason why)
{
	view->observed = why;
	d->force = 1;
	if (!refused_silently(why) && (d->pkt->syn || d->pkt->connected) && admission_open(d)) {
		d->now = bpf_ktime_get_ns();
		holding_of(d->view, &d->pkt->tuple.source, &d->note->holding);
		d->note->isn = bpf_ntohl(d->pkt->seq) - !d->pkt->syn;
		handshake_charge(d, d->note, d->pkt->connected);
	}
	return SLUICE_OBSERVE;
}

/*
 * The reason for a packet that led to no port that could be judged. It is a constant, because the verifier knows nothing of what
 * pkt_parse() returns. Evasion is refused whatever it may hide, and counted for no service.
 */
static __always_inline enum sluice_reason unjudged(struct sluice_view *view, enum sluice_reason why)
{
	if (why == SLUICE_NOT_PROTECTED)
		return SLUICE_NOT_PROTECTED;
	if (why == SLUICE_LATER_FRAGMENT)
		return SLUICE_LATER_FRAGMENT;
	if (why != SLUICE_EVASION || !view_open(view))
		return SLUICE_UNPARSED;
	if (gate_stands_open(view->control))
		return SLUICE_STOPPED;
	if (!view->generation->observe)
		return SLUICE_EVASION;
	view->observed = SLUICE_EVASION;
	return SLUICE_OBSERVE;
}

/* Returns UNDECIDED, or why a SYN whose refusal would be told by a RST is dropped instead: the host would drop it silently. */
static __always_inline enum sluice_reason refusal_void(struct xdp_md *ctx, const struct sluice_pkt *pkt,
						       const struct sluice_view *view, enum sluice_reason why)
{
	if (!pkt->syn || !reason_refuses(why) || refused_silently(why) || view->row->excess != SLUICE_EXCESS_RESET ||
	    view->generation->observe)
		return SLUICE_UNDECIDED;
	return syn_void(ctx, pkt, view->dry);
}

/* The one order of checks. With view->dry it changes nothing but *pkt and *view. */
static __always_inline enum sluice_reason packet_judge(struct xdp_md *ctx, struct sluice_pkt *pkt,
						       struct sluice_view *view)
{
	struct admission admission = { .ctx = ctx, .pkt = pkt, .view = view };
	enum sluice_reason why, void_why;

	why = pkt_parse(ctx, pkt);
	pkt->fresh = pkt->syn;
	if (why == SLUICE_LATER_FRAGMENT)
		why = fragment_recall(pkt);
	if (why != SLUICE_UNDECIDED)
		return unjudged(view, why);
	if (!view_service(view, &pkt->tuple.local, pkt->local_port))
		return pkt->rerouted && view->generation && port_is_named(view, pkt->local_port)
			       ? unjudged(view, SLUICE_EVASION)
			       : SLUICE_NOT_PROTECTED;
	if (gate_stands_open(view->control))
		return SLUICE_STOPPED;
	if (pkt->group || (pkt->syn && !packet_is_ours(&pkt->tuple.local, view->named)))
		return SLUICE_NOT_LOCAL;
	why = invalid_check(pkt, view->dry);
	if (why == SLUICE_UNDECIDED)
		why = source_check(view, &pkt->tuple.source);
	if ((why == SLUICE_UNDECIDED || why == SLUICE_ALLOWED) && admission_open(&admission))
		why = limits_check(&admission, why);
	void_why = refusal_void(ctx, pkt, view, why);
	if (void_why != SLUICE_UNDECIDED)
		return void_why;
	if (reason_refuses(why) && !pkt->syn && !packet_is_ours(&pkt->tuple.local, view->named))
		return SLUICE_NOT_LOCAL;
	if (reason_refuses(why) && why != SLUICE_BANNED && view->generation->observe)
		why = observe(&admission, view, why);
	else if (view->ban && !reason_refuses(why))
		view->observed = SLUICE_BANNED;
	return why;
}

/* The only place that turns a reason into a verdict. No RST is better than one that goes astray. */
static __always_inline enum sluice_verdict verdict_of(struct xdp_md *ctx, const struct sluice_pkt *pkt,
						      const struct sluice_view *view, enum sluice_reason why)
{
	if (why == SLUICE_COOKIE_SENT)
		return SLUICE_VERDICT_COOKIE;
	if (!reason_refuses(why))
		return SLUICE_VERDICT_PASS;
	if (refused_silently(why) || pkt->waits)
		return SLUICE_VERDICT_DROP;
	if (!pkt->connected && (view->row->excess != SLUICE_EXCESS_RESET || (!pkt->syn && !pkt->ack)))
		return SLUICE_VERDICT_DROP;
	return answer_allowed(ctx, pkt) ? SLUICE_VERDICT_RESET : SLUICE_VERDICT_DROP;
}

/* Counts the judgement, and reports a refusal to those who watch. */
static __always_inline void judgement_note(const struct sluice_pkt *pkt, const struct sluice_view *view,
					   enum sluice_reason why, enum sluice_verdict verdict)
{
	struct sluice_stat *stat;

	if (why == SLUICE_COUNTRY && pkt->syn)
		count_refused_from(view->service, view->leaf);
	if (pkt->fresh && reason_admits(why))
		count_admitted_from(view, &pkt->tuple.source);
	stat = count_packet(view->service, why, pkt->fresh);
	if (view->observed != SLUICE_UNDECIDED) {
		why = view->observed;
		stat = count_observed(view->service, why);
	}
	if (why == SLUICE_BANNED && view->ban)
		ban_count(view->ban, pkt->fresh);
	if (reason_refuses(why) && events_wanted(view->control, stat))
		event_offer(pkt, stat, view->service, why, verdict);
}

/* The order decides; the judgement is counted and carried out. */
static __always_inline int gate_decide(struct xdp_md *ctx)
{
	struct sluice_view view = { .observed = SLUICE_UNDECIDED };
	struct sluice_pkt pkt = {};
	enum sluice_verdict verdict;
	enum sluice_reason why;

	why = packet_judge(ctx, &pkt, &view);
	verdict = verdict_of(ctx, &pkt, &view, why);
	judgement_note(&pkt, &view, why, verdict);
	if (verdict == SLUICE_VERDICT_COOKIE)
		return answer_send(ctx, &pkt, answer_mss(ctx, &pkt));
	if (verdict == SLUICE_VERDICT_RESET)
		return answer_send(ctx, &pkt, 0);
	return verdict == SLUICE_VERDICT_PASS ? XDP_PASS : XDP_DROP;
}

/*
 * First the lane, which repeats refusals that stand (lane.bpf.h says why it cannot be wrong), then the order, which decides. ".frags"
 * accepts frames of several buffers, too; without it drivers refuse native mode if the MTU is larger than a page.
 */
SEC("xdp.frags")
int sluice_gate(struct xdp_md *ctx)
{
	return lane_verdict(ctx) ?: gate_decide(ctx);
}

/* Never attached, only test-run: judges the frame as the gate would, and writes the explanation over it. */
SEC("xdp")
int sluice_explain(struct xdp_md *ctx)
{
	struct sluice_view view = { .observed = SLUICE_UNDECIDED, .dry = 1 };
	struct sluice_explanation *out;
	struct sluice_pkt pkt = {};
	enum sluice_reason why;

	why = packet_judge(ctx, &pkt, &view);
	view_widen(&view, &pkt.tuple.source);
	out = (void *)(long)ctx->data;
	if ((void *)(out + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	explanation_fill(out, &pkt, &view);
	out->verdict = verdict_of(ctx, &pkt, &view, why);
	out->reason = why;
	return XDP_PASS;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sluice_track, struct sock *sk, int oldstate, int newstate)
{
	return connection_event(sk, oldstate, newstate);
}

/*
 * The kernel skips a tracing program that is already running on this processor (kernel/trace/bpf_trace.c, __bpf_trace_run). That happens:
 * close(2) changes a socket's state in process context, and a softirq comes between and changes others. So the same code runs twice for
 * each event; the second run finds the work done. A softirq finds at most one of the two running, and no softirq interrupts another.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sluice_retrack, struct sock *sk, int oldstate, int newstate)
{
	return connection_event(sk, oldstate, newstate);
}

/* The host destroys a socket: whatever it still holds ends with it. This runs twice, as above. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(sluice_end, struct sock *sk)
{
	connection_close(bpf_get_socket_cookie(sk));
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(sluice_reend, struct sock *sk)
{
	connection_close(bpf_get_socket_cookie(sk));
	return 0;
}

/* This runs once: if it is skipped, the next SYN-ACK or the next audit reports the same. */
SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(sluice_synack, struct sock *sk)
{
	return synack_event(sk);
}

SEC("iter/tcp")
int sluice_audit(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct sock *sk;

	if (common)
		audit_tuple_mark(common);
	if (common && common->skc_state == TCP_NEW_SYN_RECV)
		request_audit(common);
	if (!common || !state_is_connection(common->skc_state))
		return 0;
	sk = (struct sock *)bpf_skc_to_tcp_sock(common);
	if (sk)
		connection_audit(ctx->meta->seq, sk);
	return 0;
}

/*
 * The daemon only test-runs these. They are socket lookups, because the kernel runs those once, lets interrupts bring packets meanwhile
 * (with XDP and tc programs Linux 6.1 does, 6.12 does not), and does not let them sleep. A syscall program may sleep, so Linux 6.1 gives it
 * no spin locks.
 */

/* Runs after an audit, and after what it found gone was given back. */
SEC("sk_lookup")
int sluice_audit_end(struct bpf_sk_lookup *ctx)
{
	audit_end();
	return SK_PASS;
}

/* Returns PASS if the timer is set; from then on it restarts itself. */
SEC("sk_lookup")
int sluice_sweep(struct bpf_sk_lookup *ctx)
{
	return sweep_start() ? SK_DROP : SK_PASS;
}

/* Frees what `due` lists, if it is still idle or gone: at most SLUICE_DUE of them, so that no run is long. */
SEC("sk_lookup")
int sluice_reap(struct bpf_sk_lookup *ctx)
{
	reap_due();
	return SK_PASS;
}
