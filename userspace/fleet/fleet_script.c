/* SPDX-License-Identifier: BSD-2-Clause */
/* What the scripts are asked and answer, between their form and that of fleet_wire.h: see fleet_script.h. */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "fleet_policy.h"
#include "fleet_script.h"
#include "json_text.h"

#define ROW 4 /* numbers in a row, of a question and of an answer */

size_t script_pack(const struct batch *b, char *out)
{
	size_t i;

	for (i = 0; i < b->count; i++) {
		const struct fleet_want *w = &b->row[i];
		uint32_t n[ROW] = { htole32(w->limit), htole32(w->held), htole32(w->want), htole32(w->flags) };

		memcpy(out + i * sizeof(n), n, sizeof(n));
	}
	return b->count * ROW * sizeof(uint32_t);
}

/* Takes over `all`. Returns NULL if it is longer than a message. */
static char *message_text(json_t *all)
{
	char *text = json_dumps(all, JSON_COMPACT);

	json_decref(all);
	if (text && strlen(text) > FLEET_TEXT_MAX) {
		free(text);
		return NULL;
	}
	return text;
}

/* `part` has the name, until when it lives, and what it says about its policy. */
static json_t *host_read(redisReply *const part[3], long long now, unsigned lease_ms, const char *policy)
{
	long long ago;
	int i;

	for (i = 0; i < 3; i++) {
		if (part[i]->type != REDIS_REPLY_STRING)
			return NULL;
	}
	if (part[0]->len > FLEET_NAME_MAX)
		return NULL;
	ago = now + lease_ms - strtoll(part[1]->str, NULL, 10);
	return json_pack("{s:o, s:I, s:o}", "name", json_line(part[0]->str), "beat_ms", (json_int_t)(ago > 0 ? ago : 0),
			 "differs", policy_differs(policy, part[2]->str));
}

/* Reads hosts, three parts each. Returns NULL if it is no such list, or longer than a message. */
static char *hosts_read(const redisReply *list, long long now, unsigned lease_ms, const char *policy)
{
	json_t *all = json_array();
	size_t i;

	for (i = 0; i + 2 < list->elements; i += 3) {
		if (json_array_append_new(all, host_read(list->element + i, now, lease_ms, policy)))
			break;
	}
	if (i == list->elements)
		return message_text(all);
	json_decref(all);
	return NULL;
}

/* Reads "HELD LEASE SECONDS" of a host; NULL: it is something else. */
static json_t *held_read(const redisReply *name, const redisReply *row)
{
	unsigned int held, lease;
	long long at;

	if (name->type != REDIS_REPLY_STRING || row->type != REDIS_REPLY_STRING || name->len > FLEET_NAME_MAX ||
	    sscanf(row->str, "%9u %9u %15lld", &held, &lease, &at) != 3)
		return NULL;
	return json_pack("{s:o, s:I, s:I, s:I}", "name", json_line(name->str), "held", (json_int_t)held, "lease",
			 (json_int_t)lease, "at", (json_int_t)at);
}

char *script_read_held(const redisReply *answer, uint64_t key)
{
	char digits[FLEET_POLICY_DIGITS + 1];
	json_t *rows = json_array();
	size_t i;

	for (i = 0; answer->type == REDIS_REPLY_ARRAY && i + 1 < answer->elements; i += 2)
		json_array_append_new(rows, held_read(answer->element[i], answer->element[i + 1]));
	snprintf(digits, sizeof(digits), "%016" PRIx64, key);
	return message_text(json_pack("{s:s, s:o}", "key", digits, "rows", rows));
}

int script_read_beat(const redisReply *answer, unsigned lease_ms, const char *policy, struct beat *out)
{
	static const int form[] = { REDIS_REPLY_STRING, REDIS_REPLY_INTEGER, REDIS_REPLY_INTEGER, REDIS_REPLY_INTEGER,
				    REDIS_REPLY_ARRAY };
	redisReply **part = answer->element;
	size_t i;

	*out = (struct beat){};
	if (answer->type != REDIS_REPLY_ARRAY || answer->elements != sizeof(form) / sizeof(*form))
		return -EBADMSG;
	for (i = 0; i < answer->elements; i++) {
		if (part[i]->type != form[i])
			return -EBADMSG;
	}
	if (part[0]->len >= SCRIPT_NUMBER_MAX || part[1]->integer < 1 || part[1]->integer > SCRIPT_HOSTS_MAX)
		return -EBADMSG;
	snprintf(out->epoch, sizeof(out->epoch), "%s", part[0]->str);
	out->hosts = part[1]->integer;
	out->taken = part[3]->integer == 1;
	out->away = part[3]->integer == 2;
	out->clock_ms = part[2]->integer;
	if (part[4]->elements)
		out->list = hosts_read(part[4], part[2]->integer, lease_ms, policy);
	return part[4]->elements && !out->list ? -EBADMSG : 0;
}

/* A lease beyond the limit, and beyond what is held anyway, is not accepted. */
static bool lease_read(const char *bytes, const struct fleet_want *asked, struct fleet_lease *out)
{
	uint32_t n[ROW];
	bool gone;

	memcpy(n, bytes, sizeof(n));
	*out = (struct fleet_lease){ asked->key, le32toh(n[0]), le32toh(n[1]), le32toh(n[2]), le32toh(n[3]) };
	gone = asked->flags & FLEET_RELEASE;
	if ((gone ? out->flags != FLEET_GONE : out->flags & ~(uint32_t)FLEET_OVER) ||
	    out->others_hosts > SCRIPT_HOSTS_MAX)
		return false;
	if (gone)
		return !out->lease;
	return out->lease >= asked->held && (out->lease <= asked->limit || out->lease == asked->held);
}

int script_read_leases(const redisReply *answer, const struct batch *b, struct fleet_lease *out)
{
	size_t i, size = ROW * sizeof(uint32_t);

	if (answer->type == REDIS_REPLY_INTEGER && !answer->integer)
		return -ESTALE;
	if (answer->type != REDIS_REPLY_STRING || (size_t)answer->len != b->count * size)
		return -EBADMSG;
	for (i = 0; i < b->count; i++) {
		if (!lease_read(answer->str + i * size, &b->row[i], &out[i]))
			return -EBADMSG;
	}
	return 0;
}

void script_record_name(char out[static SCRIPT_NAME_MAX], const char *space, uint64_t key)
{
	snprintf(out, SCRIPT_NAME_MAX, "sluice:{%s}:k:%016" PRIx64, space, key);
}
