/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>
#include <string.h>

#include "cli.h"
#include "value.h"

const char *option_text(const struct call *c, enum option_id option)
{
	return c->option[option] ? c->option[option] : "";
}

int read_verb(const struct call *c, const char *verb, json_t *args, void (*show)(const json_t *), bool pins)
{
	json_t *answer = NULL, *data = NULL;
	int status = ask(c, verb, args, &answer);

	if (status == EXIT_DONE)
		data = json_incref(json_object_get(answer, "data"));
	else if (status == EXIT_NO_DAEMON && pins)
		status = pins_report(c, verb, &data);
	else if (status == EXIT_NO_DAEMON)
		complain_no_daemon(c);
	if (data && c->json)
		show_json(data);
	else if (data)
		show(data);
	json_decref(data);
	json_decref(answer);
	return status;
}

int write_verb_with(const struct call *c, const char *verb, json_t *args, const char *body, size_t size)
{
	json_t *answer = NULL;
	int status = ask_with(c, verb, args, body, size, &answer);
	const char *text;

	if (status == EXIT_NO_DAEMON)
		return complain_no_daemon(c);
	if (status != EXIT_DONE)
		return status;
	text = json_string_value(json_object_get(answer, "text"));
	if (c->json)
		show_json(answer);
	else
		puts(text && *text ? text : "done");
	json_decref(answer);
	return EXIT_DONE;
}

int write_verb(const struct call *c, const char *verb, json_t *args)
{
	return write_verb_with(c, verb, args, NULL, 0);
}

int forecast_verb(const struct call *c, const char *verb, json_t *args)
{
	return c->option[OPTION_DRY_RUN] ? read_verb(c, verb, args, show_forecast, false) : write_verb(c, verb, args);
}

static int cmd_status(const struct call *c)
{
	return read_verb(c, "status", NULL, show_status, true);
}

static int cmd_counters(const struct call *c)
{
	return read_verb(c, "counters", NULL, show_counters, true);
}

static int cmd_allows(const struct call *c)
{
	return read_verb(c, "allows", NULL, show_allows, true);
}

/* 0 where it is not given; false, said: it is no such number. */
static bool option_number(const struct call *c, enum option_id option, const char *name, uint32_t least, uint32_t most,
			  uint32_t *out)
{
	const char *text = c->option[option];

	*out = 0;
	if (!text || !count_parse(text, least, most, out))
		return true;
	complain(EXIT_BAD, "--%s %s: a whole number from %u to %u", name, text, least, most);
	return false;
}

static int cmd_sources(const struct call *c)
{
	uint32_t top;

	if (!option_number(c, OPTION_TOP, "top", 0, INT32_MAX, &top))
		return EXIT_BAD;
	return read_verb(c, "sources",
			 json_pack("{s:s, s:I}", "service", option_text(c, OPTION_SERVICE), "top", (json_int_t)top),
			 show_sources, true);
}

static int cmd_privacy(const struct call *c)
{
	if (strcmp(c->word[0], "report"))
		return complain(EXIT_BAD, "privacy: write: privacy report");
	return read_verb(c, "privacy", NULL, show_privacy, false);
}

static int cmd_export(const struct call *c)
{
	return read_verb(c, "export", json_pack("{s:s}", "address", c->word[0]), show_json, false);
}

static int cmd_erase(const struct call *c)
{
	return write_verb(c, "erase", json_pack("{s:s}", "address", c->word[0]));
}

static int cmd_suggest(const struct call *c)
{
	return read_verb(c, "suggest", NULL, show_suggest, false);
}

static void watch_line(const struct call *c, const json_t *line)
{
	if (c->json)
		json_dumpf(line, stdout, JSON_COMPACT);
	else
		show_refusal(line);
	if (c->json)
		putchar('\n');
	if (fflush(stdout))
		exit(EXIT_DONE); /* whoever read has gone */
}

static int cmd_watch(const struct call *c)
{
	int status = ask_stream(c, "watch", watch_line);

	return status == EXIT_NO_DAEMON ? complain_no_daemon(c) : status;
}

static int cmd_refusals(const struct call *c)
{
	uint32_t top;

	if (!option_number(c, OPTION_TOP, "top", 0, INT32_MAX, &top))
		return EXIT_BAD;
	return read_verb(c, "refusals",
			 json_pack("{s:s, s:s, s:s, s:s, s:I}", "prefix", c->words ? c->word[0] : "", "since",
				   option_text(c, OPTION_SINCE), "service", option_text(c, OPTION_SERVICE), "reason",
				   option_text(c, OPTION_REASON), "top", (json_int_t)top),
			 show_refusals, false);
}

static int cmd_explain(const struct call *c)
{
	uint32_t port;

	if (!c->option[OPTION_SERVICE])
		return complain(EXIT_BAD, "explain: name the service: --service smtp");
	if (!option_number(c, OPTION_PORT, "port", 1, 65535, &port))
		return EXIT_BAD;
	return read_verb(c, "explain",
			 json_pack("{s:s, s:s, s:I}", "address", c->word[0], "service", c->option[OPTION_SERVICE],
				   "port", (json_int_t)port),
			 show_explain, false);
}

