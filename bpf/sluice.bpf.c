/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel side: the entry points and the order of checks. Each check has its own file. */
#include <linux/bpf.h>

#include "vmlinux_min.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "abi.h"
#include "maps.bpf.h"

#include "parse.bpf.h"
#include "crooked.bpf.h"
#include "trie.bpf.h"
#include "classify.bpf.h"
#include "window.bpf.h"
#include "counter.bpf.h"
#include "count.bpf.h"
#include "pressure.bpf.h"
#include "cookie.bpf.h"
#include "admit.bpf.h"
#include "answered.bpf.h"
#include "track.bpf.h"
#include "sweep.bpf.h"
#include "answer.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * The limits, and floods. Of an allowed source the slots are taken whatever the limits say: it is counted, too. Cookies know no
 * favourites: anybody can claim to be an allowed source.
 */
static __always_inline enum sluice_reason limits_check(struct door *d, enum sluice_reason so_far)
{
	enum sluice_reason why;

	d->force = so_far == SLUICE_ALLOWED;
	why = d->pkt->syn ? admit_syn(d) : admit_ack(d);
	if (d->force && (why == SLUICE_ADMITTED || why == SLUICE_ESTABLISHED || why == SLUICE_UNPARSED))
		return so_far;
	return why;
}

/* Anybody can forge these in a flood: an answer would double it. */
static __always_inline int refused_silently(enum sluice_reason why)
{
	return why == SLUICE_SYN_RATE || why == SLUICE_COOKIE_FORGED || why == SLUICE_FRAGMENT ||
	       why == SLUICE_MALFORMED;
}

/* Observe mode: counts the refusal that would have been, and lets the packet take its slots all the same. */
static __always_inline enum sluice_reason observe(struct door *d, enum sluice_reason why)
{
	struct sluice_holding h;
	int again = 0;

	count_observed(d->view->service, why);
	d->force = 1;
	if (!refused_silently(why) && (d->pkt->syn || d->pkt->connected) && door_open(d)) {
		d->now = bpf_ktime_get_ns();
		holding_of(d->view, &d->pkt->tuple.source, &h);
		reserve(d, &h, d->pkt->connected, &again);
	}
	return SLUICE_OBSERVE;
}

/* The one place that turns a reason into a verdict. */
static __always_inline int verdict_of(struct xdp_md *ctx, const struct sluice_pkt *pkt, const struct sluice_view *view,
				      enum sluice_reason why)
{
	if (why == SLUICE_COOKIE_SENT)
		return answer_send(ctx, pkt, answer_mss(ctx, pkt));
	if (!reason_refuses(why))
		return XDP_PASS;
	if (refused_silently(why))
		return XDP_DROP;
	if (pkt->connected || (view->row->excess == SLUICE_EXCESS_RESET && (pkt->syn || pkt->ack)))
		return answer_send(ctx, pkt, 0);
	return XDP_DROP;
}

SEC("xdp")
int sluice_gate(struct xdp_md *ctx)
{
	struct sluice_view view = {};
	struct sluice_pkt pkt = {};
	struct door door = { .ctx = ctx, .pkt = &pkt, .view = &view };
	enum sluice_reason why;

	why = pkt_parse(ctx, &pkt);
	if (why == SLUICE_UNPARSED && pkt.fragment_offset)
		why = fragment_recall(&pkt);
	if (why == SLUICE_UNDECIDED && !view_service(&view, &pkt.tuple.local, pkt.local_port))
		why = SLUICE_NOT_PROTECTED;
	if (why == SLUICE_UNDECIDED)
		why = crooked_check(&pkt);
	if (why == SLUICE_UNDECIDED)
		why = source_check(&view, &pkt.tuple.source);
	pkt.fresh = pkt.syn;
	if ((why == SLUICE_UNDECIDED || why == SLUICE_ALLOWED) && door_open(&door))
		why = limits_check(&door, why);
	if (reason_refuses(why) && view.generation->observe)
		why = observe(&door, why);

	if (why == SLUICE_COUNTRY && pkt.syn)
		count_country(view.service, view.country);
	count_packet(view.service, why, pkt.fresh);
	return verdict_of(ctx, &pkt, &view, why);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sluice_track, struct sock *sk, int oldstate, int newstate)
{
	return connection_event(sk, oldstate, newstate);
}

/*
 * The kernel skips a tracing program that is running already on this processor (kernel/trace/bpf_trace.c, __bpf_trace_run).
 * That happens: close(2) changes a socket's state in process context, a softirq comes between and changes others. So the
 * same runs twice for each event; whichever comes second finds it done. A softirq finds at most one of the two running,
 * and none comes between a softirq.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sluice_retrack, struct sock *sk, int oldstate, int newstate)
{
	return connection_event(sk, oldstate, newstate);
}

SEC("iter/tcp")
int sluice_audit(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct sock *sk;

	if (!common || !state_is_connection(common->skc_state))
		return 0;
	sk = (struct sock *)bpf_skc_to_tcp_sock(common);
	if (sk && in_our_namespace(sk))
		connection_audit(ctx->meta->seq, sk);
	return 0;
}

SEC("syscall")
int sluice_heal(void *ctx)
{
	return connections_heal();
}

/* Run once by the daemon when it loads: the timer then starts itself again and again. */
SEC("syscall")
int sluice_sweep(void *ctx)
{
	return sweep_start();
}

SEC("syscall")
int sluice_reap(void *ctx)
{
	return reap_sources();
}
