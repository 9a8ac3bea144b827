/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests the policy in force in every state and with every event: each cell of standing.def, with an engine and clocks that only remember
 * (standing_world.h), and again with each thing failing that can fail. Prints the table; docs/architecture.md must show the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "standing_checks.h"

static const char *const state_words[] = {
#define STATE(name, words) words,
#include "standing.def"
#undef STATE
};
static const char *const outcome_words[] = {
#define OUTCOME(name, words) words,
#include "standing.def"
#undef OUTCOME
};
static const char *const event_words[] = {
#define EVENT(name, words, ...) words,
#include "standing.def"
#undef EVENT
};

static bool is_refusal(enum standing_outcome outcome)
{
	return outcome >= OUTCOME_NONE;
}

enum trouble { NO_TROUBLE, BAD_INPUT, NO_COMMIT, NO_ATTACH, NO_SETTLE };

/* Checks that an order that fails leaves in force what was in force. */
static void stays(const struct cell *c)
{
	const struct view *was = &c->was, *v = &c->now;
	const bool failed = c->event == EVENT_RELOAD && (was->state == STATE_FILE || was->state == STATE_SETTINGS);

	if (c->event == EVENT_EXPIRE) { /* this is no order: the setting has ended, and its end is tried again */
		assert_int_equal(v->state, STATE_OVERDUE);
		assert_string_equal(v->in_force, was->in_force);
		assert_string_equal(v->settings, "");
		assert_string_equal(v->attached, was->attached);
		return;
	}
	if (c->event != EVENT_DEADLINE)
		assert_int_not_equal(c->err, 0);
	same_policy(was, v);
	assert_int_equal(v->state, failed ? STATE_FAILED : was->state);
}

static void cell_run(enum standing_state state, enum standing_event event, enum trouble trouble)
{
	struct standing *s = state_make(state);
	enum standing_outcome outcome = standing_outcome(s, event);
	struct cell c = { .event = event, .was = view_of(s) };
	_cleanup_free_ char *said = NULL;
	struct diag d = {};

	files_change();
	world.wall.tv_sec += 5;
	world.commits_fail = trouble == NO_COMMIT;
	world.attaches_fail = trouble == NO_ATTACH;
	world.settles_fail = trouble == NO_SETTLE;
	c.err = event_run(s, event, trouble == BAD_INPUT, &d);
	c.now = view_of(s);
	c.said = said = diag_text(&d);
	view_holds(&c.was, &c.now, s);
	if (!trouble || is_refusal(outcome) || outcome == OUTCOME_NOTHING || outcome == OUTCOME_FORGOT)
		comes_true[outcome](&c);
	else
		stays(&c);
	diag_free(&d);
	standing_free(s);
}

static void test_every_event_does_in_every_state_what_the_table_says(void **state)
{
	enum standing_state in;
	enum standing_event event;

	(void)state;
	for (in = 0; in < STATES; in++) {
		for (event = 0; event < EVENTS; event++) {
			cell_run(in, event, NO_TROUBLE);
		}
	}
}

static void trouble_everywhere(enum trouble trouble, enum standing_event first, enum standing_event last)
{
	enum standing_state in;
	enum standing_event event;

	for (in = 0; in < STATES; in++) {
		for (event = first; event <= last; event++)
			cell_run(in, event, trouble);
	}
}

static void test_what_was_in_force_stays_whatever_fails(void **state)
{
	(void)state;
	trouble_everywhere(BAD_INPUT, EVENT_RELOAD, EVENT_LISTS);
	trouble_everywhere(BAD_INPUT, EVENT_SET, EVENT_SET);
	trouble_everywhere(NO_COMMIT, EVENT_RELOAD, EVENT_EXPIRE);
	trouble_everywhere(NO_ATTACH, EVENT_RELOAD, EVENT_EXPIRE);
}

static void test_a_trial_that_cannot_be_settled_is_still_awaited(void **state)
{
	enum standing_state in;

	(void)state;
	for (in = STATE_TRIAL; in < STATES; in++) {
		if (in == STATE_HELD)
			continue;
		cell_run(in, EVENT_CONFIRM, NO_SETTLE);
		cell_run(in, EVENT_REVERT, NO_SETTLE);
	}
}

/* Writes a line of the table; event -1 is its head. */
static void line_of(int event, char out[static 512])
{
	size_t n = sprintf(out, "%-15s", event < 0 ? "" : event_words[event]);
	enum standing_state in;
	struct standing *s;

	for (in = 0; in < STATES; in++) {
		s = state_make(in);
		n += sprintf(out + n, " | %-15s",
			     event < 0 ? state_words[in] : outcome_words[standing_outcome(s, event)]);
		standing_free(s);
	}
	while (out[n - 1] == ' ')
		out[--n] = 0;
}

