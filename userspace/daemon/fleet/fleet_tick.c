/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exchanges counts for leases: what has changed is read again a tick later and told to the store, and what the store says becomes the kernel
 * side's lease. A lease shrinks in one way only: the gate is told first, then packets that it judged before are waited for, then what is
 * held is counted and told. So what the store believes to be free is. Called by the loop, by the ring of changes, and by fleet_touch.c.
 */
#include <string.h>

#include "fleet_inside.h"

#define TICK_MS 5 /* longer than a packet takes through the gate */
#define IDLE_MS 2000 /* until a lease of which nothing is held is given back */
#define WANT_MS 1000 /* by then a client asks again by itself */
#define KEEP_MS 1500 /* so long no other host gets what was wanted for clients here, who ask again after a second */
#define UNSURE_MS 1000 /* until this is checked again, because a report may be missing */
#define TELL_AGAIN_MS 60000 /* the store forgets after 180 s */
#define BATCHES 4 /* most messages of one tick */
#define WANT_MOST 64 /* most in one exchange */

struct batch {
	struct fleet_want row[FLEET_ROWS_MAX];
	struct fleet_entry *of[FLEET_ROWS_MAX];
	size_t count;
};

static void timer_set(struct fleet_entry *e, uint64_t ms)
{
	const struct timeval wait = { ms / 1000, ms % 1000 * 1000 };

	event_add(&e->timer, &wait);
}

void fleet_tick_arm(struct fleet_run *r)
{
	const struct timeval wait = { 0, TICK_MS * 1000 };

	if (!event_pending(r->tick, EV_TIMEOUT, NULL))
		event_add(r->tick, &wait);
}

static void queue(struct fleet_run *r, struct fleet_entry *e)
{
	fleet_keys_queue(&r->keys, e);
	fleet_tick_arm(r);
}

/* Returns what this host may hold of a limit without a record. */
static uint32_t implicit(const struct fleet_run *r, const struct fleet_entry *e)
{
	return fleet_implicit(e->limit, r->known_hosts, e->exact);
}

static void lease_write(struct fleet_run *r, struct fleet_entry *e, uint32_t lease, bool asked)
{
	const struct sluice_lease row = { .lease = lease,
					  .others = e->others,
					  .asked_ns = asked ? fleet_clock_ms() * 1000000 : 0 };

	e->leased = !fleet_lease_set(r->tables, e->key, &row);
}

static void lease_drop(struct fleet_run *r, struct fleet_entry *e)
{
	if (e->leased)
		fleet_lease_drop(r->tables, e->key);
	e->leased = false;
}

static void forget(struct fleet_run *r, struct fleet_entry *e)
{
	lease_drop(r, e);
	fleet_keys_drop(&r->keys, e);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	struct fleet_entry *e = arg;

	(void)fd;
	(void)what;
	queue(e->owner, e);
}

/* A packet was refused for want of a lease: the gate need not ask again until it has an answer. */
static void asked(struct fleet_run *r, struct fleet_entry *e)
{
	e->want += e->want < WANT_MOST;
	e->tries = 0;
	e->want_until_ms = fleet_clock_ms() + WANT_MS;
	if (!e->leased)
		lease_write(r, e, implicit(r, e), true);
}

static struct fleet_entry *entry_make(struct fleet_run *r, const struct fleet_counter *c)
{
	__u64 key;

	return fleet_counter_key(r->tables, c, &key) ? NULL
						     : fleet_keys_add(&r->keys, c, key, r->daemon->loop, on_due, r);
}

void fleet_news_heard(const struct fleet_news *news, void *run)
{
	struct fleet_run *r = run;
	struct fleet_entry *e = fleet_keys_of(&r->keys, &news->counter);

	if (!e && news->limit)
		e = entry_make(r, &news->counter);
	if (!e)
		return;
	if (news->limit) {
		e->limit = news->limit;
		e->exact = news->exact;
	}
	if (news->asks)
		asked(r, e);
	e->again = true;
	if (e->state == FLEET_ENTRY_RESTS)
		queue(r, e);
}

/* The gate may hold `to` from now on. What it let pass before is counted a tick later. */
static void lower(struct fleet_run *r, struct fleet_entry *e, uint32_t to)
{
	e->state = FLEET_ENTRY_LOWERED;
	lease_write(r, e, to < e->lease ? to : e->lease, false);
	timer_set(e, TICK_MS);
}

/* For an exact limit, everything held: a handshake in progress becomes a connection without asking again. */
static uint32_t kept(const struct fleet_run *r, const struct fleet_entry *e)
{
	return e->exact ? fleet_counter_held(r->tables, &e->counter) : fleet_counter_sure(r->tables, &e->counter);
}

