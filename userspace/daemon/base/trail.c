/* SPDX-License-Identifier: BSD-2-Clause */
/* The trail of orders: see trail.h. log.c writes it, with fields if systemd's journal reads it. */
#include "trail.h"

#include <string.h>
#include <syslog.h>

#include "json_text.h"
#include "moment.h"
#include "protocol.h"
#include "redact.h"
#include "who.h"

#define VALUE_MAX 400 /* most bytes of one argument */

/* Who gave an order over the socket, as far as the kernel tells. */
struct who {
	char uid[16], pid[16], user[USER_TEXT_LEN], program[32];
};

/* What is logged about an order; each text is owned. */
struct trail {
	char *order, *by, *result, *text;
	struct who who; /* all "" if it did not come over the socket */
	int priority;
};

static void trail_free(struct trail *t)
{
	free(t->order);
	free(t->by);
	free(t->result);
	free(t->text);
}

static void trail_say(const struct daemon *dm, const char *verb, const struct trail *t)
{
	const struct log_field fields[] = {
		{ "SLUICE_INSTANCE", dm->instance }, { "SLUICE_VERB", verb },
		{ "SLUICE_ORDER", t->order },	     { "SLUICE_BY", t->by },
		{ "SLUICE_RESULT", t->result },	     { "SLUICE_TEXT", t->text },
		{ "SLUICE_UID", t->who.uid },	     { "SLUICE_PID", t->who.pid },
		{ "SLUICE_USER", t->who.user },	     { "SLUICE_PROGRAM", t->who.program },
	};

	if (t->order && t->by && t->result && t->text)
		log_fields(t->priority, fields, sizeof(fields) / sizeof(*fields), "order: %s by %s: %s%s%s", t->order,
			   t->by, t->result, *t->text ? ": " : "", t->text);
}

/* Not logged: what is no part of the order, and flags that are false. */
static bool is_said(const char *name, const json_t *value)
{
	static const char *const aside[] = { "session", "shield" };
	size_t i;

	for (i = 0; i < sizeof(aside) / sizeof(*aside); i++) {
		if (!strcmp(name, aside[i]))
			return false;
	}
	return json_is_true(value) || json_is_integer(value) || (json_is_string(value) && json_string_length(value));
}

/* "ban prefix=192.0.2.0/24 for=1h force". */
static char *order_text(const char *verb, const json_t *args)
{
	char *text = NULL;
	const char *name;
	size_t size;
	json_t *value;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs(verb, out);
	json_object_foreach((json_t *)(uintptr_t)args, name, value)
	{
		if (!is_said(name, value))
			continue;
		fprintf(out, " %.31s", name);
		if (json_is_string(value))
			fprintf(out, "=%.*s", VALUE_MAX, json_string_value(value));
		else if (json_is_integer(value))
			fprintf(out, "=%lld", (long long)json_integer_value(value));
	}
	return fclose(out) ? NULL : text;
}

static FILE *program_open(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	return fopen(path, "re");
}

/* The program is unknown if sluiced may not see /proc, as its unit prevents. */
static void who_find(const struct answer *a, struct who *w)
{
	_cleanup_fclose_ FILE *in = program_open(a->pid);

	snprintf(w->uid, sizeof(w->uid), "%u", a->uid);
	snprintf(w->pid, sizeof(w->pid), "%d", a->pid);
	user_name(a->uid, w->user);
	if (in && fgets(w->program, sizeof(w->program), in))
		w->program[strcspn(w->program, "\n")] = 0;
}

/* "root (uid 0, pid 4711, sluicectl)" */
static char *who_text(const struct who *w)
{
	char *text = NULL;

	if (asprintf(&text, "%s (uid %s, pid %s%s%s)", *w->user ? w->user : "somebody", w->uid, w->pid,
		     *w->program ? ", " : "", w->program) < 0)
		return NULL;
	return text;
}

/* Returns the first line of the answer. */
static char *answer_text(const struct daemon *dm, const struct answer *a)
{
	const char *first = a->exit ? (a->diag.count ? a->diag.item[0].text : "") : a->text ? a->text : "";
	_cleanup_free_ char *line = strndup(first, strcspn(first, "\n"));
	_cleanup_free_ char *said = line ? moments_say(line) : NULL;

	return said ? redact_text(dm->privacy, said) : NULL;
}

/* Somebody who may not give orders cannot fill the journal with them: one line a second, which says how many there were. */
static bool guest_waits(struct daemon *dm, char more[static 40])
{
	struct timespec now;

	*more = 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (dm->guests.second == now.tv_sec) {
		dm->guests.unsaid++;
		return true;
	}
	if (dm->guests.unsaid)
		snprintf(more, 40, " (and %u before, unsaid)", dm->guests.unsaid);
	dm->guests.second = now.tv_sec;
	dm->guests.unsaid = 0;
	return false;
}

/* Notes orders that change the policy in force; bans and allows do not. */
static void change_note(struct daemon *dm, const char *verb, const char *by)
{
	static const char *const verbs[] = { "set",   "unset",	 "mode",   "limit",  "unlimit",
					     "apply", "confirm", "revert", "reload", "geo-update" };
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(verbs[i], verb))
			continue;
		dm->changed.at = time(NULL);
		snprintf(dm->changed.verb, sizeof(dm->changed.verb), "%s", verb);
		snprintf(dm->changed.by, sizeof(dm->changed.by), "%.31s", by);
	}
}

void trail_order(struct daemon *dm, const char *verb, const json_t *args, const struct answer *a)
{
	const bool refused = a->exit == EXIT_BAD || a->uid;
	_cleanup_free_ char *said = order_text(verb, args);
	struct trail t = { .priority = LOG_NOTICE };
	char more[40] = "";

	if (a->uid && guest_waits(dm, more))
		return;
	who_find(a, &t.who);
	t.by = who_text(&t.who);
	if (!a->exit)
		change_note(dm, verb, *t.who.user ? t.who.user : t.who.uid);
	if (a->exit)
		t.priority = refused ? LOG_WARNING : LOG_ERR;
	t.order = said ? redact_order(dm->privacy, said) : NULL;
	if (asprintf(&t.result, "%s%s", !a->exit ? "done" : refused ? "refused" : "failed", more) < 0)
		t.result = NULL;
	t.text = answer_text(dm, a);
	trail_say(dm, verb, &t);
	trail_free(&t);
}

void trail_event(struct daemon *dm, const char *verb, const char *by, int err, const char *text)
{
	struct trail t = { .order = strdup(verb), .by = strdup(by), .priority = err ? LOG_ERR : LOG_NOTICE };

	if (!err)
		change_note(dm, verb, by);
	t.result = strdup(err ? "failed" : "done");
	t.text = redact_text(dm->privacy, text);
	trail_say(dm, verb, &t);
	trail_free(&t);
}
