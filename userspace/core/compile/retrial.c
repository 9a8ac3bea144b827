/* SPDX-License-Identifier: BSD-2-Clause */
/* Judges remembered refusals again: see retrial.h. */
#include "retrial.h"

/* One refusal, at one stretch of addresses. */
struct trial_of {
	const struct forecast *forecast;
	unsigned int service;
	enum sluice_reason was;
	uint32_t peak;
};

static const struct retrial unknown = {}, let_in = { true, SLUICE_UNDECIDED };

static struct retrial refused(enum sluice_reason why)
{
	return (struct retrial){ true, why };
}

static bool is_rate(enum sluice_reason why)
{
	return why == SLUICE_SOURCE_RATE || why == SLUICE_NETWORK_RATE || why == SLUICE_SET_RATE ||
	       why == SLUICE_SERVICE_RATE || why == SLUICE_SYN_RATE;
}

/* Returns the limit that such a refusal comes from, or NULL if it comes from none. */
static const struct sluice_limit *limit_behind(const struct compiled *c, const struct sluice_rule *rule,
					       unsigned int service, enum sluice_reason why)
{
	switch (why) {
	case SLUICE_SOURCE_CONNECTIONS:
	case SLUICE_SOURCE_RATE:
		return &rule->source;
	case SLUICE_NETWORK_CONNECTIONS:
	case SLUICE_NETWORK_RATE:
		return &rule->network;
	case SLUICE_SET_CONNECTIONS:
	case SLUICE_SET_RATE:
		return &rule->set;
	case SLUICE_SERVICE_CONNECTIONS:
	case SLUICE_SERVICE_RATE:
		return &c->services[service].total;
	case SLUICE_SYN_RATE:
		return &c->services[service].syn;
	default:
		return NULL;
	}
}

/* Whether it is not higher than what refused before. */
static bool is_as_strict(const struct sluice_limit *then, const struct sluice_limit *now, bool rate)
{
	if (rate)
		return now->rate && then->rate <= now->rate && then->width_ns == now->width_ns;
	return now->connections && then->connections <= now->connections;
}

static struct retrial limit_again(const struct trial_of *t, const struct sluice_rule *now,
				  const struct sluice_rule *then)
{
	const struct forecast *f = t->forecast;
	const struct sluice_limit *b = limit_behind(f->want, then, t->service, t->was);
	const struct sluice_limit *a = limit_behind(f->now, now, t->service, t->was);
	const bool of_set = b == &then->set, rate = is_rate(t->was);

	if (!(rate ? b->rate : b->connections))
		return let_in;
	if (t->was == SLUICE_SOURCE_CONNECTIONS && t->peak)
		return t->peak > b->connections || is_as_strict(b, a, rate) ? refused(t->was) : let_in;
	if (of_set && now->set_total != then->set_total)
		return unknown;
	return is_as_strict(b, a, rate) ? refused(t->was) : unknown;
}

static struct retrial stretch_again(const struct trial_of *t, uint32_t leaf_now, uint32_t leaf_then)
{
	const struct sluice_rule *then = compiled_rule(t->forecast->want, leaf_then, t->service);

	if (then->action == SLUICE_ACTION_ALLOW)
		return let_in;
	if (then->action == SLUICE_ACTION_DENY)
		return refused(SLUICE_DENIED);
	if (then->action == SLUICE_ACTION_COUNTRY)
		return refused(SLUICE_COUNTRY);
	if (t->was == SLUICE_DENIED || t->was == SLUICE_COUNTRY)
		return let_in;
	return limit_again(t, compiled_rule(t->forecast->now, leaf_now, t->service), then);
}

static addr_number lower(addr_number a, addr_number b)
{
	return a < b ? a : b;
}

static struct retrial prefix_again(const struct trial_of *t, const struct prefix *source)
{
	const struct spans *now = &t->forecast->now->classified.leaves, *then = &t->forecast->want->classified.leaves;
	addr_number at = number_of(&source->addr), last = prefix_last(source), end;
	struct retrial all = unknown, one;
	bool first = true;
	size_t i, j;

	do {
		i = spans_place(now, at);
		j = spans_place(then, at);
		one = stretch_again(t, now->item[i].value, then->item[j].value);
		if (!first && (one.known != all.known || one.why != all.why))
			return unknown;
		all = one;
		first = false;
		end = lower(span_last(now, i), span_last(then, j));
		at = end + 1;
	} while (end < last);
	return all;
}

struct retrial forecast_again(const struct forecast *f, const struct prefix *source, const char *service,
			      enum sluice_reason was, uint32_t peak)
{
	const struct trial_of t = { f, registry_service(f->registry, service), was, peak };
	const struct sluice_rule none = {};

	if (!t.service || !*f->want->services[t.service].name)
		return let_in;
	if (was != SLUICE_DENIED && was != SLUICE_COUNTRY && !limit_behind(f->want, &none, t.service, was))
		return refused(was); /* no policy decides that */
	return prefix_again(&t, source);
}
