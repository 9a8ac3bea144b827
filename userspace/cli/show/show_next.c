/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last lines of `explain`: what to do next, as commands that can be run as they stand. What they are depends on the reason; those that
 * change something do so for a time.
 */
#include <string.h>

#include "show.h"

/* ADDRESS in a command stands for the sender's. A reason without a row here has no command that would help. */
static const struct step {
	const char *reason, *purpose, *command;
} steps[] = {
	{ "banned", "to see who banned it, and for how long", "sluicectl bans ADDRESS" },
	{ "denied", "to see which sets and lists it is in", "sluicectl lookup ADDRESS" },
	{ "country", "to see the verdict of each service", "sluicectl lookup ADDRESS" },
	{ "syn-rate", "to see whether it was refused before, and how often", "sluicectl refusals ADDRESS" },
	{ "table-full", "to see what fills the table of handshakes", "sluicectl counters" },
	{ "admitted", "to see whether it was refused before", "sluicectl refusals ADDRESS" },
	{ "admitted", "to refuse it for an hour", "sluicectl ban ADDRESS --for 1h" },
	{ "unproven", "to see whether it was refused before", "sluicectl refusals ADDRESS" },
	{ "unproven", "to refuse it for an hour", "sluicectl ban ADDRESS --for 1h" },
	{ "cookie-sent", "to see what causes the pressure", "sluicectl counters" },
	{ "cookie-sent", "to refuse it for an hour", "sluicectl ban ADDRESS --for 1h" },
	{ "allowed", "to see what is allowed live, and until when", "sluicectl allows" },
	{ "allowed", "to see which sets it is in", "sluicectl lookup ADDRESS" },
	{ "observe", "to see who else would have been refused", "sluicectl refusals --since 1d" },
	{ "no-listener", "to see which servers listen on this host", "ss -ltn" },
	{ "not-local", "to see which addresses this host has", "ip address" },
	{ "stopped", "to restore the limits", "systemctl start sluiced" },
};

/* Limits that refuse: the count that is full, and the key that a live setting would raise. A sender's own key begins a `limit`. */
static const struct full {
	const char *reason, *key, *whose, *limit;
	bool sender;
} fulls[] = {
	{ "source-connections", "max-connections-per-source", "source", "max_connections", true },
	{ "source-rate", "max-rate-per-source", "source", "max_rate", true },
	{ "network-connections", "max-connections-per-network", "network", "max_connections", true },
	{ "network-rate", "max-rate-per-network", "network", "max_rate", true },
	{ "set-connections", "max-connections", "set", "max_connections", false },
	{ "set-rate", "max-rate", "set", "max_rate", false },
	{ "service-connections", "max-connections", "service", "max_connections", false },
	{ "service-rate", "max-rate", "service", "max_rate", false },
};

static void step_print(const char *purpose, const char *command)
{
	static bool said;
	int n = printf("%-11s %s: ", said ? "" : "next", purpose);

	rest_print(command, n);
	said = true;
}

static void step_fill(const json_t *data, const char *purpose, const char *command)
{
	const char *hole = strstr(command, "ADDRESS");
	char text[256];

	if (hole)
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(hole - command), command, text_of(data, "address"),
			 hole + strlen("ADDRESS"));
	step_print(purpose, hole ? text : command);
}

/* Suggests twice the limit, for two hours: a sender's own, or otherwise that of the service or the set. */
static void step_limit(const json_t *data, const struct full *f)
{
	const json_t *counts = json_object_get(json_object_get(data, "counts"), f->whose);
	long long n = number_of(counts, f->limit);
	char value[48], text[320];

	if (!n || (!f->sender && !has_text(data, "rule")))
		return;
	if (!strcmp(f->limit, "max_rate"))
		snprintf(value, sizeof(value), "%lld/%llds", 2 * n, number_of(counts, "interval"));
	else
		snprintf(value, sizeof(value), "%lld", 2 * n);
	if (f->sender)
		snprintf(text, sizeof(text), "sluicectl limit %s %s %s --service %s --for 2h", text_of(data, "address"),
			 f->key, value, text_of(data, "service"));
	else
		snprintf(text, sizeof(text), "sluicectl set %s %s %s --for 2h", text_of(data, "rule"), f->key, value);
	step_print(f->sender ? "to give it twice as much for two hours" : "to double that limit, for two hours", text);
}

/* An allow lets in everything that the policy, a ban or a limit refuses. */
static bool is_let_in_by_allow(const char *reason)
{
	static const char *const reasons[] = { "banned", "denied", "country", "syn-rate" };
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (!strcmp(reasons[i], reason))
			return true;
	}
	return false;
}

void show_next(const json_t *data)
{
	const bool observed = has_text(data, "would_refuse");
	const char *why = observed ? text_of(data, "would_refuse") : text_of(data, "reason");
	const bool is_ban = !strcmp(why, "banned"); /* it is somebody's order, also where it only counts */
	const struct full *full = NULL;
	size_t i;

	for (i = 0; i < sizeof(fulls) / sizeof(*fulls); i++)
		full = strcmp(fulls[i].reason, why) ? full : &fulls[i];
	if (full || is_let_in_by_allow(why))
		step_fill(data, observed ? "to let it in for a day when this is enforced" : "to let it in for a day",
			  "sluicectl allow ADDRESS --for 1d");
	if (full)
		step_limit(data, full);
	for (i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		if (!strcmp(steps[i].reason, text_of(data, "reason")) || (is_ban && !strcmp(steps[i].reason, why)))
			step_fill(data, steps[i].purpose, steps[i].command);
	}
}
