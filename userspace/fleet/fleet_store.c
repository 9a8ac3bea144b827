/* SPDX-License-Identifier: BSD-2-Clause */
/* Which server it is that is spoken to, when the next one is tried, and what sluiced is told. See fleet_store.h. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fleet_random.h"
#include "fleet_session.h"
#include "fleet_store.h"
#include "plain.h"

#define WAIT_LEAST_MS 50
#define WAIT_MOST_MS 2000
#define GOOD_BEATS 100 /* answered beats after which a failure counts as a new problem */

struct store {
	struct event_base *base;
	struct evdns_base *names;
	struct pipe *pipe;
	struct config config;
	struct session *session;
	struct event *turn; /* ends a session that failed; some time later it opens the next one */
	size_t server; /* number in the configuration of the server in use, or of the next one */
	unsigned rounds; /* rounds through all servers, since one was good */
	unsigned epoch_beats; /* beats answered in this epoch */
	unsigned beats; /* beats that this session had answers to */
	char *policy; /* FLEET_POLICY; never NULL */
	struct fleet_state state;
};

static void tell(struct store *s)
{
	pipe_send(s->pipe, FLEET_STATE, &s->state, 1);
}

static void error_set(struct store *s, const char *on, const char *why)
{
	char line[sizeof(s->state.error) * 2];

	snprintf(line, sizeof(line), "%s: %s", on, why);
	plain_copy(s->state.error, sizeof(s->state.error), line);
}

/* Waits between half of `ms` and all of it, so that not all hosts of a fleet come at once. */
static void turn_after(struct store *s, unsigned ms)
{
	struct timeval t;

	ms = ms / 2 + random_number() % (ms / 2 + 1);
	t = (struct timeval){ ms / 1000, ms % 1000 * 1000 };
	event_add(s->turn, &t);
}

/* A session. */

static void info_tell(const struct server_info *info, struct fleet_state *out)
{
	out->flags = (info->evicts ? FLEET_EVICTS : 0) | (info->appends ? FLEET_APPENDS : 0) |
		     (info->snapshots ? FLEET_SNAPSHOTS : 0);
	out->memory = info->memory;
	out->memory_most = info->memory_most;
	memcpy(out->version, info->version, sizeof(out->version));
}

/* Returns how far a clock that said `ms` half a round trip ago is ahead of this host's; limited to what the message can say. */
static int32_t clock_ahead(int64_t ms, unsigned rtt_us)
{
	struct timespec now;
	int64_t ahead;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ms < 0 || ms > INT64_MAX / 2)
		return 0;
	ahead = ms - (now.tv_sec * 1000LL + now.tv_nsec / 1000000 - rtt_us / 2000);
	return ahead > INT32_MAX ? INT32_MAX : ahead < INT32_MIN ? INT32_MIN : ahead;
}

/* Others may not know that this host is back: sluiced has to wait as if it had just connected. */
static void rejoin(struct store *s)
{
	s->state.connected = 0;
	error_set(s, s->state.server, "this host was silent for so long that its leases were over");
	tell(s);
}

static void on_beat(void *owner, const struct beat *b, bool new_epoch, unsigned rtt_us)
{
	struct store *s = owner;

	if (b->away)
		rejoin(s);
	s->state.connected = 1;
	s->epoch_beats = new_epoch ? 0 : s->epoch_beats + 1;
	if (b->hosts >= s->state.hosts || s->epoch_beats * s->config.beat_ms > s->config.lease_ms)
		s->state.hosts = b->hosts; /* some may not have found the store again yet */
	s->state.rtt_us = rtt_us;
	s->state.resync += new_epoch;
	s->state.clock_ms = clock_ahead(b->clock_ms, rtt_us);
	info_tell(session_info(s->session), &s->state);
	s->beats++;
	tell(s);
	if (session_has_room(s->session)) /* what was answered by nothing leaves room, too */
		pipe_read_on(s->pipe, true);
	if (b->list)
		pipe_send(s->pipe, FLEET_HOSTS, b->list, strlen(b->list));
}

static void on_leases(void *owner, const struct fleet_lease *row, size_t count)
{
	struct store *s = owner;

	pipe_send(s->pipe, FLEET_LEASES, row, count);
	if (session_has_room(s->session))
		pipe_read_on(s->pipe, true);
}

static void on_needs(void *owner, const struct fleet_need *row, size_t count)
{
	struct store *s = owner;

	pipe_send(s->pipe, FLEET_NEEDS, row, count);
}