static int cmd_lookup(const struct call *c)
{
	return read_verb(c, "lookup", json_pack("{s:s}", "address", c->word[0]), show_lookup, false);
}

/* allow, disallow */
static int cmd_live(const struct call *c)
{
	return write_verb(c, c->command->name,
			  json_pack("{s:s, s:s, s:s}", "prefix", c->word[0], "for", option_text(c, OPTION_FOR),
				    "reason", option_text(c, OPTION_REASON)));
}

/* VALUE is all words from here on: a list may be written as {25, 26}. NULL without memory. */
static char *value_of(const struct call *c, int first)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int i;

	for (i = first; out && i < c->words; i++)
		fprintf(out, "%s%s", i > first ? " " : "", c->word[i]);
	return out && !fclose(out) ? text : NULL;
}

static int cmd_set(const struct call *c)
{
	_cleanup_free_ char *value = value_of(c, 3);
	const bool set = !strcmp(c->word[0], "source-set");

	if (!set && strcmp(c->word[0], "service"))
		return complain(EXIT_BAD, "set: write: set service NAME KEY VALUE, or set source-set NAME KEY VALUE");
	if (c->option[OPTION_SAVE] && c->option[OPTION_FOR])
		return complain(EXIT_BAD, "set: --save is for good, --for is not: take one of them");
	return forecast_verb(c, "set",
			     json_pack("{s:b, s:b, s:s, s:s, s:s, s:s}", "dry_run", c->option[OPTION_DRY_RUN] != NULL,
				       "save", c->option[OPTION_SAVE] != NULL, set ? "set" : "service", c->word[1],
				       "key", c->word[2], "value", value, "for", option_text(c, OPTION_FOR)));
}

static int cmd_limit(const struct call *c)
{
	return forecast_verb(c, "limit",
			     json_pack("{s:b, s:s, s:s, s:s, s:s, s:s}", "dry_run", c->option[OPTION_DRY_RUN] != NULL,
				       "prefix", c->word[0], "service", option_text(c, OPTION_SERVICE), "key",
				       c->word[1], "value", c->word[2], "for", option_text(c, OPTION_FOR)));
}

static int cmd_unlimit(const struct call *c)
{
	return write_verb(c, "unlimit",
			  json_pack("{s:s, s:s}", "prefix", c->word[0], "service", option_text(c, OPTION_SERVICE)));
}

static int cmd_limits(const struct call *c)
{
	return read_verb(c, "limits", NULL, show_live, false);
}

static int cmd_mode(const struct call *c)
{
	return write_verb(c, "mode", json_pack("{s:s}", "mode", c->word[0]));
}

static int cmd_reload(const struct call *c)
{
	return write_verb(c, "reload",
			  json_pack("{s:b, s:b}", "lists", c->option[OPTION_LISTS] != NULL, "force",
				    c->option[OPTION_FORCE] != NULL));
}

/* revert */
static int cmd_plain(const struct call *c)
{
	return write_verb(c, c->command->name, NULL);
}

const char *absolute(const char *path, char real[static PATH_MAX])
{
	return realpath(path, real) ? real : path;
}

int path_refuse(const struct call *c)
{
	return complain(EXIT_BAD, "%s: %s is a link to a name that is no UTF-8 text: rename that", c->command->name,
			c->word[0]);
}

static int cmd_diff(const struct call *c)
{
	char real[PATH_MAX];
	json_t *args = json_pack("{s:s}", "path", c->words ? absolute(c->word[0], real) : "");

	return args ? read_verb(c, "diff", args, show_diff, false) : path_refuse(c);
}

static int cmd_geo(const struct call *c)
{
	json_t *args;

	if (!strcmp(c->word[0], "status") && (c->option[OPTION_DRY_RUN] || c->option[OPTION_FORCE]))
		return complain(EXIT_BAD, "geo status: --dry-run and --force go with geo update");
	if (!strcmp(c->word[0], "status"))
		return read_verb(c, "geo-status", NULL, show_geo, false);
	if (strcmp(c->word[0], "update"))
		return complain(EXIT_BAD, "geo: write: geo status, or geo update [--dry-run] [--force]");
	args = json_pack("{s:b, s:b}", "dry_run", c->option[OPTION_DRY_RUN] != NULL, "force",
			 c->option[OPTION_FORCE] != NULL);
	return read_verb(c, "geo-update", args, c->option[OPTION_DRY_RUN] ? show_forecast : show_geo, false);
}

static int cmd_dump(const struct call *c)
{
	return write_verb(c, "dump", NULL);
}

static int cmd_unload(const struct call *c)
{
	json_t *answer = NULL;
	int status = ask(c, "unload", NULL, &answer);

	json_decref(answer);
	if (status == EXIT_NO_DAEMON)
		status = pins_unload(c);
	if (status == EXIT_DONE && !c->json)
		puts("unloaded: nothing is refused any more");
	return status;
}

