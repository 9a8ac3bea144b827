/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replaces engine, keeper, clocks and listeners for test_standing.c: it remembers what is in force, and counts the calls. A policy is
 * remembered as a text, so that what is in force can be compared with what the daemon believes to be in force.
 */
#ifndef SLUICE_TESTS_STANDING_WORLD_H
#define SLUICE_TESTS_STANDING_WORLD_H

#include <errno.h>
#include <string.h>

#include "defaults.h"
#include "dump.h"
#include "log.h"
#include "standing_state.h"

#define TEXT 4096

static struct world {
	char slot[2][TEXT]; /* the policies, */
	char path[2][SLUICE_PATH_LEN]; /* their files, */
	bool in_force; /* and which of them is in force */
	enum trial trial;
	bool went; /* the other one was not confirmed in time */
	char attached[256]; /* interfaces, in order */
	struct timespec mono, wall;
	bool commits_fail, attaches_fail, settles_fail;
	unsigned int commits, told, recorded, armed, settled, went_back, warned; /* how often */
	char log[TEXT];
} world;

static void text_of(const struct policy *p, char out[static TEXT])
{
	FILE *to = fmemopen(out, TEXT, "w");
	size_t i;

	assert_non_null(to);
	assert_int_equal(policy_dump(p, to), 0);
	for (i = 0; i < p->senders.count; i++)
		fprintf(to, "a limit of one sender\n");
	for (i = 0; i < p->sets.count; i++)
		fprintf(to, "%s lists %zu\n", p->sets.item[i].name, set_listed(&p->sets.item[i])->count);
	fprintf(to, "countries of %u ranges\n", p->geo ? p->geo->entries[SLUICE_GEO_COUNTRY][SLUICE_IPV4] : 0);
	assert_int_equal(fclose(to), 0);
}

static const char *in_force(void)
{
	return world.slot[world.in_force];
}

static int world_geo_check(void *arg, const struct policy *p, struct diag *d)
{
	(void)arg, (void)p, (void)d;
	return 0;
}

static void interfaces_add(const struct policy *p, char out[static 256])
{
	size_t i;

	for (i = 0; p && i < p->interfaces.count; i++) {
		if (!strstr(out, p->interfaces.item[i]))
			strcat(strcat(out, p->interfaces.item[i]), " ");
	}
}

static int world_attach(void *arg, const struct policy *p, const struct policy *also, struct diag *d)
{
	(void)arg, (void)d;
	if (world.attaches_fail) {
		world.attaches_fail = false; /* so that the way back works */
		diag_add(d, "cannot attach");
		return -ENODEV;
	}
	*world.attached = 0;
	interfaces_add(also, world.attached);
	interfaces_add(p, world.attached);
	return 0;
}

static int slot_put(const struct policy *p, enum trial trial, struct diag *d)
{
	if (world.commits_fail || world.trial == TRIAL_AWAITED) {
		diag_add(d, "the kernel refuses");
		return world.commits_fail ? -EIO : -EBUSY;
	}
	world.in_force = !world.in_force;
	text_of(p, world.slot[world.in_force]);
	snprintf(world.path[world.in_force], SLUICE_PATH_LEN, "%s", p->path);
	world.trial = trial;
	world.went = false;
	world.commits++;
	return 0;
}

static int world_commit(void *arg, const struct policy *p, struct diag *d)
{
	(void)arg;
	return slot_put(p, TRIAL_NONE, d);
}

static int world_try(void *arg, const struct policy *p, unsigned int ms, struct diag *d)
{
	(void)arg;
	assert_int_equal(ms, 60000);
	return slot_put(p, TRIAL_AWAITED, d);
}

static int world_settle(bool back, struct diag *d)
{
	if (world.trial == TRIAL_NONE || world.settles_fail) {
		diag_add(d, "nothing to settle");
		return world.settles_fail ? -EIO : -ENOENT;
	}
	if (back && world.trial == TRIAL_AWAITED)
		world.in_force = !world.in_force;
	world.went = back;
	world.trial = TRIAL_NONE;
	return 0;
}

static int world_confirm(void *arg, struct diag *d)
{
	(void)arg;
	return world_settle(false, d);
}

static int world_revert(void *arg, struct diag *d)
{
	(void)arg;
	return world_settle(true, d);
}

/* Ends a trial, as the kernel's clock does. */
static void world_times_out(void)
{
	if (world.trial != TRIAL_AWAITED)
		return;
	world.in_force = !world.in_force;
	world.trial = TRIAL_OVER;
}

static enum trial world_trial(void *arg)
{
	(void)arg;
	return world.trial;
}

static int world_path(void *arg, bool other, char path[static SLUICE_PATH_LEN])
{
	(void)arg;
	memcpy(path, world.path[world.in_force ^ other], SLUICE_PATH_LEN);
	return 0;
}

static bool world_went(void *arg, char path[static SLUICE_PATH_LEN])
{
	return world.went && !world_path(arg, true, path);
}

static struct policy *world_guarded(void *arg)
{
	struct policy *p = policy_new();
	char text[256], *name, *rest;

	(void)arg;
	assert_non_null(p);
	strcpy(text, world.attached);
	for (name = strtok_r(text, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
		assert_int_equal(strings_add(&p->interfaces, name), 0);
	return p;
}

static void world_clock(void *arg, clockid_t which, struct timespec *now)
{
	(void)arg;
	*now = which == CLOCK_MONOTONIC ? world.mono : world.wall;
}

static void world_warn(void *arg, const struct policy *p, struct diag *d)
{
	(void)arg, (void)p, (void)d;
	world.warned++;
}

static void world_went_back(void *arg, int err)
{
	(void)arg, (void)err;
	world.went_back++;
}

#define COUNTS(what)                        \
	static void world_##what(void *arg) \
	{                                   \
		(void)arg;                  \
		world.what++;               \
	}                                   \
	struct counts_needs_a_semicolon
COUNTS(told);
COUNTS(recorded);
COUNTS(armed);
COUNTS(settled);

static const struct standing_ops world_ops = {
	.geo_check = world_geo_check,
	.attach = world_attach,
	.commit = world_commit,
	.try = world_try,
	.confirm = world_confirm,
	.revert = world_revert,
	.trial = world_trial,
	.path = world_path,
	.went = world_went,
	.guarded = world_guarded,
	.clock = world_clock,
	.warn = world_warn,
	.tell = world_told,
	.record = world_recorded,
	.timers = world_armed,
	.settled = world_settled,
	.went_back = world_went_back,
};

/* These replace log.c. */
void log_say(int priority, const char *fmt, ...)
{
	size_t n = strlen(world.log);
	va_list args;

	(void)priority;
	va_start(args, fmt);
	vsnprintf(world.log + n, sizeof(world.log) - n, fmt, args);
	va_end(args);
}

void log_diag(int priority, struct diag *d)
{
	size_t i;

	for (i = 0; i < d->count; i++)
		log_say(priority, "%s\n", d->item[i].text);
	diag_free(d);
}

#endif
