/* SPDX-License-Identifier: BSD-2-Clause */
/* For test_standing.c: what can be seen of the policy in force, and a check for each outcome of standing.def. */
#ifndef SLUICE_TESTS_STANDING_CHECKS_H
#define SLUICE_TESTS_STANDING_CHECKS_H

#include "standing_events.h"

/* Everything that can be seen of the policy in force. */
struct view {
	enum standing_state state;
	char in_force[TEXT], live[TEXT], base[TEXT], attached[256], settings[512], kept[512];
	unsigned int commits, told, recorded, settled, went_back;
	time_t applied_at;
};

static void settings_text(const struct override *list, char out[static 512])
{
	char *text;

	for (*out = 0; list; list = list->next) {
		text = override_text(NULL, list);
		strcat(strcat(out, text), "\n");
		free(text);
	}
}

static struct view view_of(const struct standing *s)
{
	struct view v = { .state = standing_state(s),
			  .commits = world.commits,
			  .told = world.told,
			  .recorded = world.recorded,
			  .settled = world.settled,
			  .went_back = world.went_back,
			  .applied_at = standing_applied_at(s) };

	strcpy(v.in_force, in_force());
	strcpy(v.attached, world.attached);
	text_of(standing_live(s), v.live);
	text_of(standing_base(s), v.base);
	settings_text(standing_settings(s), v.settings);
	settings_text(standing_settings_kept(s), v.kept);
	return v;
}

/* Checks what must be true after every event. */
static void view_holds(const struct view *was, const struct view *v, const struct standing *s)
{
	if (!standing_held(s)) {
		assert_string_equal(v->in_force, v->live);
		if (v->state != STATE_OVERDUE && strcmp(v->live, was->live))
			assert_true(v->told > was->told);
	}
	if (strcmp(v->kept, was->kept))
		assert_true(v->recorded > was->recorded);
	assert_int_equal(standing_awaited(s), world.trial == TRIAL_AWAITED);
	if (standing_awaited(s))
		assert_string_equal(v->settings, "");
	if (standing_held(s))
		assert_non_null(strstr(v->attached, "old0"));
}

static void same_policy(const struct view *was, const struct view *v)
{
	assert_string_equal(v->in_force, was->in_force);
	assert_string_equal(v->live, was->live);
	assert_string_equal(v->base, was->base);
	assert_string_equal(v->attached, was->attached);
	assert_string_equal(v->settings, was->settings);
	assert_string_equal(v->kept, was->kept);
	assert_int_equal(v->told, was->told);
	assert_int_equal(v->recorded, was->recorded);
	assert_int_equal(v->settled, was->settled);
	assert_int_equal(v->applied_at, was->applied_at);
}

static void says(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("'%s' is not in\n%s", what, text);
}

static void says_not(const char *text, const char *what)
{
	if (strstr(text, what))
		fail_msg("'%s' is in\n%s", what, text);
}

/* An event in a state, and its result. */
struct cell {
	enum standing_event event;
	struct view was, now;
	int err;
	const char *said;
};

static void nothing_is_done(const struct cell *c)
{
	assert_int_equal(c->now.state, c->was.state);
	same_policy(&c->was, &c->now);
}

static void no_trial(const struct cell *c)
{
	assert_int_equal(c->err, -ENOENT);
	nothing_is_done(c);
}

static void refused_awaited(const struct cell *c)
{
	assert_int_equal(c->err, -EBUSY);
	says(c->said, "a policy awaits its confirmation: first run sluicectl confirm, or revert");
	nothing_is_done(c);
}

static void refused_held(const struct cell *c)
{
	assert_int_equal(c->err, -EBUSY);
	says(c->said, "own.conf was not confirmed in time and is not in force: first run sluicectl reload");
	nothing_is_done(c);
}

/* Checks that a file is in force, for good or on trial, without live settings. */
static void file_is_in_force(const struct cell *c, const char *path)
{
	const struct view *was = &c->was, *v = &c->now;
	char text[TEXT];

	file_text(path, text);
	assert_string_equal(v->in_force, text);
	assert_string_equal(v->base, text);
	assert_string_equal(v->settings, "");
	assert_int_equal(v->commits, was->commits + 1);
	assert_int_equal(v->told, was->told + 1);
	assert_int_equal(v->applied_at, world.wall.tv_sec);
}

static void settled(const struct cell *c)
{
	const struct view *was = &c->was, *v = &c->now;

	assert_int_equal(v->settled, was->settled + 1);
	assert_true(v->recorded > was->recorded);
	assert_int_equal(v->went_back, was->went_back + (c->event == EVENT_DEADLINE));
}

static void file_for_good(const struct cell *c)
{
	file_is_in_force(c, c->event == EVENT_RELOAD ? own : third);
	assert_int_equal(c->now.state, STATE_FILE);
}

static void read_again(const struct cell *c)
{
	settled(c);
	file_is_in_force(c, c->was.state == STATE_TRIAL_OWN ? own : other);
	assert_int_equal(c->now.state, STATE_FILE);
}