const struct command commands[] = {
	{ "status", "", "mode, generation, interfaces, services with counts and limits", 0, 0, cmd_status },
	{ "sources", "[--service S] [--top N]", "who is connected now, most first", 0, 0, cmd_sources },
	{ "counters", "", "packets and connections by service and reason", 0, 0, cmd_counters },
	{ "set", "service|source-set NAME KEY VALUE [--for TIME] [--save] [--dry-run]",
	  "any key of a service or a set, live; until reload, for a time, or for good", 4, WORDS_MAX, cmd_set },
	{ "mode", "enforce|observe", "refuse, or only count what would be refused", 1, 1, cmd_mode },
	{ "ban",
	  "ADDRESS|PREFIX|--file FILE [--tolerant] [--for TIME] [--reason TEXT] [--by OWNER] [--observe] [--force] [--kill [--dry-run]]",
	  "refuse a source from its next packet on; --kill also ends its connections", 0, 1, cmd_ban },
	{ "unban", "ADDRESS|PREFIX|--file FILE|--all [--by OWNER] [--all-owners]",
	  "take back one's own bans, or everybody's", 0, 1, cmd_unban },
	{ "bans", "[ADDRESS|PREFIX] [--by OWNER]", "bans in force; of an address: those that hold it", 0, 1, cmd_bans },
	{ "kill", "ADDRESS|PREFIX [--service S] [--force] [--dry-run]", "end a source's connections, without a ban", 1,
	  1, cmd_kill },
	{ "allow", "ADDRESS|PREFIX [--for TIME]", "never refuse a source, whatever else is said", 1, 1, cmd_live },
	{ "disallow", "ADDRESS|PREFIX", "end an allow", 1, 1, cmd_live },
	{ "allows", "", "allows in force", 0, 0, cmd_allows },
	{ "limit", "ADDRESS|PREFIX KEY VALUE [--service S] [--for TIME] [--dry-run]",
	  "another limit for one sender, live", 3, 3, cmd_limit },
	{ "unlimit", "ADDRESS|PREFIX [--service S]", "end a sender's own limits", 1, 1, cmd_unlimit },
	{ "limits", "", "senders with limits of their own", 0, 0, cmd_limits },
	{ "geo", "status|update [--dry-run] [--force]", "the databases of countries and networks; read them again", 1,
	  1, cmd_geo },
	{ "lookup", "ADDRESS|PREFIX", "country, network, source sets, class and the rule for each service", 1, 1,
	  cmd_lookup },
	{ "explain", "ADDRESS|PREFIX --service S [--port N]",
	  "what would become of a SYN from there, and by which rule", 1, 1, cmd_explain },
	{ "watch", "", "refusals as they happen; where there are many, a sample, and of how many", 0, 0, cmd_watch },
	{ "refusals", "[ADDRESS|PREFIX] [--since TIME] [--service S] [--reason R] [--top N]",
	  "who was refused, why, first, last and how often, the last first", 0, 1, cmd_refusals },
	{ "top", "", "full-screen live view: services, refusals, busiest sources; bans from there", 0, 0, cmd_top },
	{ "suggest", "", "limits that fit what was seen, as a file for conf.d", 0, 0, cmd_suggest },
	{ "check", "FILE [--elsewhere]", "would a start or reload with this policy do here? 0 yes, 2 no", 1, 1,
	  cmd_check },
	{ "import", "axigen|csf|dovecot|exim|fail2ban|haproxy|nft|pf|postfix FILE ...",
	  "the connection limits of another program's configuration, as a policy", 2, WORDS_MAX, cmd_import },
	{ "doctor", "[FILE]",
	  "what this host is like for that policy, before anything is attached; 1: something is bad", 0, 1,
	  cmd_doctor },
	{ "apply", "FILE [--save] [--confirm TIME] [--dry-run]",
	  "put another policy in force, until the next start, for good or until confirmed; or only say what it would change",
	  1, 1, cmd_apply },
	{ "confirm", "[--save]", "keep the policy that awaits it", 0, 0, cmd_confirm },
	{ "revert", "", "go back now from a policy that awaits its confirmation", 0, 0, cmd_plain },
	{ "reload", "[--lists] [--force]",
	  "read the policy file again, which ends live settings; or only its lists and databases", 0, 0, cmd_reload },
	{ "diff", "[FILE]", "what reload (or apply FILE) would change", 0, 1, cmd_diff },
	{ "dump", "", "the policy in force, as a policy file", 0, 0, cmd_dump },
	{ "privacy", "report", "every place that holds an address, for what purpose, for how long", 1, 1, cmd_privacy },
	{ "export", "ADDRESS", "all that is held of an address, as JSON", 1, 1, cmd_export },
	{ "erase", "ADDRESS", "forget an address that has nothing open", 1, 1, cmd_erase },
	{ "completion", "", "bash completion, from this list", 0, 0, cmd_completion },
	{ "unload", "", "detach, and leave nothing in the kernel", 0, 0, cmd_unload },
};

const size_t commands_count = sizeof(commands) / sizeof(*commands);
