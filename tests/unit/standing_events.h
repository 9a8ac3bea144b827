/* SPDX-License-Identifier: BSD-2-Clause */
/* For test_standing.c: makes the policy files, brings about each state of the policy in force, and runs each event. */
#ifndef SLUICE_TESTS_STANDING_EVENTS_H
#define SLUICE_TESTS_STANDING_EVENTS_H

#include <sys/stat.h>
#include <unistd.h>

#include "parse.h"
#include "standing_world.h"

#define LONG_AGO "interfaces = {old0}\n# the previous policy, which the daemon does not know"
#define OWN(most)                                                                          \
	"interfaces = {own0}\ngeoip { database = {countries.csv} }\n"                      \
	"service smtp { ports = {25} max-connections = " most " deny-countries = {DE} }\n" \
	"source-set few { file = \"few.list\" reading = strict action = deny }\n"
#define OTHER "interfaces = {other0}\nservice smtp { ports = {25} max-connections = 30 }\n"
#define THIRD "interfaces = {third0}\nservice imap { ports = {143} }\n"
#define BAD "service smtp { ports = {25} max-connections = many }\n"

static char folder[] = "/tmp/sluice-standing-XXXXXX";
static char own[64], other[64], third[64];

static void put(const char *name, const char *text)
{
	char path[64];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	out = fopen(path, "we");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

/* Writes the files as they are at first. */
static void files_begin(void)
{
	put("own.conf", OWN("10"));
	put("other.conf", OTHER);
	put("third.conf", THIRD);
	put("few.list", "192.0.2.1\n");
	put("countries.csv", "198.51.100.0,198.51.100.255,DE\n");
}

/* Writes the files as they are later. */
static void files_change(void)
{
	put("own.conf", OWN("20"));
	put("few.list", "192.0.2.1\n192.0.2.2\n");
	put("countries.csv", "198.51.100.0,198.51.100.255,DE\n203.0.113.0,203.0.113.255,DE\n");
}

static struct policy *read_file(const char *path)
{
	struct policy *p = NULL;
	struct diag d = {};

	if (policy_parse_file(path, NULL, &p, &d))
		fail_msg("%s", diag_text(&d));
	diag_free(&d);
	return p;
}

static void file_text(const char *path, char out[static TEXT])
{
	struct policy *p = read_file(path);

	text_of(p, out);
	policy_free(p);
}

/* The two live settings of all states that have any. */
static struct override setting(const char *key, const char *value)
{
	return (struct override){ .scope = scope_of_service("smtp"),
				  .key = (char *)(uintptr_t)key,
				  .value = (char *)(uintptr_t)value };
}

static struct override sender_limit(void)
{
	struct override o = setting("max-connections-per-source", "3");
	const char *why;

	*o.scope.title = 0;
	o.scope.is_sender = true;
	assert_int_equal(prefix_parse("192.0.2.7", &o.scope.sender, &why), 0);
	return o;
}

static void set(struct standing *s, struct override what, unsigned int seconds)
{
	struct diag d = {};

	if (standing_set(s, &what, seconds, &d))
		fail_msg("%s", diag_text(&d));
}

static void settings_set(struct standing *s)
{
	set(s, sender_limit(), 100);
	set(s, setting("max-connections", "5"), 10);
}

static struct standing *start(bool with_settings)
{
	struct standing *s = standing_new(&world_ops, NULL, own, "test", NULL, read_file(own));
	struct override was[] = { sender_limit(), setting("max-connections", "5") };
	struct diag d = {};
	size_t i;

	assert_non_null(s);
	for (i = 0; i < 2 && with_settings; i++) {
		was[i].until = world.mono;
		was[i].until.tv_sec += 10;
		assert_int_equal(standing_restore(s, &was[i]), 0);
	}
	if (with_settings)
		assert_int_equal(standing_restored(s, &d), 0);
	assert_int_equal(standing_start(s, &d), 0);
	if (!standing_held(s))
		assert_int_equal(world_attach(NULL, standing_live(s), NULL, &d), 0);
	assert_int_equal(d.count, 0);
	return s;
}

static void world_begin(void)
{
	world = (struct world){ .mono.tv_sec = 1000, .wall.tv_sec = 1700000000 };
	files_begin();
}

/* Makes what an earlier daemon left: its policy, and in the other slot, in force or reverted, that of the file `path`. */
static void world_left(const char *path, enum trial trial)
{
	strcpy(world.slot[0], LONG_AGO);
	strcpy(world.path[0], "/etc/before.conf");
	file_text(path, world.slot[1]);
	assert_non_null(realpath(path, world.path[1]));
	strcpy(world.attached, "old0 ");
	world.trial = trial;
	world.in_force = trial == TRIAL_AWAITED;
	world.went = trial == TRIAL_NONE;
}

static void apply(struct standing *s, const char *path)
{
	char *summary = NULL;
	struct diag d = {};

	if (standing_apply(s, path, 60, &summary, &d))
		fail_msg("%s", diag_text(&d));
	free(summary);
}

static void fail_to_reload(struct standing *s)
{
	char *summary = NULL;
	struct diag d = {};

	put("own.conf", BAD);
	assert_int_equal(standing_reload(s, false, &summary, &d), -EINVAL);
	put("own.conf", OWN("10"));
	diag_free(&d);
}

static void fail_to_expire(struct standing *s)
{
	world.mono.tv_sec += 10;
	world.commits_fail = true;
	standing_expire(s);
	world.commits_fail = false;
	assert_non_null(strstr(world.log, "has ended but stays in force"));
}

static struct standing *state_make(enum standing_state state)
{
	struct standing *s;

	world_begin();
	if (state == STATE_TRIAL_FOUND)
		world_left(other, TRIAL_AWAITED);
	if (state == STATE_TRIAL_OWN)
		world_left(own, TRIAL_AWAITED);
	if (state == STATE_HELD || state == STATE_TRIAL_HELD)
		world_left(own, TRIAL_NONE);
	s = start(state >= STATE_TRIAL_FOUND);
	if (state == STATE_SETTINGS || state == STATE_FAILED || state == STATE_OVERDUE || state == STATE_TRIAL_SETTINGS)
		settings_set(s);
	if (state == STATE_FAILED)
		fail_to_reload(s);
	if (state == STATE_OVERDUE)
		fail_to_expire(s);
	if (state == STATE_TRIAL || state == STATE_TRIAL_SETTINGS || state == STATE_TRIAL_HELD)
		apply(s, other);
	assert_int_equal(standing_state(s), state);
	return s;
}

static int geo_update(struct standing *s, bool bad, struct diag *d)
{
	struct policy *fresh = NULL;
	int err;

	if (bad)
		put("countries.csv", "nonsense\n");
	err = policy_parse_file(own, NULL, &fresh, d);
	if (!err)
		err = standing_geo(s, fresh->geo, false, d);
	policy_free(fresh);
	return err;
}

static int set_event(struct standing *s, bool bad, struct diag *d)
{
	struct override o = bad ? setting("max-connections", "many") : setting("max-rate", "60/1m");

	return standing_set(s, &o, 0, d);
}

static int unset_event(struct standing *s, struct diag *d)
{
	const struct override o = sender_limit();
	bool had;

	return standing_unset(s, &o.scope, o.key, &had, d);
}

static int unlimit_event(struct standing *s, struct diag *d)
{
	const struct override o = sender_limit();
	unsigned int count;

	return standing_unlimit(s, &o.scope.sender, "", &count, d);
}

static int time_event(struct standing *s, bool deadline)
{
	if (deadline) {
		world_times_out();
		standing_deadline(s);
		return 0;
	}
	world.mono.tv_sec += 1000;
	standing_expire(s);
	return 0;
}

/* Runs an event. With `bad`, its file or value is bad. */
static int event_run(struct standing *s, enum standing_event event, bool bad, struct diag *d)
{
	_cleanup_free_ char *summary = NULL;

	if (bad)
		put(event == EVENT_RELOAD ? "own.conf" : event == EVENT_LISTS ? "few.list" : "third.conf", BAD);
	switch (event) {
	case EVENT_RELOAD:
		return standing_reload(s, false, &summary, d);
	case EVENT_APPLY:
	case EVENT_TRY:
		return standing_apply(s, third, event == EVENT_TRY ? 60 : 0, &summary, d);
	case EVENT_LISTS:
		return standing_lists(s, bad, &summary, d);
	case EVENT_GEO:
		return geo_update(s, bad, d);
	case EVENT_SET:
		return set_event(s, bad, d);
	case EVENT_UNSET:
		return unset_event(s, d);
	case EVENT_UNLIMIT:
		return unlimit_event(s, d);
	case EVENT_LINK:
		*world.attached = 0;
		return standing_attach(s, d);
	case EVENT_CONFIRM:
		return standing_confirm(s, d);
	case EVENT_REVERT:
		return standing_revert(s, d);
	default:
		return time_event(s, event == EVENT_DEADLINE);
	}
}

static int folder_make(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(own, sizeof(own), "%s/own.conf", folder);
	snprintf(other, sizeof(other), "%s/other.conf", folder);
	snprintf(third, sizeof(third), "%s/third.conf", folder);
	return 0;
}

static int folder_remove(void **state)
{
	static const char *const names[] = { "own.conf", "other.conf", "third.conf", "few.list", "countries.csv" };
	char path[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

#endif
