/* SPDX-License-Identifier: BSD-2-Clause */
/* fail2ban: whom it never bans. Who is banned, and for how long, stays with it: its action `sluice` has sluice refuse them. */
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "import.h"

#define OWN "fail2ban decides this: with banaction = sluice it bans through sluice (docs/fail2ban.md)"

static const struct {
	const char *key, *why;
} others[] = {
	{ "banaction", "becomes banaction = sluice, the action that comes with sluice (docs/fail2ban.md)" },
	{ "banaction_allports", "becomes banaction_allports = sluice (docs/fail2ban.md)" },
	{ "action", "becomes action = sluice, the action that comes with sluice (docs/fail2ban.md)" },
	{ "bantime", OWN },
	{ "findtime", OWN },
	{ "maxretry", OWN },
	{ "maxmatches", OWN },
	{ "bantime.increment", OWN },
	{ "bantime.factor", OWN },
	{ "bantime.maxtime", OWN },
	{ "ignorecommand", "is a command: whom it lets in is not known here" },
	{ "ignoreself", "sluice never refuses the host's own connections" },
};

static void ignored_put(struct import *m, const char *value, const struct line *line)
{
	_cleanup_strings_ struct strings words = {};
	struct item *set;
	size_t i;

	words_split(m, value, " \t,", "", &words);
	for (i = 0; i < words.count; i++) {
		set = set_get(m, "ignored");
		if (strstr(words.item[i], "%("))
			leave(m, line, "'%s' is not looked up: write addresses", words.item[i]);
		else if (put_prefix(m, set, words.item[i], line))
			set_use(m, set, "allow", NULL, 0, line);
	}
}

/* A ban holds at the ports of all services, so each port of a jail becomes one. */
static void port_put(struct import *m, const char *text, const struct line *line)
{
	_cleanup_strings_ struct strings ports = {};
	char buf[8];
	const char *port = port_of(text, buf);
	struct item *s;

	if (!port)
		return leave(m, line, "'%s' is not a single port: bans apply at the ports of services", text);
	if (!strcmp(port, "22"))
		return leave(m, line, "SSH does not become a service, so that nobody is locked out by accident");
	if (strings_add(&ports, port))
		m->failed = true;
	s = service_with(m, NULL, &ports, line);
	if (s && !s->stays)
		put_note(s, "no limit: bans apply at the ports of services");
	if (s)
		s->stays = true;
}

static void ports_put(struct import *m, const char *value, const struct line *line)
{
	_cleanup_strings_ struct strings words = {};
	size_t i;

	words_split(m, value, " \t,", "", &words);
	for (i = 0; i < words.count; i++)
		port_put(m, words.item[i], line);
}

/* Reads what is between the brackets; false: the line begins no section. */
static bool section_begin(const struct line *line, char section[static 64])
{
	if (*line->text != '[')
		return false;
	snprintf(section, 64, "%.63s", line->text + 1);
	section[strcspn(section, "]")] = 0;
	return true;
}

/* What sections say of `enabled`, in the order of the files. */
struct jails {
	struct strings names, values;
};

static void jails_read(struct import *m, struct jails *jails)
{
	char section[64] = "DEFAULT", key[128];
	const char *value;
	size_t i;

	for (i = 0; i < m->lines.count; i++) {
		if (section_begin(m->lines.item[i], section) || !key_split(m->lines.item[i]->text, key, &value) ||
		    strcmp(key, "enabled"))
			continue;
		if (strings_add(&jails->names, section) || strings_add(&jails->values, value))
			m->failed = true;
	}
}

/* Returns what a section says last; NULL: nothing. */
static const char *jail_value(const struct jails *jails, const char *section)
{
	size_t i = jails->values.count;

	while (i && strcmp(jails->names.item[i - 1], section))
		i--;
	return i ? jails->values.item[i - 1] : NULL;
}

/* A jail that says nothing is as those of DEFAULT. */
static bool jail_is_on(const struct jails *jails, const char *section)
{
	static const char *const yes[] = { "true", "yes", "on", "1", NULL };
	const char *value = jail_value(jails, section);
	size_t i;

	value = value ? value : jail_value(jails, "DEFAULT");
	for (i = 0; value && yes[i] && strcasecmp(yes[i], value); i++)
		;
	return value && yes[i] && strcmp(section, "DEFAULT");
}

static void key_take(struct import *m, const struct jails *jails, const char *section, const char *key,
		     const char *value, const struct line *line)
{
	size_t i;

	if (!strcmp(key, "ignoreip") && strcmp(section, "DEFAULT")) {
		leave(m, line, "applies only to the jail %s: a set with action = allow lets them in whatever they do",
		      section);
		return;
	}
	if (!strcmp(key, "ignoreip"))
		ignored_put(m, value, line);
	if (!strcmp(key, "port") && jail_is_on(jails, section))
		ports_put(m, value, line);
	for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
		if (!strcmp(others[i].key, key))
			leave(m, line, "%s", others[i].why);
	}
}

void fail2ban_read(struct import *m)
{
	char section[64] = "DEFAULT", key[128];
	struct jails jails = {};
	const char *value;
	size_t i;

	jails_read(m, &jails);
	for (i = 0; i < m->lines.count; i++) {
		const struct line *line = m->lines.item[i];

		if (section_begin(line, section)) {
			if (!strcmp(section, "INCLUDES"))
				leave(m, line, "other files are not followed: name them as well");
		} else if (key_split(line->text, key, &value)) {
			key_take(m, &jails, section, key, value, line);
		}
	}
	strings_clear(&jails.names);
	strings_clear(&jails.values);
}