static bool document_has(const char *line)
{
	FILE *in = fopen("docs/architecture.md", "re");
	char text[1024];
	bool found = false;

	assert_non_null(in);
	while (!found && fgets(text, sizeof(text), in)) {
		text[strcspn(text, "\n")] = 0;
		found = !strcmp(text, line);
	}
	fclose(in);
	return found;
}

static void test_the_document_shows_the_table_as_it_is(void **state)
{
	int event, missing = 0;
	char line[512];

	(void)state;
	for (event = -1; event < EVENTS; event++) {
		line_of(event, line);
		printf("%s\n", line);
		missing += !document_has(line);
	}
	if (missing)
		fail_msg("docs/architecture.md shows %d lines differently", missing);
}

static void order(struct standing *s, enum standing_event event, int want)
{
	struct diag d = {};
	int err = event_run(s, event, false, &d);

	if (err != want)
		fail_msg("%s: %d, not %d", event_words[event], err, want);
	diag_free(&d);
}

static void test_the_way_back_keeps_what_was_wrong_before_the_trial(void **state)
{
	static const enum standing_state in[] = { STATE_FAILED, STATE_OVERDUE, STATE_HELD };
	struct standing *s;
	unsigned int commits;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		s = state_make(in[i]);
		apply(s, other);
		assert_false(standing_reload_failed(s));
		commits = world.commits;
		standing_expire(s);
		assert_int_equal(world.commits, commits);
		order(s, EVENT_REVERT, 0);
		assert_int_equal(standing_state(s), in[i]);
		standing_free(s);
	}
}

static void test_a_reload_that_was_refused_during_a_trial_is_still_to_be_done_after_it(void **state)
{
	struct standing *s = state_make(STATE_TRIAL);

	(void)state;
	order(s, EVENT_RELOAD, -EBUSY);
	order(s, EVENT_REVERT, 0);
	assert_int_equal(standing_state(s), STATE_FAILED);
	standing_free(s);
}

static void test_a_setting_whose_time_ended_during_a_trial_ends_right_after_the_way_back(void **state)
{
	struct standing *s = state_make(STATE_TRIAL_SETTINGS);

	(void)state;
	world.mono.tv_sec += 50;
	assert_int_equal(standing_expires_in(s), -1);
	order(s, EVENT_REVERT, 0);
	says(in_force(), "max-connections = 5");
	assert_int_equal(standing_expires_in(s), 1);
	standing_expire(s);
	says(in_force(), "max-connections = 10");
	says(in_force(), "a limit of one sender");
	assert_int_equal(standing_expires_in(s), 50001);
	standing_free(s);
}

static void test_a_settled_trial_whose_file_the_kernel_refuses_leaves_what_is_in_force(void **state)
{
	struct standing *s = state_make(STATE_TRIAL_FOUND);

	(void)state;
	world.commits_fail = true;
	order(s, EVENT_REVERT, -EIO);
	assert_string_equal(in_force(), LONG_AGO);
	assert_int_equal(standing_state(s), STATE_HELD);
	assert_true(standing_reload_failed(s));
	world.commits_fail = false;
	order(s, EVENT_RELOAD, 0);
	assert_int_equal(standing_state(s), STATE_FILE);
	standing_free(s);
}

static void test_a_clock_that_rings_early_ends_no_trial(void **state)
{
	struct standing *s = state_make(STATE_TRIAL);
	const unsigned int armed = world.armed;
	struct view was = view_of(s), now;

	(void)state;
	standing_deadline(s);
	now = view_of(s);
	same_policy(&was, &now);
	assert_int_equal(now.state, STATE_TRIAL);
	assert_int_equal(now.went_back, 0);
	assert_int_equal(world.armed, armed + 1);
	standing_free(s);
}

static void test_a_setting_that_cannot_be_ended_is_reported_once_however_often_that_is_tried(void **state)
{
	struct standing *s = state_make(STATE_OVERDUE);
	const size_t said = strlen(world.log);

	(void)state;
	world.commits_fail = true;
	standing_expire(s);
	standing_expire(s);
	assert_int_equal(standing_state(s), STATE_OVERDUE);
	assert_int_equal(strlen(world.log), said);
	world.commits_fail = false;
	standing_expire(s);
	assert_int_equal(standing_state(s), STATE_SETTINGS);
	says(in_force(), "max-connections = 10");
	standing_free(s);
}

static void test_a_setting_that_is_set_again_replaces_the_first(void **state)
{
	struct standing *s = state_make(STATE_SETTINGS);

	(void)state;
	set(s, setting("max-connections", "6"), 0);
	says(in_force(), "max-connections = 6");
	assert_string_equal(standing_settings(s)->value, "6");
	assert_true(standing_settings(s)->next->scope.is_sender);
	assert_null(standing_settings(s)->next->next);
	standing_free(s);
}

