/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this host says to all others of its fleet: see fleet_host.h. An order that a verb has obeyed becomes a record, which waits here until the
 * store is there and takes it. Called by the verbs, and by fleet_touch.c when the store may have lost what it was told.
 */
#include <errno.h>
#include <string.h>

#include "fleet_inside.h"
#include "fleet_share.h"
#include "json_text.h"
#include "plain.h"

#define SAY_MS 2
#define SECOND 1000000ULL /* of a stamp */
#define MESSAGES 4 /* of one turn */
#define TAKEN_DAYS 30 /* the lifting of a ban without an end is remembered this long */
#define ERASE_SECONDS 86400 /* a host that is away for longer does not hear of it */
#define SLACK_SECONDS 60 /* clocks of hosts differ */

static struct fleet_shared *shared_of(const struct daemon *dm)
{
	return dm->fleet && dm->fleet->helper && dm->fleet->shared.bans ? &dm->fleet->shared : NULL;
}

void fleet_say_soon(struct fleet_run *r)
{
	const struct timeval wait = { 0, SAY_MS * 1000 };

	if (!TAILQ_EMPTY(&r->shared.queue) && !event_pending(r->say, EV_TIMEOUT, NULL))
		event_add(r->say, &wait);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SECOND + now.tv_nsec / 1000;
}

/* Until when an older order about the same thing could come back from a host that was away. */
static uint64_t keep_of(const struct fleet_word *w, const struct fleet_word *before)
{
	uint64_t keep = w->until ? w->until + SLACK_SECONDS : 0, older;

	if (!before || !keep)
		return keep;
	older = before->keep ?: now_us() / SECOND + TAKEN_DAYS * 86400ULL;
	return keep > older ? keep : older;
}

struct shared *fleet_word_say(struct fleet_run *r, struct fleet_word *w)
{
	struct fleet_shared *s = &r->shared;
	struct fleet_record record;
	struct shared *one;
	uint8_t id[FLEET_ID];

	fleet_record_id(&s->keys, w, id);
	one = shared_find(s, id);
	w->stamp = now_us();
	if (one && w->stamp <= one->word.stamp)
		w->stamp = one->word.stamp + 1; /* an earlier clock, here or there, was ahead */
	w->keep = keep_of(w, one ? &one->word : NULL);
	snprintf(w->host, sizeof(w->host), "%s", r->name);
	fleet_record_seal(&s->keys, w, &record);
	one = shared_put(s, w, &record);
	if (!one)
		return NULL;
	shared_queue(s, one);
	r->file.dirty = true;
	fleet_say_soon(r);
	return one;
}

static struct fleet_word word_of(enum fleet_word_kind kind, const struct ban *b, bool forced)
{
	struct fleet_word w = { .kind = kind,
				.observe = b->observe,
				.forced = forced,
				.addr = b->prefix.addr,
				.len = b->prefix.len,
				.uid = b->uid,
				.until = b->expires_in ? time(NULL) + b->expires_in : 0,
				.since = b->since };

	if (kind == FLEET_WORD_BAN)
		memcpy(w.owner, b->owner, sizeof(w.owner));
	plain_copy(w.text, sizeof(w.text), b->text);
	return w;
}

size_t fleet_say(struct daemon *dm, enum fleet_word_kind kind, const struct ban *list, size_t count, bool forced)
{
	size_t unsaid = 0, i;
	struct fleet_word w;

	for (i = 0; i < count && shared_of(dm); i++) {
		w = word_of(kind, &list[i], forced);
		unsaid += !fleet_word_say(dm->fleet, &w);
	}
	return unsaid;
}

void fleet_say_here(struct daemon *dm, enum fleet_word_kind kind, const struct ban *list, size_t count)
{
	struct fleet_shared *s = shared_of(dm);
	struct fleet_word w;
	struct shared *one;
	uint8_t id[FLEET_ID];
	size_t i;

	for (i = 0; i < count && s; i++) {
		w = word_of(kind, &list[i], false);
		fleet_record_id(&s->keys, &w, id);
		one = shared_find(s, id);
		if (one)
			one->here = dm->fleet->file.dirty = true;
	}
}

static int prefix_order(const void *a, const void *b)
{
	const struct prefix *x = a, *y = b;
	int order = memcmp(&x->addr, &y->addr, sizeof(x->addr));

	return order ? order : (int)x->len - (int)y->len;
}

void fleet_word_take(struct fleet_run *r, const struct fleet_word *was)
{
	struct fleet_word w = *was;

	w.taken = true;
	w.until = time(NULL);
	if (w.kind == FLEET_WORD_SETTING)
		*w.setting.value = 0;
	else
		*w.text = 0;
	fleet_word_say(r, &w);
}

