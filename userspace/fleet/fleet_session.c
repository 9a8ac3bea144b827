/* SPDX-License-Identifier: BSD-2-Clause */
/* One server: greetings, beats, exchanges. See fleet_session.h. */
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "fleet_clock.h"
#include "fleet_exchange.h"
#include "fleet_link.h"
#include "fleet_look.h"
#include "fleet_random.h"
#include "fleet_records.h"
#include "fleet_session.h"
#include "plain.h"

#define UNANSWERED_MAX 16 /* exchanges and pages of records */
#define GREETING_MS 2000 /* for everything before the first beat */
#define LEFT_MS 1000 /* a server that does not answer for this long is given up */
#define LIST_MS 1000 /* how often hosts are listed, and the hearing connection is tried */
#define INFO_US (10 * 1000000ULL) /* how often the server is asked again what it is */
#define KEY_MAX 64
#define KEY_DIGITS 16
#define NUMBER_TEXT 17 /* 16 digits and the final NUL */

enum greeted { GREETED_ASKS = 1, GREETED_HEARS = 2, GREETED_BOTH = 3 };

struct session {
	struct session_owner to;
	const struct config *config;
	struct link *asks, *hears;
	struct looks *looks;
	struct exchanges *exchanges;
	struct records *records; /* NULL if bans are not shared */
	struct event *tick;
	struct server_info info;
	char beat_sha[SCRIPT_SHA_LENGTH + 1], exchange_sha[SCRIPT_SHA_LENGTH + 1];
	char epoch[SCRIPT_NUMBER_MAX]; /* "" if it is not ready */
	char hosts_key[KEY_MAX], epoch_key[KEY_MAX], own_key[KEY_MAX + FLEET_NAME_MAX], channel[KEY_MAX];
	char lease_ms[16];
	char own[NUMBER_TEXT]; /* a number that is this session's alone */
	char *const *policy;
	uint64_t opened_us, beat_us, listed_us; /* beat_us: a beat has waited for its answer since then; 0: none does */
	uint64_t informed_us;
	uint32_t hosts; /* as the last beat said */
	unsigned greeted;
	bool lost; /* an exchange was not carried out: rows have to be said again */
	bool ping; /* a ping waits for its answer */
	bool failed;
};

static void fail(struct session *x, const char *why)
{
	char line[160];

	if (x->failed)
		return;
	x->failed = true;
	event_del(x->tick);
	plain_copy(line, sizeof(line), why);
	x->to.failed(x->to.owner, line);
}

/* A connection, or a part of the session, reports a failure. */
static void part_failed(void *owner, const char *why)
{
	fail(owner, why);
}

/* Returns false if the session is over. */
static bool answer_is_good(struct session *x, const redisReply *answer, int type, const char *what)
{
	if (x->failed)
		return false;
	if (answer->type == REDIS_REPLY_ERROR)
		fail(x, answer->str);
	else if (answer->type != type)
		fail(x, what);
	return !x->failed;
}

static void ask(struct session *x, struct link *l, link_answer *then, int argc, const char **argv)
{
	if (link_ask(l, then, NULL, argc, argv, NULL))
		fail(x, "there is no memory for a question");
}

/* What it is. */

static void informed(void *owner, void *about, const redisReply *answer)
{
	struct session *x = owner;
	const char *why;

	(void)about;
	if (!answer_is_good(x, answer, REDIS_REPLY_STRING, "it answers INFO by something else"))
		return;
	why = info_read(answer, &x->info);
	if (why)
		fail(x, why);
}

static void inform(struct session *x)
{
	const char *info[] = { "INFO" };

	x->informed_us = fleet_clock_us();
	ask(x, x->asks, informed, 1, info);
}

/* Beats. */