static void put(struct batch *b, struct fleet_entry *e, uint32_t held, uint32_t want, uint32_t flags)
{
	e->state = FLEET_ENTRY_SENT;
	e->again = false;
	e->told = held;
	e->most = e->limit;
	e->releases = flags & FLEET_RELEASE;
	e->unsure = false;
	e->asked = e->want;
	b->of[b->count] = e;
	b->row[b->count++] = (struct fleet_want){ .key = e->key,
						  .limit = e->limit,
						  .held = held,
						  .want = want,
						  .flags = flags | (e->exact ? FLEET_EXACT : 0) };
}

/* Reports what was lowered: the rest is free for others. */
static void put_lowered(struct fleet_run *r, struct batch *b, struct fleet_entry *e)
{
	uint32_t held = e->limit ? kept(r, e) : 0;

	e->needed = false;
	put(b, e, held, 0, !held && !e->want ? FLEET_RELEASE : FLEET_GIVE);
	e->unsure = held > fleet_counter_sure(r->tables, &e->counter);
}

static bool is_near(const struct fleet_run *r, const struct fleet_entry *e, uint32_t held)
{
	return held && 2 * (uint64_t)held > implicit(r, e);
}

/* No counter names this limit any more, or none has done so yet. */
static void look_at_nameless(struct fleet_run *r, struct fleet_entry *e)
{
	if (r->walking)
		return;
	e->want = 0;
	if (e->recorded || e->stale)
		lower(r, e, 0);
	else
		forget(r, e);
}

/* It needs no record. One that the store may have from before is released first; its answer has it forgotten. */
static void look_at_unneeded(struct fleet_run *r, struct batch *b, struct fleet_entry *e)
{
	if (e->stale)
		put(b, e, 0, 0, FLEET_RELEASE);
	else
		forget(r, e);
}

/* Whether another host wants some, and there is some to spare. */
static bool is_spare(struct fleet_entry *e, uint32_t sure)
{
	bool needed = e->needed;

	e->needed = false;
	return needed && e->recorded && e->lease > sure;
}

/* A host that was refused asks for as much again as it holds, so that a growing source is not refused for each connection. */
static void look_at(struct fleet_run *r, struct batch *b, struct fleet_entry *e)
{
	uint64_t now = fleet_clock_ms();
	uint32_t sure;

	if (e->state == FLEET_ENTRY_LOWERED) {
		if (e->limit || !r->walking)
			put_lowered(r, b, e);
		else
			timer_set(e, TICK_MS); /* until it is known whether there still is such a limit */
		return;
	}
	if (e->state == FLEET_ENTRY_SENT)
		return;
	if (!e->limit) {
		look_at_nameless(r, e);
		return;
	}
	sure = fleet_counter_sure(r->tables, &e->counter);
	if (now > e->want_until_ms)
		e->want = 0;
	if (sure || e->want)
		e->busy_ms = now;
	if (!e->recorded && !e->want && !is_near(r, e, sure))
		look_at_unneeded(r, b, e);
	else if (is_spare(e, sure))
		lower(r, e, kept(r, e));
	else if (!sure && !e->want && e->recorded && now - e->busy_ms >= IDLE_MS)
		lower(r, e, implicit(r, e));
	else
		put(b, e, sure, e->want && e->want < sure ? sure : e->want, 0);
}

/* Returns false if they cannot be sent now. */
static bool batch_send(struct fleet_run *r, struct batch *b)
{
	int err = b->count ? fleet_helper_send(r->helper, b->row, b->count) : 0;
	size_t i;

	r->exchanges += err ? 0 : b->count;
	for (i = 0; i < b->count && err; i++) {
		b->of[i]->state = FLEET_ENTRY_RESTS;
		fleet_keys_queue(&r->keys, b->of[i]);
	}
	b->count = 0;
	return !err;
}

static void queue_run(struct fleet_run *r)
{
	static struct batch b;
	unsigned int batches = 0;
	struct fleet_entry *e;

	while (r->told.connected && batches < BATCHES && (e = fleet_keys_next(&r->keys))) {
		look_at(r, &b, e);
		if (b.count < FLEET_ROWS_MAX)
			continue;
		batches++;
		if (!batch_send(r, &b))
			return;
	}
	batch_send(r, &b);
}

static void walk_on(struct fleet_run *r)
{
	struct fleet_entry *e;

	r->walking = fleet_walk(r->tables);
	if (r->walking)
		return;
	LIST_FOREACH(e, &r->keys.all, all)
	{
		if ((!e->limit || r->missed) && e->state == FLEET_ENTRY_RESTS)
			fleet_keys_queue(&r->keys, e); /* a walk does not find a counter that is gone */
	}
	r->missed = false;
}

void fleet_walk_again(struct fleet_run *r)
{
	r->walking = true;
	fleet_walk_begin(r->tables);
	fleet_tick_arm(r);
}

