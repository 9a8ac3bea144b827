/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads who holds a limit: see fleet_look.h. */
#include <stdlib.h>

#include "cleanup.h"
#include "fleet_look.h"
#include "fleet_script.h"

#define LOOKS_MAX (2 * FLEET_LOOK_MAX) /* most that wait for their answers */

struct looks {
	struct looks_owner to;
	struct link *link;
	const char *space;
	unsigned waiting;
};

struct look {
	struct looks *by;
	uint64_t key;
};

static void looked(void *owner, void *about, const redisReply *answer)
{
	_cleanup_free_ struct look *look = about;
	_cleanup_free_ char *text = NULL;
	struct looks *l = look->by;

	(void)owner;
	l->waiting--;
	if (answer->type != REDIS_REPLY_ARRAY) {
		l->to.failed(l->to.owner,
			     answer->type == REDIS_REPLY_ERROR ? answer->str : "it answers HGETALL by something else");
		return;
	}
	text = script_read_held(answer, look->key);
	if (text)
		l->to.held(l->to.owner, text);
}

static void look_at(struct looks *l, uint64_t key)
{
	struct look *look = malloc(sizeof(*look));
	char name[SCRIPT_NAME_MAX];
	const char *argv[] = { "HGETALL", name };

	if (!look)
		return;
	*look = (struct look){ l, key };
	script_record_name(name, l->space, key);
	if (link_ask(l->link, looked, look, 2, argv, NULL))
		free(look);
	else
		l->waiting++;
}

void looks_ask(struct looks *l, const struct fleet_need *row, size_t count)
{
	size_t i;

	for (i = 0; i < count && l->waiting < LOOKS_MAX; i++)
		look_at(l, row[i].key);
}

struct looks *looks_new(struct link *asks, const char *space, const struct looks_owner *o)
{
	struct looks *l = calloc(1, sizeof(*l));

	if (l)
		*l = (struct looks){ .to = *o, .link = asks, .space = space };
	return l;
}

void looks_free(struct looks *l)
{
	free(l);
}
