/* SPDX-License-Identifier: BSD-2-Clause */
/* The texts of `CMD --help`: see help_texts.h. A row for a command counts before one for all of them, and that before one for a type. */
#include "help_texts.h"

#include <string.h>

#define TIMES "90, 90s, 5m, 2h or 1d"

/* `name` is that of an option, else what is shown of a word. */
static const struct {
	const char *verb, *name, *text;
} params[] = {
	{ "set", "service|source-set", "which kind of section it is" },
	{ "set", "NAME", "the name of the service or set, as the policy has it" },
	{ "set", "for", "how long: " TIMES "; without it until the next reload" },
	{ "set", "save", "for good: also written into conf.d beside the policy file" },
	{ "limit", "for", "how long: " TIMES "; without it until the next reload" },
	{ "limit", "service", "at this service alone; without it at all of them" },
	{ "unlimit", "service", "of this service alone" },
	{ "mode", "enforce|observe", "enforce: refuse; observe: let pass, and count what would be refused" },
	{ "ban", "file", "bans of a file: an address, prefix or range a line; - is standard input" },
	{ "ban", "tolerant", "leave out bad lines of the file, and name them" },
	{ "ban", "for", "how long: " TIMES "; without it, or with never, until it is taken back" },
	{ "ban", "reason", "why, in one line of 63 bytes" },
	{ "ban", "observe", "only count what it would refuse" },
	{ "ban", "force", "also what covers this host, its gateway or your own session" },
	{ "ban", "local", "on this host alone, not on the others of its fleet" },
	{ "ban", "kill", "also end its connections, now" },
	{ "ban", "dry-run", "change nothing: list the connections that would end" },
	{ "unban", "file", "what a file lists: an address, prefix or range a line; - is standard input" },
	{ "unban", "all", "every ban of the owner" },
	{ "unban", "all-owners", "whoever banned it" },
	{ "kill", "service", "those to this service alone" },
	{ "kill", "force", "also those of your own session" },
	{ "kill", "dry-run", "change nothing: list the connections that would end" },
	{ "allow", "for", "how long: " TIMES "; without it until it is taken back" },
	{ "allow", "local", "on this host alone, not on the others of its fleet" },
	{ "geo", "status|update", "status: which databases are in force, and how old; update: read the files again" },
	{ "geo", "force", "also one that is far smaller than before" },
	{ "sources", "fleet",
	  "those near a limit that holds over several hosts: what they hold here, and on which others" },
	{ "fleet", "status|acl",
	  "status: which hosts are there, what they hold, and the last error; acl: the rights that the store's user needs" },
	{ "explain", "port", "one of the ports of the service; without it the first" },
	{ "refusals", "ADDRESS|PREFIX", "only of these: 192.0.2.1, 192.0.2.0/24, 2001:db8::/48" },
	{ "refusals", "reason", "only for this reason, one of those below" },
	{ "check", "FILE", "the policy file" },
	{ "check", "elsewhere", "look at the files alone: the policy is for another host" },
	{ "import", "FILE ...", "files of that format; later ones count as if they stood below" },
	{ "doctor", "FILE", "the policy file; without it /etc/sluice/sluice.conf" },
	{ "apply", "FILE", "the policy file" },
	{ "apply", "save", "also make it the file that the next start reads; what that was is kept as .bak" },
	{ "apply", "confirm", "go back after this time, unless `sluicectl confirm` is said: " TIMES },
	{ "confirm", "save", "also make it the file that the next start reads; what that was is kept as .bak" },
	{ "reload", "lists", "only lists and databases: live settings, bans and allows stay" },
	{ "reload", "force", "take lists and databases as they are, also empty ones" },
	{ "diff", "FILE", "the policy file; without it the one that reload would read" },
	{ "privacy", "report", "the word itself" },
	{ "completion", "bash|zsh|fish|line",
	  "the shell whose script to print; line: what can follow the words of a line" },
	{ "completion", "WORD...", "the words of the line" },
	{ NULL, "service", "of this service alone: `sluicectl status` lists them" },
	{ NULL, "since", "only what was in the last " TIMES },
	{ NULL, "top", "so many lines at most" },
	{ NULL, "dry-run", "change nothing: say what would change" },
	{ NULL, "by", "whose: a name of 31 bytes; without it your user, as uid:0" },
};

static const char *const types[] = {
	[API_PREFIX] = "of IPv4 or IPv6: 192.0.2.1, 192.0.2.0/24, 2001:db8::1, 2001:db8::/48",
	[API_ADDRESS] = "of IPv4 or IPv6: 192.0.2.1, 2001:db8::1",
	[API_KEY] = "one of the keys below",
	[API_LIMIT_KEY] = "one of the keys below",
	[API_VALUE] = "as the policy has it; of a list also {A, B}, and none",
	[API_CHOICE] = "one of these words",
};

