/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Postfix: main.cf, and master.cf, which says where smtpd and postscreen listen, and with -o what is different there. A line of master.cf is
 * known by its words: eight and more, the second one a type. Of main.cf a parameter counts as it is said last.
 */
#include <string.h>

#include "addr.h"
#include "cleanup.h"
#include "import.h"

#define COUNT "smtpd_client_connection_count_limit"
#define RATE "smtpd_client_connection_rate_limit"
#define UNIT "anvil_rate_time_unit"
#define EXCEPTIONS "smtpd_client_event_limit_exceptions"
#define SCREEN_COUNT "postscreen_client_connection_count_limit"

/* Parameters that limit something else than connections, or in a way that sluice does not have. */
static const struct {
	const char *key, *why;
} others[] = {
	{ "smtpd_client_message_rate_limit", "Postfix keeps counting messages" },
	{ "smtpd_client_recipient_rate_limit", "Postfix keeps counting recipients" },
	{ "smtpd_client_auth_rate_limit", "Postfix keeps counting logins" },
	{ "smtpd_client_new_tls_session_rate_limit", "Postfix keeps counting TLS sessions" },
	{ "smtpd_client_restrictions", "is judged inside a connection: keep it" },
	{ "default_process_limit", "counts processes: set max-connections of the service a little below it" },
	{ "postscreen_access_list", "its tables have two columns: put the first into a file, and name that in a set" },
	{ "postscreen_denylist_action", "greeting tests belong to postscreen: keep them; sluice comes before it" },
	{ "postscreen_blacklist_action", "greeting tests belong to postscreen: keep them; sluice comes before it" },
	{ "postscreen_greet_action", "greeting tests belong to postscreen: keep them; sluice comes before it" },
	{ "postscreen_dnsbl_sites", "DNS lists belong to postscreen: keep them; sluice comes before it" },
	{ "postscreen_pre_queue_limit", "a queue inside postscreen: keep it" },
	{ "postscreen_post_queue_limit", "a queue inside postscreen: keep it" },
	{ "anvil_status_update_time", "how often anvil(8) logs: sluicectl status shows it at any time" },
	{ "inet_interfaces", "where Postfix listens: give the service addresses = {...} if that matters" },
};

static bool is_master(const struct line *line)
{
	char type[8] = "", name[64];

	return sscanf(line->text, "%63s %7s", name, type) == 2 &&
	       (!strcmp(type, "inet") || !strcmp(type, "unix") || !strcmp(type, "pass") || !strcmp(type, "fifo") ||
		!strcmp(type, "unix-dgram"));
}

/* Returns the last line of main.cf that sets a parameter, or NULL. */
static const struct line *main_line(const struct import *m, const char *wanted, const char **value)
{
	const struct line *found = NULL;
	const char *text;
	char key[128];
	size_t i;

	for (i = 0; i < m->lines.count; i++) {
		if (is_master(m->lines.item[i]) || !key_split(m->lines.item[i]->text, key, &text) ||
		    strcmp(key, wanted))
			continue;
		found = m->lines.item[i];
		*value = text;
	}
	return found;
}

/* For a service of master.cf: its own -o, otherwise main.cf. */
static const struct line *setting_line(const struct import *m, const struct line *master, const struct strings *words,
				       const char *wanted, const char **value)
{
	const struct line *found = NULL;
	const char *text;
	char key[128];
	size_t i;

	for (i = 8; i < words->count; i++) {
		if (!strcmp(words->item[i - 1], "-o") && key_split(words->item[i], key, &text) &&
		    !strcmp(key, wanted)) {
			found = master;
			*value = text;
		}
	}
	return found ? found : main_line(m, wanted, value);
}

/* Reads Postfix' "60s"; it also has weeks. */
static const char *seconds_of(const char *text, char buf[static 24])
{
	uint32_t n;
	size_t len = strlen(text);

	if (len && len < 12 && text[len - 1] == 'w') {
		snprintf(buf, 24, "%.*s", (int)len - 1, text);
		if (!is_count(buf, &n) || n > 1000)
			return text;
		snprintf(buf, 24, "%ud", n * 7);
		return buf;
	}
	return text;
}

static void count_read(struct import *m, struct item *s, const struct line *master, const struct strings *words,
		       const char *key)
{
	const char *value;
	const struct line *from = setting_line(m, master, words, key, &value);

	if (from)
		put_count(m, s, "max-connections-per-source", value, from);
}