static void beat_answered(void *owner, void *about, const redisReply *answer)
{
	struct session *x = owner;
	struct beat b;
	bool changed;

	(void)about;
	if (!answer_is_good(x, answer, REDIS_REPLY_ARRAY, "it answers a beat by something else"))
		return;
	if (script_read_beat(answer, x->config->lease_ms, *x->policy, &b)) {
		free(b.list);
		fail(x, "it answers a beat by something else");
		return;
	}
	if (b.taken && x->epoch[0]) { /* the first beat finds the earlier session, which is over */
		free(b.list);
		fail(x, "another host has the same name");
		return;
	}
	x->hosts = b.hosts;
	changed = strcmp(x->epoch, b.epoch);
	b.away = b.away && !changed; /* a store that is new knows nobody */
	changed = changed || b.away || x->lost;
	x->lost = false;
	if (changed)
		exchanges_forget(x->exchanges);
	memcpy(x->epoch, b.epoch, sizeof(x->epoch));
	x->to.beat(x->to.owner, &b, changed, fleet_clock_us() - x->beat_us);
	if (x->records && changed)
		records_again(x->records);
	x->beat_us = 0;
	free(b.list);
}

static void number_make(char out[static NUMBER_TEXT])
{
	snprintf(out, NUMBER_TEXT, "%016" PRIx64, random_number());
}

static void beat(struct session *x, bool list)
{
	char number[NUMBER_TEXT];
	const char *argv[] = { "EVALSHA",  x->beat_sha,	     "3",	  x->hosts_key, x->epoch_key,
			       x->own_key, x->config->name,  x->lease_ms, x->info.run,	number,
			       x->own,	   list ? "1" : "0", *x->policy };

	number_make(number);
	x->beat_us = fleet_clock_us();
	ask(x, x->asks, beat_answered, sizeof(argv) / sizeof(*argv), argv);
}

static void pong(void *owner, void *about, const redisReply *answer)
{
	struct session *x = owner;

	(void)about;
	if (answer_is_good(x, answer, REDIS_REPLY_ARRAY, "it answers PING by something else"))
		x->ping = false;
}

/* A connection on which nothing comes for hours has to be alive, too. */
static void ping(struct session *x)
{
	const char *argv[] = { "PING" };

	if (x->ping) {
		fail(x, "it does not answer on the connection that hears");
		return;
	}
	x->ping = true;
	ask(x, x->hears, pong, 1, argv);
}

static void beat_next(struct session *x, uint64_t now)
{
	bool list = now - x->listed_us >= LIST_MS * 1000;

	beat(x, list);
	if (!list)
		return;
	if (now - x->informed_us >= INFO_US)
		inform(x);
	if (x->records) /* for what was said while nobody listened */
		records_read(x->records);
	if (x->listed_us)
		ping(x);
	x->listed_us = now;
}

static void on_tick(int fd, short what, void *arg)
{
	struct session *x = arg;
	uint64_t now = fleet_clock_us(), waits = x->beat_us ? now - x->beat_us : 0;
	uint64_t answered = exchanges_answered_us(x->exchanges);
	uint64_t silence = now - (answered > x->beat_us ? answered : x->beat_us);
	bool ready = x->epoch[0];

	(void)fd;
	(void)what;
	if (!ready) {
		if (now - x->opened_us > GREETING_MS * 1000)
			fail(x, "it does not answer");
	} else if (!waits) {
		beat_next(x, now);
	} else if (silence > LEFT_MS * 1000 && silence > x->config->beat_ms * 8000ULL) {
		fail(x, "it does not answer any more");
	} else if (waits > x->config->beat_ms * 4000ULL) {
		x->to.silent(x->to.owner);
	}
}

/* Greetings. */

static void greeted(struct session *x, enum greeted which)
{
	x->greeted |= which;
	if (x->greeted == GREETED_BOTH)
		beat(x, false);
}

static void authenticated(void *owner, void *about, const redisReply *answer)
{
	(void)about;
	answer_is_good(owner, answer, REDIS_REPLY_STATUS, "it answers AUTH by something else");
}