const struct help_example help_examples[] = {
	{ "status", "sluicectl status", "how things stand" },
	{ "status", "sluicectl --json status", "the same for programs; the fields are in sluicectl(8)" },
	{ "sources", "sluicectl sources --service smtp --top 10", "the ten who hold most" },
	{ "sources", "sluicectl sources --fleet", "who is near a limit over all hosts, and where he holds it" },
	{ "counters", "sluicectl counters", "what was let in and refused, and why" },
	{ "set", "sluicectl set service smtp max-connections-per-source 20 --for 2h", "for two hours" },
	{ "set", "sluicectl set service smtp max-rate-per-source 60/1m --save", "for good" },
	{ "set", "sluicectl set service smtp max-connections 400 --dry-run", "whom would that refuse now?" },
	{ "set", "sluicectl set source-set partners enabled false", "as if the set were not there" },
	{ "mode", "sluicectl mode enforce", "refuse, until the next reload; `mode = enforce` in the file is for good" },
	{ "ban", "sluicectl ban 192.0.2.1 --for 1h --reason 'guesses passwords'", "from its next packet on" },
	{ "ban", "sluicectl ban 192.0.2.0/24 --kill --dry-run", "whose connections would end?" },
	{ "ban", "sluicectl ban --file bans.txt --by our-list", "all of a list, at one instant" },
	{ "unban", "sluicectl unban 192.0.2.1", "your own ban of it" },
	{ "unban", "sluicectl unban --all --by our-list", "everything that our-list has banned" },
	{ "bans", "sluicectl bans 192.0.2.1", "who banned it, and until when" },
	{ "kill", "sluicectl kill 192.0.2.1 --service smtp", "it may come again at once" },
	{ "allow", "sluicectl allow 198.51.100.7 --for 1d", "a partner, for a day, whatever else is said" },
	{ "disallow", "sluicectl disallow 198.51.100.7", "the prefix is that of the allow" },
	{ "allows", "sluicectl allows", "who is allowed, and for how long" },
	{ "limit", "sluicectl limit 203.0.113.5 max-connections-per-source 200 --for 2h",
	  "one partner, for this night" },
	{ "unlimit", "sluicectl unlimit 203.0.113.5", "back to what the policy says" },
	{ "limits", "sluicectl limits", "who has limits of its own, and until when" },
	{ "geo", "sluicectl geo status", "which databases are in force, and how old they are" },
	{ "geo", "sluicectl geo update --dry-run", "which countries would gain or lose addresses" },
	{ "fleet", "sluicectl fleet status", "whether all hosts are there, and how far a limit can be exceeded" },
	{ "fleet", "sluicectl fleet acl", "a line for the server's users.acl" },
	{ "lookup", "sluicectl lookup 192.0.2.1", "what the policy says of it, at every service" },
	{ "explain", "sluicectl explain 192.0.2.1 --service smtp", "is it let in, why, and what to do next" },
	{ "watch", "sluicectl watch", "until Ctrl-C" },
	{ "refusals", "sluicectl refusals 192.0.2.1 --since 1d", "when was this sender refused, and why?" },
	{ "refusals", "sluicectl refusals --reason source-connections --top 20", "who runs into that limit?" },
	{ "history", "sluicectl history --service smtp --since 6h", "the last six hours of one service" },
	{ "top", "sluicectl top", "? there says which keys it has" },
	{ "suggest", "sluicectl suggest", "a file for conf.d; reload takes it" },
	{ "check", "sluicectl check new.conf", "every mistake, with its line" },
	{ "import", "sluicectl import postfix main.cf", "as a policy, on standard output" },
	{ "doctor", "sluicectl doctor new.conf", "before anything is attached" },
	{ "apply", "sluicectl apply new.conf --dry-run", "whom would it refuse or let in?" },
	{ "apply", "sluicectl apply new.conf --confirm 10m", "back in ten minutes, unless you confirm" },
	{ "confirm", "sluicectl confirm", "keep it" },
	{ "revert", "sluicectl revert", "back now" },
	{ "reload", "sluicectl reload", "the policy file, and everything it names" },
	{ "reload", "sluicectl reload --lists", "only lists and databases: for a timer" },
	{ "diff", "sluicectl diff new.conf", "key by key, what apply would change" },
	{ "dump", "sluicectl dump", "with what is set live" },
	{ "privacy", "sluicectl privacy report", "for whoever asks what is kept" },
	{ "export", "sluicectl export 192.0.2.1", "all that is held of it" },
	{ "erase", "sluicectl erase 192.0.2.1", "forget it" },
	{ "completion", "sluicectl completion zsh", "the package has installed it" },
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