static void rate_read(struct import *m, struct item *s, const struct line *master, const struct strings *words)
{
	const char *value, *unit = "60s";
	const struct line *from = setting_line(m, master, words, RATE, &value);
	char buf[24];

	if (!from)
		return;
	main_line(m, UNIT, &unit);
	put_rate(m, s, "max-rate-per-source", value, seconds_of(unit, buf), from);
}

static bool has_option(const struct strings *words, const char *key)
{
	size_t i, len = strlen(key);

	for (i = 8; i < words->count && (strncmp(words->item[i], key, len) || words->item[i][len] != '='); i++)
		;
	return i < words->count;
}

/* "192.0.2.1:25", "[::1]:25", "smtp": returns the port, and cuts off what is before it. */
static const char *endpoint_split(char *text)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		return text;
	*colon = 0;
	return colon + 1;
}

/* Adds the address of a listener, unless that is everywhere. */
static bool address_read(struct import *m, struct strings *addresses, const char *text, const struct line *from)
{
	char plain[ADDR_TEXT_LEN];
	struct sluice_addr a;

	snprintf(plain, sizeof(plain), "%s", *text == '[' ? text + 1 : text);
	plain[strcspn(plain, "]")] = 0;
	if (!strcmp(plain, "0.0.0.0") || !strcmp(plain, "::"))
		return true;
	if (!addr_parse(plain, &a)) {
		m->failed |= strings_add(addresses, plain) != 0;
		return true;
	}
	leave(m, from, "'%s' is not an address: a service is named by ports, and addresses of the host", plain);
	return false;
}

/* Behind postscreen, smtpd has a line of its own, with other settings. */
static const struct line *behind_postscreen(struct import *m, struct strings *words)
{
	size_t i;

	for (i = 0; i < m->lines.count; i++) {
		words_split(m, m->lines.item[i]->text, " \t{}", "", words);
		if (is_master(m->lines.item[i]) && !strcmp(word_at(words, 1), "pass") &&
		    !strcmp(word_at(words, 7), "smtpd"))
			return m->lines.item[i];
		strings_clear(words);
	}
	return NULL;
}

static void limits_read(struct import *m, struct item *s, const struct line *line, const struct strings *words,
			bool screened)
{
	_cleanup_strings_ struct strings behind = {};
	const struct line *smtpd = screened ? behind_postscreen(m, &behind) : line;

	if (screened)
		count_read(m, s, line, words, SCREEN_COUNT);
	count_read(m, s, smtpd, screened ? &behind : words, COUNT);
	rate_read(m, s, smtpd, screened ? &behind : words);
	if (strchr(line->text, '{') && (strstr(line->text, COUNT) || strstr(line->text, RATE)))
		leave(m, line, "-o in braces is not read: write -o KEY=VALUE");
	if (has_option(words, EXCEPTIONS))
		leave(m, line,
		      "has exceptions of its own, which are not read: main.cf's hold there, unless their set names services");
}

static void inet_read(struct import *m, const struct line *line, const struct strings *words, const char *program)
{
	_cleanup_free_ char *copy = strdup(word_at(words, 0));
	_cleanup_strings_ struct strings ports = {}, addresses = {};
	const char *text = copy ? endpoint_split(copy) : "", *port;
	bool named = copy && text != copy;
	struct item *s;
	char buf[8];

	port = port_of(text, buf);
	if (!port || (named && is_loopback(copy))) {
		leave(m, line,
		      port ? "listens only on loopback, where no interface sees it"
			   : "'%s' is not a known port: write its number",
		      text);
		return;
	}
	if (strings_add(&ports, port))
		m->failed = true;
	if (named && !address_read(m, &addresses, copy, line))
		return;
	s = service_listening(m, NULL, &ports, &addresses, line);
	if (!s)
		return;
	limits_read(m, s, line, words, !strcmp(program, "postscreen"));
	if (strcmp(word_at(words, 6), "-") && strcmp(program, "postscreen"))
		leave(m, line, "maxproc (%s) counts processes: set max-connections of the service a little below it",
		      word_at(words, 6));
}

/* Returns whether it is a listener; *limits if it has limits of its own. */
static bool master_read(struct import *m, const struct line *line, bool *limits)
{
	_cleanup_strings_ struct strings words = {};
	const char *program;

	words_split(m, line->text, " \t{}", "", &words);
	program = word_at(&words, 7);
	*limits |= !strcmp(program, "smtpd") && (has_option(&words, COUNT) || has_option(&words, RATE));
	if (strcmp(word_at(&words, 1), "inet") || (strcmp(program, "smtpd") && strcmp(program, "postscreen")))
		return false;
	inet_read(m, line, &words, program);
	return true;
}