int fleet_unsay(struct daemon *dm, enum fleet_word_kind kind, const struct prefix *list, size_t count,
		const char *owner, size_t *unsaid)
{
	_cleanup_free_ struct prefix *sorted = calloc(count + 1, sizeof(*sorted));
	struct fleet_shared *s = shared_of(dm);
	const uint64_t now = time(NULL);
	struct shared *one;
	struct prefix p;

	*unsaid = 0;
	if (!sorted)
		return -ENOMEM;
	if (!s)
		return 0;
	memcpy(sorted, list, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), prefix_order);
	for (one = LIST_FIRST(&s->all); one; one = LIST_NEXT(one, all)) {
		p = (struct prefix){ one->word.addr, one->word.len };
		if (one->word.kind != kind || !shared_stands(&one->word, now) ||
		    (owner && strcmp(owner, one->word.owner)) || !bsearch(&p, sorted, count, sizeof(p), prefix_order))
			continue;
		fleet_word_take(dm->fleet, &one->word);
		++*unsaid;
	}
	return 0;
}

bool fleet_say_erase(struct daemon *dm, const struct sluice_addr *a)
{
	struct fleet_word w = { .kind = FLEET_WORD_ERASE, .addr = *a, .len = 128, .since = time(NULL) };

	w.until = w.since + ERASE_SECONDS;
	return !shared_of(dm) || fleet_word_say(dm->fleet, &w);
}

bool fleet_shares(const struct daemon *dm)
{
	return shared_of(dm);
}

const char *fleet_reach(bool shares, bool local)
{
	if (!shares)
		return "";
	return local ? " on this host alone" : " on all hosts of the fleet";
}

const char *fleet_origin(const struct daemon *dm, const struct ban *b)
{
	const struct fleet_word w = word_of(FLEET_WORD_BAN, b, false);
	const struct fleet_shared *s = shared_of(dm);
	const struct shared *one;
	uint8_t id[FLEET_ID];

	if (!s)
		return NULL;
	fleet_record_id(&s->keys, &w, id);
	one = shared_find(s, id);
	return one && !one->here && !one->word.taken ? one->word.host : NULL;
}

json_t *fleet_said_json(const struct daemon *dm, const struct sluice_addr *a)
{
	static const char *const kinds[] = { "", "ban", "allow", "erase" };
	const struct fleet_shared *s = shared_of(dm);
	json_t *list = json_array();
	const struct shared *one;
	char text[ADDR_TEXT_LEN];
	struct prefix p;

	for (one = s ? LIST_FIRST(&s->all) : NULL; one; one = LIST_NEXT(one, all)) {
		p = (struct prefix){ one->word.addr, one->word.len };
		if (one->word.kind != FLEET_WORD_SETTING && prefix_holds(&p, a))
			json_array_append_new(list,
					      json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:o}", "what",
							kinds[one->word.kind], "prefix", prefix_format(&p, text),
							"owner", one->word.owner, "host", one->word.host, "taken_back",
							one->word.taken, "said", json_time(one->word.stamp / SECOND),
							"kept_until", json_time(one->word.keep)));
	}
	return list;
}

/* The store. */

void fleet_say_again(struct fleet_run *r)
{
	struct shared *one;

	for (one = LIST_FIRST(&r->shared.all); one; one = LIST_NEXT(one, all))
		shared_queue(&r->shared, one);
}

/* Sends one message. What cannot be sent now is queued again. */
static bool message_send(struct fleet_run *r)
{
	static struct fleet_record row[FLEET_RECORDS_MAX];
	struct shared *of[FLEET_RECORDS_MAX], *one;
	size_t n = 0, i;

	while (n < FLEET_RECORDS_MAX && (one = shared_next(&r->shared))) {
		of[n] = one;
		row[n++] = one->record;
	}
	if (!n || !fleet_helper_put(r->helper, row, n))
		return n == FLEET_RECORDS_MAX;
	for (i = 0; i < n; i++)
		shared_queue(&r->shared, of[i]);
	return false;
}

/* What is not sent because there is no store is sent when a store first answers. */
void fleet_say_on(evutil_socket_t fd, short what, void *run)
{
	struct fleet_run *r = run;
	int i;

	(void)fd;
	(void)what;
	for (i = 0; i < MESSAGES && r->told.connected && message_send(r); i++)
		;
	if (r->told.connected)
		fleet_say_soon(r);
}