static bool sha_keep(struct session *x, const redisReply *answer, char *out)
{
	if (!answer_is_good(x, answer, REDIS_REPLY_STRING, "it answers SCRIPT LOAD by something else"))
		return false;
	if (answer->len != SCRIPT_SHA_LENGTH)
		fail(x, "it answers SCRIPT LOAD by something else");
	else
		memcpy(out, answer->str, SCRIPT_SHA_LENGTH + 1);
	return !x->failed;
}

static void beat_loaded(void *owner, void *about, const redisReply *answer)
{
	struct session *x = owner;

	(void)about;
	sha_keep(x, answer, x->beat_sha);
}

static void exchange_loaded(void *owner, void *about, const redisReply *answer)
{
	struct session *x = owner;

	(void)about;
	if (sha_keep(x, answer, x->exchange_sha))
		greeted(x, GREETED_ASKS);
}

static void subscribed(void *owner, void *about, const redisReply *answer)
{
	struct session *x = owner;

	(void)about;
	if (answer_is_good(x, answer, REDIS_REPLY_ARRAY, "it answers SUBSCRIBE by something else"))
		greeted(x, GREETED_HEARS);
}

static void authenticate(struct session *x, struct link *l)
{
	const struct config *c = x->config;
	const char *argv[] = { "AUTH", c->user, c->password };
	const char *alone[] = { "AUTH", c->password };

	if (c->password && c->user)
		ask(x, l, authenticated, 3, argv);
	else if (c->password)
		ask(x, l, authenticated, 2, alone);
}

static void greet(struct session *x)
{
	const char *subscribe[] = { "SUBSCRIBE", x->channel };
	const char *load[] = { "SCRIPT", "LOAD", script_beat };

	authenticate(x, x->asks);
	inform(x);
	ask(x, x->asks, beat_loaded, 3, load);
	load[2] = script_exchange;
	ask(x, x->asks, exchange_loaded, 3, load);
	if (x->records)
		records_greet(x->records);
	authenticate(x, x->hears);
	ask(x, x->hears, subscribed, 2, subscribe);
}

/* Exchanges. */

static void on_leases(void *owner, const struct fleet_lease *row, size_t count)
{
	struct session *x = owner;

	if (!x->failed)
		x->to.leases(x->to.owner, row, count);
}

/* A beat comes first. Its answer says which other epoch it is, or that this host was away; what was asked is asked again in any case. */
static void on_stale(void *owner)
{
	struct session *x = owner;

	x->lost = true;
	if (!x->failed && !x->beat_us)
		beat(x, false);
}

static struct exchanges *exchanges_begin(struct session *x)
{
	const struct exchange_names names = { x->config->space, x->config->name, x->lease_ms,	  x->hosts_key,
					      x->epoch_key,	x->channel,	 x->exchange_sha, x->epoch };
	const struct exchanges_owner o = { x, on_leases, on_stale, part_failed };

	return exchanges_new(x->asks, &names, &o);
}

void session_exchange(struct session *x, const struct fleet_want *row, size_t count)
{
	if (!x->failed && x->epoch[0])
		exchanges_ask(x->exchanges, row, count);
}

bool session_has_room(const struct session *x)
{
	unsigned unanswered = exchanges_unanswered(x->exchanges) + (x->records ? records_unanswered(x->records) : 0);

	return x->failed || (unanswered < UNANSWERED_MAX && exchanges_have_room(x->exchanges, x->hosts));
}

/* Asks who holds what, for people. */

static void on_held(void *owner, const char *text)
{
	struct session *x = owner;

	if (!x->failed)
		x->to.held(x->to.owner, text);
}

void session_look(struct session *x, const struct fleet_need *row, size_t count)
{
	if (!x->failed && x->epoch[0])
		looks_ask(x->looks, row, count);
}

/* Records. */