/* main.cf alone says at least something about port 25. */
static void alone_read(struct import *m)
{
	_cleanup_strings_ struct strings ports = {}, none = {};
	const char *value;
	const struct line *from = main_line(m, COUNT, &value);
	struct item *s;

	from = from ? from : main_line(m, RATE, &value);
	if (strings_add(&ports, "25"))
		m->failed = true;
	s = from ? service_with(m, NULL, &ports, from) : NULL;
	if (s) {
		put_note(s, "for all ports of smtpd: name master.cf as well to get a service for each");
		count_read(m, s, NULL, &none, COUNT);
		rate_read(m, s, NULL, &none);
	}
	from = main_line(m, SCREEN_COUNT, &value);
	if (from)
		leave(m, from, "applies where postscreen listens, which master.cf says: name that file as well");
}

static void exception_put(struct import *m, const char *text, const struct line *from)
{
	struct item *set = set_get(m, "exceptions");

	if (*text == '$')
		leave(m, from, "'%s' is not looked up: write the networks out", text);
	else if (put_prefix(m, set, text, from))
		set_use(m, set, "allow", NULL, 0, from);
}

/* Reads one element of a list of hosts; $mynetworks is looked up. */
static void exception_read(struct import *m, const char *text, const struct line *from)
{
	static const char *const mine[] = { "$mynetworks", "${mynetworks}", "$(mynetworks)", NULL };
	_cleanup_strings_ struct strings words = {};
	const struct line *networks;
	const char *value;
	size_t i;

	if (!is_one_of(text, mine))
		return exception_put(m, text, from);
	networks = main_line(m, "mynetworks", &value);
	if (!networks)
		return leave(m, from, "mynetworks is not in these files: `postconf mynetworks` says what it is");
	words_split(m, value, " \t,", "", &words);
	for (i = 0; i < words.count; i++)
		exception_put(m, words.item[i], networks);
}

static void exceptions_read(struct import *m)
{
	_cleanup_strings_ struct strings words = {};
	const char *value = "$mynetworks", *networks;
	const struct line *from = main_line(m, EXCEPTIONS, &value);
	size_t i;

	from = from ? from : main_line(m, "mynetworks", &networks); /* Postfix' default */
	if (!from)
		return;
	words_split(m, value, " \t,", "", &words);
	for (i = 0; i < words.count; i++)
		exception_read(m, words.item[i], from);
}

static void prefix_length_read(struct import *m, const char *parameter, const char *key, uint32_t least, uint32_t most)
{
	const char *value;
	const struct line *from = main_line(m, parameter, &value);
	uint32_t n;

	if (!from)
		return;
	if (is_count(value, &n) && n >= least && n <= most)
		put_last(m, &m->sources, key, value, from);
	else
		leave(m, from, "sluice has sources of /%u to /%u", least, most);
}

static void other_read(struct import *m, const struct line *line)
{
	static const char *const own[] = { COUNT, RATE, UNIT, EXCEPTIONS, SCREEN_COUNT, "mynetworks", NULL };
	const char *value;
	char key[128];
	size_t i;

	if (!key_split(line->text, key, &value))
		return;
	for (i = 0; i < sizeof(others) / sizeof(*others) && strcmp(others[i].key, key); i++)
		;
	if (i < sizeof(others) / sizeof(*others))
		leave(m, line, "%s", others[i].why);
	else if (!strncmp(key, "postscreen_", 11) && strcmp(key, SCREEN_COUNT))
		leave(m, line, "is about what postscreen does inside a connection: keep it");
	else if (is_one_of(key, own) && main_line(m, key, &value) != line)
		leave(m, line, "line %u sets it again, and counts", main_line(m, key, &value)->number);
	else if (!strcmp(key, UNIT))
		leave(m, line, "is the interval of the rates above");
}

void postfix_read(struct import *m)
{
	const char *value;
	bool masters = false, limits = false;
	size_t i;

	for (i = 0; i < m->lines.count; i++) {
		if (is_master(m->lines.item[i]))
			masters |= master_read(m, m->lines.item[i], &limits);
	}
	if (!masters)
		alone_read(m);
	if (limits || main_line(m, COUNT, &value) || main_line(m, RATE, &value) || main_line(m, EXCEPTIONS, &value))
		exceptions_read(m);
	prefix_length_read(m, "smtpd_client_ipv4_prefix_length", "ipv4-prefix", 8, 32);
	prefix_length_read(m, "smtpd_client_ipv6_prefix_length", "ipv6-prefix", 16, 128);
	for (i = 0; i < m->lines.count; i++) {
		if (!is_master(m->lines.item[i]))
			other_read(m, m->lines.item[i]);
	}
}
