/* SPDX-License-Identifier: BSD-2-Clause */
/* Exchanges of rows for leases: see fleet_exchange.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "fleet_clock.h"
#include "fleet_exchange.h"
#include "fleet_script.h"

#define ROWS_MAX 40000 /* of all hosts, not answered: 0.2 s of the server's time, for which a beat may have to wait */

struct exchanges {
	struct exchanges_owner to;
	struct link *link;
	struct exchange_names names;
	unsigned unanswered;
	size_t rows; /* in these */
	uint64_t answered_us;
	unsigned round; /* another one after each exchanges_forget() */
};

struct exchange {
	struct exchanges *by;
	unsigned round;
	struct batch batch;
};

static void answered(void *owner, void *about, const redisReply *answer)
{
	struct fleet_lease row[SCRIPT_ROWS_MAX];
	_cleanup_free_ struct exchange *one = about;
	struct exchanges *e = one->by;
	int err;

	(void)owner;
	e->unanswered--;
	e->rows -= one->batch.count;
	e->answered_us = fleet_clock_us();
	err = answer->type == REDIS_REPLY_ERROR ? -EPROTO : script_read_leases(answer, &one->batch, row);
	if (err == -EPROTO)
		e->to.failed(e->to.owner, answer->str);
	else if (err == -EBADMSG)
		e->to.failed(e->to.owner, "it answers an exchange by something else");
	else if (one->round != e->round)
		return;
	else if (err)
		e->to.stale(e->to.owner);
	else
		e->to.leases(e->to.owner, row, one->batch.count);
}

/* Takes over `one`. */
static void batch_ask(struct exchanges *e, struct exchange *one)
{
	char key[SCRIPT_ROWS_MAX][SCRIPT_NAME_MAX], count[8], rows[SCRIPT_ROWS_MAX * sizeof(struct fleet_want)];
	const char *argv[10 + SCRIPT_ROWS_MAX] = { "EVALSHA", e->names.sha, count, e->names.hosts_key,
						   e->names.epoch_key };
	size_t length[10 + SCRIPT_ROWS_MAX], i, n = 5;
	const struct batch *b = &one->batch;

	snprintf(count, sizeof(count), "%zu", 2 + b->count);
	for (i = 0; i < b->count; i++) {
		script_record_name(key[i], e->names.space, b->row[i].key);
		argv[n++] = key[i];
	}
	argv[n++] = e->names.host;
	argv[n++] = e->names.epoch;
	argv[n++] = e->names.channel;
	for (i = 0; i < n; i++)
		length[i] = strlen(argv[i]);
	length[n] = script_pack(b, rows);
	argv[n++] = rows;
	argv[n] = e->names.lease_ms;
	length[n] = strlen(argv[n]);
	n++;
	if (link_ask(e->link, answered, one, n, argv, length)) {
		free(one);
		e->to.failed(e->to.owner, "there is no memory for a question");
		return;
	}
	e->unanswered++;
	e->rows += b->count;
}

void exchanges_ask(struct exchanges *e, const struct fleet_want *row, size_t count)
{
	size_t i, part;

	for (i = 0; i < count; i += part) {
		struct exchange *one = malloc(sizeof(*one));

		part = count - i < SCRIPT_ROWS_MAX ? count - i : SCRIPT_ROWS_MAX;
		if (!one) {
			e->to.failed(e->to.owner, "there is no memory for a question");
			return;
		}
		one->by = e;
		one->round = e->round;
		one->batch.count = part;
		memcpy(one->batch.row, row + i, part * sizeof(*row));
		batch_ask(e, one);
	}
}

void exchanges_forget(struct exchanges *e)
{
	e->round++;
}

unsigned exchanges_unanswered(const struct exchanges *e)
{
	return e->unanswered;
}

bool exchanges_have_room(const struct exchanges *e, uint32_t hosts)
{
	const size_t most = hosts ? ROWS_MAX / hosts : 0;

	return e->rows < (most < SCRIPT_ROWS_MAX ? SCRIPT_ROWS_MAX : most);
}

uint64_t exchanges_answered_us(const struct exchanges *e)
{
	return e->answered_us;
}

struct exchanges *exchanges_new(struct link *asks, const struct exchange_names *n, const struct exchanges_owner *o)
{
	struct exchanges *e = calloc(1, sizeof(*e));

	if (e)
		*e = (struct exchanges){ .to = *o, .link = asks, .names = *n };
	return e;
}

void exchanges_free(struct exchanges *e)
{
	free(e);
}