static void records_heard(void *owner, const struct fleet_record *row, size_t count)
{
	struct session *x = owner;

	x->to.records(x->to.owner, row, count);
}

static bool records_room(void *owner)
{
	struct session *x = owner;

	return x->to.room_for_records(x->to.owner);
}

static void records_answered(void *owner)
{
	struct session *x = owner;

	x->to.put(x->to.owner);
}

static struct records *records_begin(struct session *x)
{
	const struct records_owner o = { x, records_heard, records_room, records_answered, part_failed };

	return records_new(x->asks, x->config->space, x->config->name, &o);
}

void session_put(struct session *x, const struct fleet_record *row, size_t count)
{
	if (x->records && !x->failed && x->epoch[0])
		records_put(x->records, row, count);
}

/* "NAME KEY KEY ...": another host wants something, or has put records there. */
static void heard(void *owner, void *about, const redisReply *answer)
{
	struct fleet_need row[SCRIPT_ROWS_MAX];
	struct session *x = owner;
	size_t own = strlen(x->config->name), count = 0;
	char *at, *end;

	(void)about;
	at = answer->element[2]->type == REDIS_REPLY_STRING ? answer->element[2]->str : NULL;
	if (x->failed || !at || (!strncmp(at, x->config->name, own) && at[own] == ' '))
		return;
	at = strchr(at, ' ');
	if (at && !strcmp(at, RECORDS_NEWS) && x->records)
		records_read(x->records);
	for (; at && *at == ' ' && count < SCRIPT_ROWS_MAX; at = end) {
		row[count++].key = strtoull(at + 1, &end, 16);
		if (end != at + 1 + KEY_DIGITS || (*end && *end != ' '))
			return;
	}
	if (count)
		x->to.needs(x->to.owner, row, count);
}

struct session *session_open(struct event_base *base, struct evdns_base *names, const struct config *c,
			     const struct server *to, char *const *policy, const struct session_owner *o)
{
	struct timeval every = { c->beat_ms / 1000, c->beat_ms % 1000 * 1000 };
	struct session *x = calloc(1, sizeof(*x));
	struct link_owner links = { .owner = x, .broken = part_failed, .drop = free };

	if (!x)
		return NULL;
	x->to = *o;
	x->config = c;
	x->policy = policy;
	x->opened_us = fleet_clock_us();
	snprintf(x->hosts_key, KEY_MAX, "sluice:{%s}:hosts", c->space);
	snprintf(x->epoch_key, KEY_MAX, "sluice:{%s}:epoch", c->space);
	snprintf(x->own_key, sizeof(x->own_key), "sluice:{%s}:of:%s", c->space, c->name);
	snprintf(x->lease_ms, sizeof(x->lease_ms), "%u", c->lease_ms);
	number_make(x->own);
	snprintf(x->channel, KEY_MAX, "sluice:{%s}:need", c->space);
	x->tick = event_new(base, -1, EV_PERSIST, on_tick, x);
	x->asks = link_open(base, names, to, &links);
	links.message = heard;
	x->hears = link_open(base, names, to, &links);
	if (x->asks)
		x->looks = looks_new(x->asks, c->space, &(const struct looks_owner){ x, on_held, part_failed });
	if (x->asks && c->bans)
		x->records = records_begin(x);
	if (x->asks)
		x->exchanges = exchanges_begin(x);
	if (!x->tick || !x->asks || !x->hears || !x->looks || !x->exchanges || (c->bans && !x->records) ||
	    event_add(x->tick, &every)) {
		session_close(x);
		return NULL;
	}
	greet(x);
	return x;
}

void session_close(struct session *x)
{
	if (!x)
		return;
	link_close(x->asks);
	link_close(x->hears);
	looks_free(x->looks);
	exchanges_free(x->exchanges);
	records_free(x->records);
	if (x->tick)
		event_free(x->tick);
	free(x);
}

const struct server_info *session_info(const struct session *x)
{
	return &x->info;
}