static void tries(const struct cell *c)
{
	const struct view *was = &c->was, *v = &c->now;

	file_is_in_force(c, third);
	assert_int_equal(v->state, was->state == STATE_HELD ? STATE_TRIAL_HELD
				   : *was->settings	    ? STATE_TRIAL_SETTINGS
							    : STATE_TRIAL);
	assert_string_equal(v->kept, was->settings);
	says(v->attached, was->attached);
	says(v->attached, "third0");
}

static void data_is_in_force(const struct cell *c)
{
	const struct view *was = &c->was, *v = &c->now;

	says(v->in_force, "countries of 2 ranges");
	says(v->in_force, c->event == EVENT_LISTS ? "few lists 2" : "few lists 1");
	says(v->base, "countries of 2 ranges");
	says(v->in_force, strstr(was->settings, "max-connections = 5") ? "max-connections = 5" : "max-connections = ");
	assert_string_equal(v->settings, was->settings);
	assert_int_equal(v->told, was->told + 1);
	assert_int_equal(v->state,
			 c->event == EVENT_LISTS && was->state == STATE_OVERDUE ? STATE_SETTINGS : was->state);
}

static void settings_changed(const struct cell *c)
{
	const struct view *was = &c->was, *v = &c->now;

	assert_int_equal(v->told, was->told + 1);
	assert_true(v->recorded > was->recorded);
	assert_int_equal(v->commits, was->commits + 1);
	assert_string_equal(v->base, was->base);
	assert_int_not_equal(v->state, STATE_OVERDUE);
}

static void setting_added(const struct cell *c)
{
	settings_changed(c);
	says(c->now.settings, "max-rate = 60/1m");
	says(c->now.in_force, "max-rate = 60/1m");
}

static void setting_ended(const struct cell *c)
{
	const struct view *v = &c->now;

	settings_changed(c);
	says_not(v->settings, "192.0.2.7");
	says_not(v->in_force, "a limit of one sender");
	if (c->event == EVENT_EXPIRE)
		assert_string_equal(v->in_force, v->base);
}

static void forgotten(const struct cell *c)
{
	const struct view *was = &c->was, *v = &c->now;

	assert_string_equal(v->kept, "");
	assert_string_equal(v->live, v->base);
	assert_string_equal(v->in_force, was->in_force);
	assert_int_equal(v->told + v->commits, was->told + was->commits);
	assert_true(v->recorded > was->recorded);
	assert_int_equal(v->state, was->state);
}

static void kept_for_good(const struct cell *c)
{
	const struct view *was = &c->was, *v = &c->now;

	settled(c);
	assert_string_equal(v->in_force, was->in_force);
	assert_int_equal(v->commits, was->commits);
	assert_int_equal(v->state, STATE_FILE);
	assert_string_equal(v->kept, "");
	assert_string_equal(v->attached, "other0 ");
}

static void back(const struct cell *c)
{
	const struct view *was = &c->was, *v = &c->now;

	settled(c);
	says(v->in_force, "own0");
	assert_int_equal(v->commits, was->commits);
	assert_int_equal(v->told, was->told + 1);
	assert_int_equal(v->state, was->state == STATE_TRIAL ? STATE_FILE : STATE_SETTINGS);
	assert_string_equal(v->settings, was->kept);
	assert_string_equal(v->attached, "own0 ");
}

static void resumed(const struct cell *c)
{
	const struct view *was = &c->was, *v = &c->now;

	settled(c);
	says(v->in_force, "max-connections = 5");
	says(v->base, "max-connections = 20");
	assert_string_equal(v->settings, was->kept);
	assert_int_equal(v->state, STATE_SETTINGS);
	assert_string_equal(v->attached, "own0 ");
}

static void holds(const struct cell *c)
{
	const struct view *was = &c->was, *v = &c->now;

	settled(c);
	assert_string_equal(v->in_force, LONG_AGO);
	assert_int_equal(v->state, STATE_HELD);
	assert_int_equal(v->commits, was->commits);
	assert_string_equal(v->settings, was->kept);
	assert_string_equal(v->attached, "old0 ");
	says(world.log, "until `sluicectl -i test reload`");
}

/* The check that the outcome of the table has come true. */
static void (*const comes_true[OUTCOMES])(const struct cell *c) = {
	[OUTCOME_FILE] = file_for_good,
	[OUTCOME_TRY] = tries,
	[OUTCOME_DATA] = data_is_in_force,
	[OUTCOME_SET] = setting_added,
	[OUTCOME_ENDED] = setting_ended,
	[OUTCOME_FORGOT] = forgotten,
	[OUTCOME_KEPT] = kept_for_good,
	[OUTCOME_READ] = read_again,
	[OUTCOME_BACK] = back,
	[OUTCOME_RESUMED] = resumed,
	[OUTCOME_HOLD] = holds,
	[OUTCOME_BACK_HELD] = holds,
	[OUTCOME_GUARDED] = nothing_is_done,
	[OUTCOME_NOTHING] = nothing_is_done,
	[OUTCOME_NONE] = no_trial,
	[OUTCOME_AWAITED] = refused_awaited,
	[OUTCOME_HELD] = refused_held,
};

#endif
