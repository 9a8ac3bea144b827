/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of a dry run about observe mode: goes through the memory of refusals, has each entry judged again, and adds up by sender.
 * forecast.c calls it; it owns nothing.
 */
#include "observed.h"

#include <string.h>

#include "refusals_memory.h"
#include "reason.h"
#include "retrial.h"

/* Sources by their address, to find those in a prefix. */
struct peaks {
	const struct source_status **item;
	size_t count;
	char name[SLUICE_MAX_SERVICES][SLUICE_NAME_LEN]; /* of services, by id; "": not read yet */
};

struct sender {
	struct prefix source;
	struct retrial is;
};

struct senders {
	struct sender *item;
	size_t count, room;
};

static int by_addr(const void *a, const void *b)
{
	const struct source_status *const *x = a, *const *y = b;

	return memcmp(&(*x)->addr, &(*y)->addr, sizeof((*x)->addr));
}

static int peaks_make(struct peaks *p, const struct source_status *tracked, size_t count)
{
	size_t i;

	*p = (struct peaks){ .item = calloc(count + 1, sizeof(*p->item)), .count = count };
	for (i = 0; i < count && p->item; i++)
		p->item[i] = &tracked[i];
	if (p->item)
		qsort(p->item, count, sizeof(*p->item), by_addr);
	return p->item ? 0 : -1;
}

static const char *name_of(struct daemon *dm, struct peaks *p, unsigned int service)
{
	char *name = p->name[service % SLUICE_MAX_SERVICES];

	if (!*name)
		service_name_read(dm->engine, service, name);
	return name;
}

static size_t peaks_place(const struct peaks *p, const struct sluice_addr *a)
{
	size_t low = 0, high = p->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (memcmp(&p->item[middle]->addr, a, sizeof(*a)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Returns the most connections that a source in the prefix had or has at the service; 0: none is tracked. */
static uint32_t peak_of(struct daemon *dm, struct peaks *p, const struct prefix *source, const char *service)
{
	uint32_t most = 0;
	size_t i;

	for (i = peaks_place(p, &source->addr); i < p->count && prefix_holds(source, &p->item[i]->addr); i++) {
		const struct source_status *s = p->item[i];
		uint32_t had = s->peak > s->connections ? s->peak : s->connections;

		if (had > most && !strcmp(name_of(dm, p, s->service), service))
			most = had;
	}
	return most;
}

static int sender_add(struct daemon *dm, const struct forecast *f, struct peaks *p, const struct refusal *r,
		      struct senders *out)
{
	struct sender *more = LIST_ADD(out);

	if (!more)
		return -1;
	*more = (struct sender){ .source = r->source };
	if (r->source.len != PRIVACY_HASH)
		more->is = forecast_again(
			f, &r->source, r->service, r->reason,
			r->reason == SLUICE_SOURCE_CONNECTIONS ? peak_of(dm, p, &r->source, r->service) : 0);
	return 0;
}

/* Finds refusals of observe mode only. */
static int senders_find(struct daemon *dm, const struct forecast *f, struct peaks *p, struct senders *out)
{
	struct refusal *r = NULL;
	int why, err = 0;

	for (why = 0; why < SLUICE_REASONS; why++) {
		while (!err && (r = refusals_next(dm->refusals, why, r))) {
			if (r->verdict == SLUICE_VERDICT_PASS)
				err = sender_add(dm, f, p, r, out);
		}
		r = NULL;
	}
	return err;
}

/* For one sender: first what refuses it, then what cannot be told, then what lets it in. */
static int by_sender(const void *a, const void *b)
{
	const struct sender *x = a, *y = b;
	int order = memcmp(&x->source.addr, &y->source.addr, sizeof(x->source.addr));
	int rank_x = !x->is.known ? 1 : x->is.why == SLUICE_UNDECIDED ? 2 : 0;
	int rank_y = !y->is.known ? 1 : y->is.why == SLUICE_UNDECIDED ? 2 : 0;

	if (order || x->source.len != y->source.len)
		return order ?: (int)x->source.len - (int)y->source.len;
	return rank_x != rank_y ? rank_x - rank_y : (int)x->is.why - (int)y->is.why;
}

static bool same_sender(const struct sender *a, const struct sender *b)
{
	return a->source.len == b->source.len && !memcmp(&a->source.addr, &b->source.addr, sizeof(a->source.addr));
}

/* How many senders had which outcome; each counts once. */
struct sums {
	size_t senders, let_in, refused, unknown;
	size_t by[SLUICE_REASONS];
};

static struct sums senders_sum(struct senders *list)
{
	struct sums s = {};
	size_t i;

	if (list->count)
		qsort(list->item, list->count, sizeof(*list->item), by_sender);
	for (i = 0; i < list->count; i++) {
		const struct sender *one = &list->item[i];

		if (i && same_sender(one, one - 1))
			continue;
		s.senders++;
		if (!one->is.known) {
			s.unknown++;
		} else if (one->is.why == SLUICE_UNDECIDED) {
			s.let_in++;
		} else {
			s.refused++;
			s.by[one->is.why]++;
		}
	}
	return s;
}

static json_t *sums_json(const struct daemon *dm, const struct sums *s)
{
	json_t *by = json_object();
	int why;

	for (why = 0; why < SLUICE_REASONS; why++) {
		if (s->by[why])
			json_object_set_new(by, reason_label(why), json_integer(s->by[why]));
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:s}", "seconds", (json_int_t)refusals_span(dm), "senders",
			 (json_int_t)s->senders, "let_in", (json_int_t)s->let_in, "refused", (json_int_t)s->refused,
			 "unknown", (json_int_t)s->unknown, "by", by, "addresses", refusals_form(dm));
}

json_t *observed_json(struct daemon *dm, const struct forecast *f, const struct source_status *tracked, size_t count)
{
	struct senders list = {};
	struct peaks peaks;
	struct sums sums;
	int err = peaks_make(&peaks, tracked, count);

	if (!err)
		err = senders_find(dm, f, &peaks, &list);
	sums = senders_sum(&list);
	free(peaks.item);
	free(list.item);
	return err ? NULL : sums_json(dm, &sums);
}