void fleet_tick(evutil_socket_t fd, short what, void *run)
{
	struct fleet_run *r = run;
	uint64_t lost = fleet_tables_lost(r->tables);

	(void)fd;
	(void)what;
	if (lost != r->lost) {
		r->lost = lost;
		r->missed = true;
		fleet_walk_again(r);
	}
	if (r->walking)
		walk_on(r);
	queue_run(r);
	if (r->walking || (r->told.connected && !TAILQ_EMPTY(&r->keys.queue)))
		fleet_tick_arm(r);
}

/* Returns when to look at an entry next, if nothing changes before. */
static uint64_t rest_of(const struct fleet_entry *e)
{
	static const uint64_t patience[] = { 20, 60, 180, 540 };

	if (e->want)
		return patience[e->tries < 4 ? e->tries : 3];
	if (e->unsure)
		return UNSURE_MS;
	if (e->counter.rate)
		return e->counter.seconds * 50ULL < TELL_AGAIN_MS ? e->counter.seconds * 50ULL : TELL_AGAIN_MS;
	return e->told ? TELL_AGAIN_MS : IDLE_MS;
}

/* What was wanted has arrived; or it is asked for again, as long as somebody may wait for it. */
static void want_settle(struct fleet_entry *e)
{
	if (!e->asked)
		return;
	if (e->lease >= (uint64_t)e->told + e->asked) {
		e->want -= e->asked < e->want ? e->asked : e->want;
		e->tries = 0;
	} else {
		e->tries++;
	}
}

static void lease_gone(struct fleet_run *r, struct fleet_entry *e)
{
	fleet_keys_note(&r->keys, e, false);
	e->lease = 0;
	if (!e->again) {
		forget(r, e);
		return;
	}
	lease_drop(r, e);
	queue(r, e);
}

/* An answer says that a record is gone if, and only if, that was what it answers: need_of_nothing() is answered, too. */
static bool is_answered(const struct fleet_entry *e, const struct fleet_lease *lease)
{
	return e && e->state == FLEET_ENTRY_SENT && e->releases == !!(lease->flags & FLEET_GONE);
}

void fleet_lease_heard(void *run, const struct fleet_lease *lease)
{
	struct fleet_run *r = run;
	struct fleet_entry *e = fleet_keys_find(&r->keys, lease->key);

	if (!is_answered(e, lease)) {
		r->refused_messages += !(lease->flags & FLEET_GONE);
		return;
	}
	e->state = FLEET_ENTRY_RESTS;
	e->stale = false;
	if (lease->flags & FLEET_GONE) {
		lease_gone(r, e);
		return;
	}
	fleet_keys_note(&r->keys, e, true);
	if (e->asked && lease->lease > e->lease)
		e->keep_until_ms = fleet_clock_ms() + KEEP_MS;
	e->lease = lease->lease < e->most ? lease->lease : e->most;
	e->others = lease->others_held;
	e->others_hosts = lease->others_hosts;
	e->needed |= lease->flags & FLEET_OVER && e->lease > e->told;
	want_settle(e);
	lease_write(r, e, e->lease, e->want);
	if (e->again || e->needed)
		queue(r, e);
	else
		timer_set(e, rest_of(e));
}

/* After a restart: gives up what the earlier daemon had of a limit of which nothing is held here. */
static void need_of_nothing(struct fleet_run *r, __u64 key)
{
	const struct fleet_want row = { .key = key, .limit = 1, .flags = FLEET_RELEASE };

	if (!r->walking)
		fleet_helper_send(r->helper, &row, 1);
}

void fleet_need_heard(void *run, uint64_t key)
{
	struct fleet_run *r = run;
	struct fleet_entry *e = fleet_keys_find(&r->keys, key);

	if (!e) {
		need_of_nothing(r, key);
		return;
	}
	if (fleet_clock_ms() < e->keep_until_ms)
		return; /* that host asks again; if each gave at once, the rest could go to and fro and be used by nobody */
	e->needed = true;
	if (e->state == FLEET_ENTRY_RESTS)
		queue(r, e);
}

void fleet_limits_forget(struct fleet_run *r)
{
	struct fleet_entry *e;

	LIST_FOREACH(e, &r->keys.all, all) e->limit = 0;
}

void fleet_tell_again(struct fleet_run *r)
{
	struct fleet_entry *e;

	LIST_FOREACH(e, &r->keys.all, all)
	{
		e->stale |= e->recorded || e->state == FLEET_ENTRY_SENT;
		if (e->state == FLEET_ENTRY_SENT)
			e->state = FLEET_ENTRY_RESTS;
		fleet_keys_note(&r->keys, e, false);
		if (e->state == FLEET_ENTRY_RESTS && e->leased && e->lease)
			lower(r, e, kept(r, e));
		else
			fleet_keys_queue(&r->keys, e);
	}
	fleet_tick_arm(r);
}
