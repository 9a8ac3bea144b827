/* SPDX-License-Identifier: BSD-2-Clause */
/* The verb `refusals`, and the other readers of that memory: export and erase. remember.c fills it. */
#include <errno.h>
#include <string.h>

#include "alike.h"
#include "refusals_memory.h"
#include "json_text.h"
#include "keep.h"
#include "parse.h"
#include "reason.h"
#include "report.h"
#include "section.h"
#include "verbs.h"

#define LINES 1000 /* in an answer, if nobody says how many */

void refusals_tick(struct daemon *dm)
{
	refusals_age(dm);
	if (++dm->refusals_seconds % 60 == 0)
		refusals_say(dm);
	refusals_store(dm);
}

/* What somebody asked for. */
struct wanted {
	const struct prefix *about; /* NULL: anybody */
	const char *service; /* "": of any */
	int reason; /* -1: any */
	uint64_t since_ns; /* seen since then */
	size_t top; /* at most this many; 0: all */
};

static bool is_wanted(const struct daemon *dm, const struct wanted *w, const struct refusal *r)
{
	return r->last_ns >= w->since_ns && (!*w->service || !strcmp(w->service, r->service)) &&
	       (!w->about || privacy_kept_is(dm->privacy, &r->source, w->about));
}

static int last_order(const void *a, const void *b)
{
	const struct refusal *const *x = a, *const *y = b;

	return (*x)->last_ns < (*y)->last_ns ? 1 : (*x)->last_ns > (*y)->last_ns ? -1 : 0;
}

/* Finds those that are wanted, the latest first. Returns how many, in a list that is freed with free(). NULL: no memory. */
static struct refusal **wanted_find(const struct daemon *dm, const struct wanted *w, size_t *count)
{
	struct refusal **list = calloc(refusals_sums(dm->refusals).entries + 1, sizeof(*list)), *r = NULL;
	int why;

	*count = 0;
	for (why = 0; why < SLUICE_REASONS && list; why++) {
		if (w->reason >= 0 && w->reason != why)
			continue;
		while ((r = refusals_next(dm->refusals, why, r)) && r->last_ns >= w->since_ns) {
			if (is_wanted(dm, w, r))
				list[(*count)++] = r;
		}
		r = NULL;
	}
	if (list)
		qsort(list, *count, sizeof(*list), last_order);
	return list;
}

static json_t *moment_json(const struct daemon *dm, uint64_t ns)
{
	return json_time(ns ? (ns + keep_real_shift(&dm->refusals_file)) / KEEP_SECOND : 0);
}

static json_t *refusal_json(const struct daemon *dm, const struct refusal *r)
{
	char text[ADDR_TEXT_LEN];

	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:I}", "source", privacy_kept_format(&r->source, text),
			 "service", r->service, "reason", reason_label(r->reason), "verdict", verdict_label(r->verdict),
			 "first", moment_json(dm, r->first_ns), "last", moment_json(dm, r->last_ns), "count",
			 (json_int_t)r->count, "stands_for", (json_int_t)r->stands_for);
}

static json_t *wanted_json(const struct daemon *dm, const struct wanted *w, size_t *count)
{
	_cleanup_free_ struct refusal **found = wanted_find(dm, w, count);
	json_t *list = found ? json_array() : NULL;
	size_t i;

	for (i = 0; i < *count && list && (!w->top || i < w->top); i++)
		json_array_append_new(list, refusal_json(dm, found[i]));
	return list;
}

json_t *refusals_of(struct daemon *dm, const struct sluice_addr *a)
{
	const struct prefix about = { *a, 128 };
	const struct wanted w = { .about = &about, .service = "", .reason = -1 };
	size_t count;

	return wanted_json(dm, &w, &count);
}

unsigned int refusals_erase(struct daemon *dm, const struct sluice_addr *a, struct diag *d)
{
	const struct prefix about = { *a, 128 };
	const struct wanted w = { .about = &about, .service = "", .reason = -1 };
	_cleanup_free_ struct refusal **found = NULL;
	size_t count, i;

	found = wanted_find(dm, &w, &count);
	for (i = 0; i < count; i++)
		refusals_remove(dm->refusals, found[i]);
	refusals_erase_file(dm, count, d);
	return count;
}