static void on_held(void *owner, const char *text)
{
	struct store *s = owner;

	pipe_send(s->pipe, FLEET_HELD, text, strlen(text));
}

static void on_records(void *owner, const struct fleet_record *row, size_t count)
{
	struct store *s = owner;

	pipe_send(s->pipe, FLEET_RECORDS, row, count);
}

static bool has_room(void *owner)
{
	return pipe_has_room(((struct store *)owner)->pipe);
}

static void on_put(void *owner)
{
	struct store *s = owner;

	if (session_has_room(s->session))
		pipe_read_on(s->pipe, true);
}

static void on_silent(void *owner)
{
	struct store *s = owner;

	if (!s->state.connected)
		return;
	s->state.connected = 0;
	error_set(s, s->state.server, "it does not answer for four beats");
	tell(s);
}

static void on_failed(void *owner, const char *why)
{
	struct store *s = owner;

	error_set(s, s->state.server, why);
	event_active(s->turn, EV_TIMEOUT, 0);
}

static void session_begin(struct store *s)
{
	const struct session_owner o = { s,	     on_beat,  on_leases, on_needs,  on_held,
					 on_records, has_room, on_put,	  on_silent, on_failed };
	const struct server *to = &s->config.item[s->server];

	s->beats = 0;
	snprintf(s->state.server, sizeof(s->state.server), "%s", to->text);
	s->session = session_open(s->base, s->names, &s->config, to, &s->policy, &o);
	if (!s->session)
		turn_after(s, WAIT_MOST_MS);
}

static void session_end(struct store *s)
{
	unsigned wait;

	session_close(s->session);
	s->session = NULL;
	s->rounds = s->beats > GOOD_BEATS ? 0 : s->rounds;
	wait = WAIT_LEAST_MS << (s->rounds < 6 ? s->rounds : 6);
	if (++s->server == s->config.count) {
		s->server = 0;
		s->rounds++;
	}
	s->state.connected = 0;
	tell(s);
	pipe_read_on(s->pipe, true);
	turn_after(s, wait < WAIT_MOST_MS ? wait : WAIT_MOST_MS);
}

static void on_turn(int fd, short what, void *arg)
{
	struct store *s = arg;

	(void)fd;
	(void)what;
	if (s->session)
		session_end(s);
	else
		session_begin(s);
}

/* Handles what sluiced says. */

void store_configure(void *store, const char *text, size_t length)
{
	struct store *s = store;
	struct config c;
	const char *why;

	if (config_read(text, length, &c, &why)) {
		error_set(s, "configuration", why);
		tell(s);
		return;
	}
	session_close(s->session);
	s->session = NULL;
	config_free(&s->config);
	s->config = c;
	s->server = s->rounds = 0;
	s->state.connected = s->state.hosts = 0;
	pipe_read_on(s->pipe, true);
	turn_after(s, WAIT_LEAST_MS);
}

void store_exchange(void *store, const struct fleet_want *row, size_t count)
{
	struct store *s = store;

	if (!s->session)
		return;
	session_exchange(s->session, row, count);
	pipe_read_on(s->pipe, session_has_room(s->session));
}

void store_policy(void *store, const char *text, size_t length)
{
	char *policy = strndup(text, length);
	struct store *s = store;

	if (!policy)
		return;
	free(s->policy);
	s->policy = policy;
}

void store_look(void *store, const struct fleet_need *row, size_t count)
{
	struct store *s = store;

	if (s->session)
		session_look(s->session, row, count < FLEET_LOOK_MAX ? count : FLEET_LOOK_MAX);
}

void store_put(void *store, const struct fleet_record *row, size_t count)
{
	struct store *s = store;

	if (!s->session)
		return;
	session_put(s->session, row, count);
	pipe_read_on(s->pipe, session_has_room(s->session));
}

struct store *store_new(struct event_base *base, struct evdns_base *names)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->base = base;
	s->names = names;
	s->turn = event_new(base, -1, 0, on_turn, s);
	s->policy = strdup("");
	if (!s->turn || !s->policy) {
		if (s->turn)
			event_free(s->turn);
		free(s->policy);
		free(s);
		return NULL;
	}
	return s;
}

void store_speak_to(struct store *s, struct pipe *p)
{
	s->pipe = p;
}

void store_free(struct store *s)
{
	session_close(s->session);
	event_free(s->turn);
	config_free(&s->config);
	free(s->policy);
	free(s);
}
