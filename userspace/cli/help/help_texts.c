/* SPDX-License-Identifier: BSD-2-Clause */
/* The texts of `CMD --help`: see help_texts.h. A row for one command wins over a row for all commands, and that over a row for a type. */
#include "help_texts.h"

#include <string.h>

#define TIMES "90, 90s, 5m, 2h or 1d"

/* `name` is the name of an option, or the word as the synopsis shows it. */
static const struct {
	const char *verb, *name, *text;
} params[] = {
	{ "set", "service|source-set", "the kind of section" },
	{ "set", "NAME", "the name of the service or set in the policy" },
	{ "set", "for", "how long: " TIMES "; by default until the next reload" },
	{ "set", "save", "for good: also write it into conf.d next to the policy file" },
	{ "set", "local", "on this host alone, not on the others of its fleet" },
	{ "unset", "service|source-set", "the kind of section" },
	{ "unset", "NAME", "the name of the service or set in the policy" },
	{ "limit", "for", "how long: " TIMES "; by default until the next reload" },
	{ "limit", "service", "only at this service; by default at all of them" },
	{ "unlimit", "service", "only the limits at this service" },
	{ "mode", "enforce|observe", "enforce: refuse; observe: let pass, and only count what would be refused" },
	{ "ban", "file", "read bans from a file, one address, prefix or range per line; - is stdin" },
	{ "ban", "tolerant", "skip bad lines of the file, and list them" },
	{ "ban", "for", "how long: " TIMES "; by default, or with never, until unban" },
	{ "ban", "reason", "why, in one line of at most 63 bytes" },
	{ "ban", "observe", "only count what it would refuse" },
	{ "ban", "force", "ban even what covers this host, its gateway or your own session" },
	{ "ban", "local", "on this host alone, not on the others of its fleet" },
	{ "ban", "kill", "also end its connections now" },
	{ "ban", "dry-run", "change nothing: list the connections that would end" },
	{ "unban", "file", "unban what a file lists, one address, prefix or range per line; - is stdin" },
	{ "unban", "all", "every ban of the owner" },
	{ "unban", "all-owners", "whoever owns the bans" },
	{ "bans", "by", "only bans of this owner: at most 31 bytes; by default those of all owners" },
	{ "kill", "service", "only connections to this service" },
	{ "kill", "force", "even those of your own session" },
	{ "kill", "dry-run", "change nothing: list the connections that would end" },
	{ "allow", "for", "how long: " TIMES "; by default until disallow" },
	{ "allow", "local", "on this host alone, not on the others of its fleet" },
	{ "geo", "status|update", "status: which databases are in force, and how old; update: read the files again" },
	{ "geo", "force", "accept a database that is far smaller than before" },
	{ "sources", "fleet",
	  "those near a limit that holds over several hosts: what they hold here, and on which others" },
	{ "fleet", "status|acl",
	  "status: which hosts are there, what they hold, and the last error; acl: the rights that the store's user needs" },
	{ "explain", "port", "one of the service's ports; by default the first" },
	{ "refusals", "ADDRESS|PREFIX", "only of these: 192.0.2.1, 192.0.2.0/24, 2001:db8::/48" },
	{ "refusals", "reason", "only for this reason, one of those below" },
	{ "check", "FILE", "the policy file" },
	{ "check", "elsewhere", "check only the files: the policy is for another host" },
	{ "import", "FILE ...", "files of that format; several are read as one, in this order" },
	{ "doctor", "FILE", "the policy file; by default /etc/sluice/sluice.conf" },
	{ "apply", "FILE", "the policy file" },
	{ "apply", "save", "also make it the file that the next start reads; keep the old one as .bak" },
	{ "apply", "confirm", "go back after this time unless `sluicectl confirm` is run: " TIMES },
	{ "confirm", "save", "also make it the file that the next start reads; keep the old one as .bak" },
	{ "reload", "lists", "only lists and databases: live settings, bans and allows stay" },
	{ "reload", "force", "accept lists and databases as they are, even empty ones" },
	{ "diff", "FILE", "the policy file; by default the one that reload would read" },
	{ "privacy", "report", "the word itself" },
	{ "completion", "bash|zsh|fish|line",
	  "the shell whose script to print; line: what can follow the words of a line" },
	{ "completion", "WORD...", "the words of the line" },
	{ NULL, "service", "only this service: `sluicectl status` lists them" },
	{ NULL, "since", "only what happened in the last " TIMES },
	{ NULL, "top", "at most this many lines" },
	{ NULL, "dry-run", "change nothing: say what would change" },
	{ NULL, "by", "the owner: at most 31 bytes; by default your user, as uid:0" },
};

static const char *const types[] = {
	[API_PREFIX] = "IPv4 or IPv6: 192.0.2.1, 192.0.2.0/24, 2001:db8::1, 2001:db8::/48",
	[API_ADDRESS] = "IPv4 or IPv6: 192.0.2.1, 2001:db8::1",
	[API_KEY] = "one of the keys below",
	[API_LIMIT_KEY] = "one of the keys below",
	[API_VALUE] = "as in the policy; a list can also be {A, B} or none",
	[API_CHOICE] = "one of these words",
};