static void test_a_setting_that_is_unset_leaves_the_others_and_one_that_others_depend_on_stays(void **state)
{
	struct standing *s = state_make(STATE_SETTINGS);
	const struct scope smtp = scope_of_service("smtp");
	struct diag d = {};
	bool had;

	(void)state;
	assert_int_equal(standing_unset(s, &smtp, "max-rate", &had, &d), 0);
	assert_false(had);
	assert_int_equal(standing_unset(s, &smtp, "max-connections", &had, &d), 0);
	assert_true(had);
	says(in_force(), "max-connections = 10");
	says(in_force(), "a limit of one sender");
	standing_free(s);

	s = state_make(STATE_FILE);
	put("third.conf", "interfaces = {third0}\nservice smtp { ports = {25} }\n");
	order(s, EVENT_APPLY, 0);
	set(s, setting("max-connections", "100"), 10);
	set(s, setting("max-connections-per-source", "10%"), 0);
	assert_int_equal(standing_unset(s, &smtp, "max-connections", &had, &d), -EINVAL);
	says(in_force(), "max-connections = 100");
	assert_non_null(override_find(standing_settings(s), &smtp, "max-connections"));
	diag_free(&d);
	standing_free(s);
}

static void test_a_setting_of_another_host_keeps_its_times(void **state)
{
	struct standing *s = state_make(STATE_FILE);
	struct override o = setting("max-rate", "60/1m");
	struct diag d = {};

	(void)state;
	o.since = 1600000000;
	o.until = (struct timespec){ world.mono.tv_sec + 20, 0 };
	assert_int_equal(standing_set_as(s, &o, &d), 0);
	assert_int_equal(standing_settings(s)->since, 1600000000);
	assert_int_equal(standing_expires_in(s), 20001);
	standing_free(s);
}

static void test_a_setting_that_depends_on_one_that_ends_goes_with_it_and_is_reported(void **state)
{
	struct standing *s = state_make(STATE_FILE);

	(void)state;
	put("third.conf", "interfaces = {third0}\nservice smtp { ports = {25} }\n");
	order(s, EVENT_APPLY, 0);
	set(s, setting("max-connections", "100"), 10);
	set(s, setting("max-connections-per-source", "10%"), 0);
	set(s, setting("max-rate", "60/1m"), 0);
	world.mono.tv_sec += 10;
	standing_expire(s);
	says(world.log, "the live setting of service smtp: max-connections-per-source = 10% is dropped");
	says_not(in_force(), "10%");
	says(in_force(), "max-rate = 60/1m");
	standing_free(s);
}

static void test_a_start_continues_from_what_an_earlier_daemon_left(void **state)
{
	struct standing *s;

	(void)state;
	world_begin();
	world_left(other, TRIAL_AWAITED);
	world_times_out();
	s = start(false);
	assert_int_equal(world.trial, TRIAL_NONE);
	assert_int_equal(standing_state(s), STATE_FILE);
	standing_free(s);

	world_begin();
	world_left(other, TRIAL_NONE);
	s = start(true);
	assert_int_equal(standing_state(s), STATE_SETTINGS);
	assert_int_equal(world.told, 0);
	standing_free(s);

	world_begin();
	world_left(own, TRIAL_AWAITED);
	world_times_out();
	s = start(true);
	assert_int_equal(standing_state(s), STATE_HELD);
	assert_string_equal(in_force(), LONG_AGO);
	standing_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_event_does_in_every_state_what_the_table_says),
		cmocka_unit_test(test_what_was_in_force_stays_whatever_fails),
		cmocka_unit_test(test_a_trial_that_cannot_be_settled_is_still_awaited),
		cmocka_unit_test(test_the_way_back_keeps_what_was_wrong_before_the_trial),
		cmocka_unit_test(test_a_reload_that_was_refused_during_a_trial_is_still_to_be_done_after_it),
		cmocka_unit_test(test_a_setting_whose_time_ended_during_a_trial_ends_right_after_the_way_back),
		cmocka_unit_test(test_a_settled_trial_whose_file_the_kernel_refuses_leaves_what_is_in_force),
		cmocka_unit_test(test_a_clock_that_rings_early_ends_no_trial),
		cmocka_unit_test(test_a_setting_that_cannot_be_ended_is_reported_once_however_often_that_is_tried),
		cmocka_unit_test(test_a_setting_that_is_set_again_replaces_the_first),
		cmocka_unit_test(test_a_setting_that_is_unset_leaves_the_others_and_one_that_others_depend_on_stays),
		cmocka_unit_test(test_a_setting_of_another_host_keeps_its_times),
		cmocka_unit_test(test_a_setting_that_depends_on_one_that_ends_goes_with_it_and_is_reported),
		cmocka_unit_test(test_a_start_continues_from_what_an_earlier_daemon_left),
		cmocka_unit_test(test_the_document_shows_the_table_as_it_is),
	};

	return cmocka_run_group_tests_name("standing", tests, folder_make, folder_remove);
}
