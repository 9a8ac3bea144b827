/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts and reads records at the store: see fleet_records.h. */
#include <string.h>

#include "cleanup.h"
#include "fleet_records.h"
#include "fleet_script.h"

#define KEYS 3
#define KEY_MAX 64
#define PAGE FLEET_RECORDS_MAX
#define SEEN_MAX 24 /* more than the digits of a change's number */

struct records {
	struct records_owner to;
	struct link *link;
	char key[KEYS][KEY_MAX], channel[KEY_MAX], news[FLEET_NAME_MAX + 4];
	char put_sha[SCRIPT_SHA_LENGTH + 1], read_sha[SCRIPT_SHA_LENGTH + 1];
	char seen[SEEN_MAX]; /* all changes up to this number have been read */
	size_t unanswered;
	bool more; /* the page after `seen` continues the last one */
	bool ready, reading, again, failed;
};

/* What goes with a question: the link frees it if nobody will answer. */
struct asked {
	struct records *by;
	char *sha; /* hash of a script that is loaded */
};

static void fail(struct records *r, const char *why)
{
	if (!r->failed)
		r->to.failed(r->to.owner, why);
	r->failed = true;
}

static void ask(struct records *r, link_answer *then, char *sha, int argc, const char **argv, const size_t *length)
{
	struct asked *a = malloc(sizeof(*a));

	if (a)
		*a = (struct asked){ r, sha };
	if (a && !link_ask(r->link, then, a, argc, argv, length))
		return;
	free(a);
	fail(r, "there is no memory for a question");
}

/* Both scripts begin like this: KEYS are the hash, the changes, the ends. */
static size_t call_begin(struct records *r, const char *sha, const char **argv)
{
	const char *head[] = { "EVALSHA", sha, "3", r->key[0], r->key[1], r->key[2] };

	memcpy(argv, head, sizeof(head));
	return sizeof(head) / sizeof(*head);
}

/* Returns NULL if it is no answer to that, or nobody wants it any more. */
static struct records *answered(struct asked *a, const redisReply *answer, int type, const char *what)
{
	struct records *r = a->by;

	if (r->failed)
		return NULL;
	if (answer->type == type)
		return r;
	fail(r, answer->type == REDIS_REPLY_ERROR ? answer->str : what);
	return NULL;
}

static void loaded(void *owner, void *about, const redisReply *answer)
{
	_cleanup_free_ struct asked *a = about;
	struct records *r = answered(a, answer, REDIS_REPLY_STRING, "it answers SCRIPT LOAD by something else");

	(void)owner;
	if (!r)
		return;
	if (answer->len != SCRIPT_SHA_LENGTH) {
		fail(r, "it answers SCRIPT LOAD by something else");
		return;
	}
	memcpy(a->sha, answer->str, SCRIPT_SHA_LENGTH + 1);
	r->ready = *r->put_sha && *r->read_sha;
	if (r->ready && r->again)
		records_read(r);
}

void records_greet(struct records *r)
{
	const char *put[] = { "SCRIPT", "LOAD", script_put }, *read[] = { "SCRIPT", "LOAD", script_read };

	ask(r, loaded, r->put_sha, 3, put, NULL);
	ask(r, loaded, r->read_sha, 3, read, NULL);
}

/* Numbers in a row stay as the store has them, because only sluiced reads them. */
static void rows_take(struct records *r, const char *bytes, size_t count)
{
	struct fleet_record row[PAGE];

	memcpy(row, bytes, count * sizeof(*row));
	r->to.heard(r->to.owner, row, count);
}

/* {number of the last change of this page, 1 if there are more, rows}. Returns whether it is one. */
static bool page_is_good(const struct records *r, const redisReply *answer)
{
	redisReply **part = answer->element;

	if (answer->elements != 3 || part[0]->type != REDIS_REPLY_STRING || part[1]->type != REDIS_REPLY_INTEGER ||
	    part[2]->type != REDIS_REPLY_STRING || part[0]->len >= SEEN_MAX || !part[0]->len ||
	    strspn(part[0]->str, "0123456789") != part[0]->len)
		return false;
	if (part[2]->len % sizeof(struct fleet_record) || part[2]->len > PAGE * sizeof(struct fleet_record))
		return false;
	return !part[1]->integer || strcmp(part[0]->str, r->seen); /* otherwise it would never end */
}

static void page_read(void *owner, void *about, const redisReply *answer)
{
	static const char odd[] = "it answers a question about bans by something else";
	_cleanup_free_ struct asked *a = about;
	struct records *r = answered(a, answer, REDIS_REPLY_ARRAY, odd);

	(void)owner;
	if (!r)
		return;
	r->reading = false;
	if (!page_is_good(r, answer)) {
		fail(r, odd);
		return;
	}
	if (*r->seen) { /* otherwise everything will be read again anyway */
		memcpy(r->seen, answer->element[0]->str, answer->element[0]->len + 1);
		r->more = answer->element[1]->integer;
		r->again |= r->more;
	}
	if (answer->element[2]->len)
		rows_take(r, answer->element[2]->str, answer->element[2]->len / sizeof(struct fleet_record));
	if (r->again)
		records_read(r);
}

void records_read(struct records *r)
{
	const char *argv[10];
	size_t n;

	r->again = true;
	if (r->failed || !r->ready || r->reading || !r->to.has_room(r->to.owner))
		return;
	r->again = false;
	r->reading = true;
	if (!*r->seen)
		memcpy(r->seen, "0", 2);
	n = call_begin(r, r->read_sha, argv);
	argv[n++] = r->seen;
	argv[n++] = r->more ? "1" : "0";
	ask(r, page_read, NULL, n, argv, NULL);
}

void records_again(struct records *r)
{
	*r->seen = 0;
	r->more = false;
	records_read(r);
}

static void was_put(void *owner, void *about, const redisReply *answer)
{
	_cleanup_free_ struct asked *a = about;
	struct records *r = a->by;

	(void)owner;
	r->unanswered--;
	if (answered(a, answer, REDIS_REPLY_INTEGER, "it answers bans by something else"))
		r->to.answered(r->to.owner);
}

void records_put(struct records *r, const struct fleet_record *row, size_t count)
{
	const char *argv[8 + PAGE];
	size_t length[8 + PAGE], n, i;

	if (r->failed || !r->ready || count > PAGE)
		return;
	n = call_begin(r, r->put_sha, argv);
	argv[n++] = r->channel;
	argv[n++] = r->news;
	for (i = 0; i < n; i++)
		length[i] = strlen(argv[i]);
	for (i = 0; i < count; i++, n++) {
		argv[n] = (const char *)&row[i];
		length[n] = sizeof(*row);
	}
	r->unanswered++;
	ask(r, was_put, NULL, n, argv, length);
}

size_t records_unanswered(const struct records *r)
{
	return r->unanswered;
}

struct records *records_new(struct link *asks, const char *space, const char *name, const struct records_owner *o)
{
	static const char *const names[KEYS] = { "bans", "bans:at", "bans:end" };
	struct records *r = calloc(1, sizeof(*r));
	size_t i;

	if (!r)
		return NULL;
	r->to = *o;
	r->link = asks;
	for (i = 0; i < KEYS; i++)
		snprintf(r->key[i], KEY_MAX, "sluice:{%s}:%s", space, names[i]);
	snprintf(r->channel, KEY_MAX, "sluice:{%s}:need", space);
	snprintf(r->news, sizeof(r->news), "%s" RECORDS_NEWS, name);
	return r;
}

void records_free(struct records *r)
{
	free(r);
}