/* A hash stands for one source: whoever must not know which one may not try them all. */
static int about_read(struct daemon *dm, const json_t *args, struct prefix *about, struct wanted *w, struct answer *a)
{
	int err = prefix_arg(args, "prefix", about, a);

	if (err)
		return err;
	if (a->uid && standing_live(dm->standing)->addresses == POLICY_HASHED) {
		diag_add(&a->diag, "addresses are hashed: only root may ask about one of them");
		return bad(a);
	}
	engine_who_prefix(dm->engine, about);
	w->about = about;
	return 0;
}

static int reason_read(const json_t *args, struct wanted *w, struct answer *a)
{
	struct alike like = alike_to(arg(args, "reason"));
	char meant[ALIKE_TEXT_LEN];
	int i;

	w->reason = *arg(args, "reason") ? reason_find(arg(args, "reason")) : -1;
	if (!*arg(args, "reason") || (w->reason >= 0 && reason_refuses(w->reason)))
		return 0;
	for (i = 0; i < SLUICE_REASONS; i++) {
		if (reason_refuses(i))
			alike_offer(&like, reason_label(i));
	}
	alike_ask(like.found, meant);
	diag_add(&a->diag, "--reason %s: this is not a reason to refuse: %s%ssluicectl refusals --help lists them",
		 arg(args, "reason"), meant, *meant ? " " : "");
	return bad(a);
}

static int since_read(const struct daemon *dm, const json_t *args, struct wanted *w, struct answer *a)
{
	uint32_t seconds = 0;
	int err = time_arg(args, "since", &seconds, a);
	uint64_t now = keep_now(&dm->refusals_file);

	if (!err && *arg(args, "since"))
		w->since_ns = now > seconds * KEEP_SECOND ? now - seconds * KEEP_SECOND : 0;
	return err;
}

/* A name that no service has or had is a slip, which must not look like good news. */
static int service_check(const struct daemon *dm, const struct wanted *w, size_t found, struct answer *a)
{
	if (found || !*w->service || !strcmp(w->service, "-") ||
	    policy_service_find(standing_live(dm->standing), w->service))
		return 0;
	section_missing(standing_live(dm->standing), SECTION_SERVICE, w->service, &a->diag);
	return bad(a);
}

uint32_t refusals_span(const struct daemon *dm)
{
	const uint32_t kept = standing_live(dm->standing)->privacy_retention;
	uint64_t since = 0;

	if (dm->refusals_since_ns)
		since = (keep_now(&dm->refusals_file) - dm->refusals_since_ns) / KEEP_SECOND +
			1; /* includes the one that is running */
	return since < kept ? since : kept;
}

const char *refusals_form(const struct daemon *dm)
{
	static const char *const forms[] = { "truncated", "hashed", "full" };

	return forms[standing_live(dm->standing)->addresses];
}

static json_t *memory_json(const struct daemon *dm, json_t *list, size_t found)
{
	struct refusals_sums s = refusals_sums(dm->refusals);

	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:s}", "refusals", list, "found", (json_int_t)found,
			 "remembered", (json_int_t)s.entries, "capacity", (json_int_t)REFUSALS_MOST, "forgotten",
			 (json_int_t)s.forgotten, "untold", (json_int_t)s.untold, "since",
			 moment_json(dm, dm->refusals_since_ns), "retention",
			 (json_int_t)standing_live(dm->standing)->privacy_retention, "addresses", refusals_form(dm));
}

int verb_refusals(struct daemon *dm, const json_t *args, struct answer *a)
{
	struct wanted w = { .service = arg(args, "service"), .top = json_integer_value(json_object_get(args, "top")) };
	struct prefix about;
	size_t found = 0;
	json_t *list;
	int err = *arg(args, "prefix") ? about_read(dm, args, &about, &w, a) : 0;

	if (!err)
		err = reason_read(args, &w, a);
	if (!err)
		err = since_read(dm, args, &w, a);
	if (err)
		return err;
	w.top = w.top ? w.top : LINES;
	list = wanted_json(dm, &w, &found);
	if (!list)
		return -ENOMEM;
	err = service_check(dm, &w, found, a);
	a->data = err ? NULL : memory_json(dm, list, found);
	if (err)
		json_decref(list);
	return err ? err : a->data ? 0 : -ENOMEM;
}