const struct help_example help_examples[] = {
	{ "status", "sluicectl status", "the current state" },
	{ "status", "sluicectl --json status", "the same as JSON; sluicectl(8) lists the fields" },
	{ "sources", "sluicectl sources --service smtp --top 10", "the ten sources that hold most" },
	{ "sources", "sluicectl sources --fleet", "who is near a limit over all hosts, and where he holds it" },
	{ "counters", "sluicectl counters", "what was let in and refused, and why" },
	{ "set", "sluicectl set service smtp max-connections-per-source 20 --for 2h", "for two hours" },
	{ "set", "sluicectl set service smtp max-rate-per-source 60/1m --save", "for good" },
	{ "set", "sluicectl set service smtp max-connections 400 --dry-run", "who would be refused right now?" },
	{ "set", "sluicectl set source-set partners enabled false", "switches the set off" },
	{ "unset", "sluicectl unset service smtp max-connections", "back to what the policy says" },
	{ "mode", "sluicectl mode enforce", "refuse, until the next reload; `mode = enforce` in the file is for good" },
	{ "ban", "sluicectl ban 192.0.2.1 --for 1h --reason 'guesses passwords'", "takes effect with its next packet" },
	{ "ban", "sluicectl ban 192.0.2.0/24 --kill --dry-run", "whose connections would end?" },
	{ "ban", "sluicectl ban --file bans.txt --by our-list", "a whole list, in one instant" },
	{ "unban", "sluicectl unban 192.0.2.1", "removes your own ban of it" },
	{ "unban", "sluicectl unban --all --by our-list", "everything that our-list has banned" },
	{ "bans", "sluicectl bans 192.0.2.1", "who banned it, and until when" },
	{ "kill", "sluicectl kill 192.0.2.1 --service smtp", "it may come again at once" },
	{ "allow", "sluicectl allow 198.51.100.7 --for 1d", "lets a partner in for a day, whatever the policy says" },
	{ "disallow", "sluicectl disallow 198.51.100.7", "takes the exact prefix of the allow" },
	{ "allows", "sluicectl allows", "who is allowed, and for how long" },
	{ "limit", "sluicectl limit 203.0.113.5 max-connections-per-source 200 --for 2h",
	  "one partner, just for tonight" },
	{ "unlimit", "sluicectl unlimit 203.0.113.5", "back to what the policy says" },
	{ "limits", "sluicectl limits", "who has their own limits, and until when" },
	{ "geo", "sluicectl geo status", "which databases are in force, and how old they are" },
	{ "geo", "sluicectl geo update --dry-run", "which countries would gain or lose addresses" },
	{ "fleet", "sluicectl fleet status", "are all hosts there, and how far can a limit be exceeded?" },
	{ "fleet", "sluicectl fleet acl", "a line for the server's users.acl" },
	{ "lookup", "sluicectl lookup 192.0.2.1", "what the policy says about it, at every service" },
	{ "explain", "sluicectl explain 192.0.2.1 --service smtp", "is it let in, why, and what to do next" },
	{ "watch", "sluicectl watch", "until Ctrl-C" },
	{ "refusals", "sluicectl refusals 192.0.2.1 --since 1d", "when was this sender refused, and why?" },
	{ "refusals", "sluicectl refusals --reason source-connections --top 20", "who runs into that limit?" },
	{ "history", "sluicectl history --service smtp --since 6h", "the last six hours of one service" },
	{ "top", "sluicectl top", "press ? to list its keys" },
	{ "suggest", "sluicectl suggest", "prints a file for conf.d; then reload" },
	{ "check", "sluicectl check new.conf", "every mistake, with its line" },
	{ "import", "sluicectl import postfix main.cf", "prints a policy" },
	{ "doctor", "sluicectl doctor new.conf", "before anything is attached" },
	{ "apply", "sluicectl apply new.conf --dry-run", "whom would it refuse or let in?" },
	{ "apply", "sluicectl apply new.conf --confirm 10m", "rolled back in ten minutes, unless you confirm" },
	{ "confirm", "sluicectl confirm", "keep the policy" },
	{ "revert", "sluicectl revert", "go back now" },
	{ "reload", "sluicectl reload", "the policy file, and every file it names" },
	{ "reload", "sluicectl reload --lists", "only lists and databases: for a timer" },
	{ "diff", "sluicectl diff new.conf", "key by key, what apply would change" },
	{ "dump", "sluicectl dump", "includes live settings" },
	{ "privacy", "sluicectl privacy report", "the answer to: what do you store?" },
	{ "export", "sluicectl export 192.0.2.1", "everything stored about it" },
	{ "erase", "sluicectl erase 192.0.2.1", "forget it" },
	{ "completion", "sluicectl completion zsh", "the package installs this already" },
	{ "unload", "sluicectl unload", "nothing is refused any more" },
};
const size_t help_examples_count = sizeof(help_examples) / sizeof(*help_examples);

const char *help_param(const struct api_verb *v, const struct api_param *p)
{
	const char *name = *p->name ? p->name : p->shown, *text;
	size_t i;

	for (i = 0; i < sizeof(params) / sizeof(*params); i++) {
		if ((!params[i].verb || !strcmp(params[i].verb, v->name)) && !strcmp(params[i].name, name))
			return params[i].text;
	}
	text = p->type < sizeof(types) / sizeof(*types) ? types[p->type] : NULL;
	return text ? text : "";
}
