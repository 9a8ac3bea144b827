/* SPDX-License-Identifier: BSD-2-Clause */
/* `lookup` and `explain` for people: what the policy says about an address, and what would happen to a SYN from there. */
#include <string.h>

#include "moment.h"
#include "screen.h"
#include "show.h"

/* For a prefix, says which one of its addresses was asked about. */
static void show_address(const json_t *data)
{
	printf("address     %s", text_of(data, "address"));
	if (json_object_get(data, "asked"))
		printf(", the first of %s", text_of(data, "asked"));
}

void show_lookup(const json_t *data)
{
	char name[CUT_MOST];
	json_t *s;
	size_t i;
	int width;

	show_address(data);
	printf("\ncountry     %s\n", text_of(data, "country"));
	if (has_text(data, "inside"))
		printf("inside      %s: translated, counts as this address\n", text_of(data, "inside"));
	if (number_of(data, "asn"))
		printf("network     AS%lld\n", number_of(data, "asn"));
	printf("class       %lld\nsets       ", number_of(data, "class"));
	json_array_foreach(json_object_get(data, "sets"), i, s) printf(" %s", json_string_value(s));
	printf("\nsource      %s\n", text_of(data, "source"));
	json_array_foreach(json_object_get(data, "held"), i, s) printf(
		"held        %lld connections at %s, by %lld sources; %lld handshakes in progress\n",
		number_of(s, "connections"), text_of(s, "service"), number_of(s, "sources"), number_of(s, "reserved"));
	width = column_width(json_object_get(data, "services"), "name", 16, 54);
	printf("\n%-*s %-8s %-20s %s\n", width, "SERVICE", "VERDICT", "REASON", "CONNECTIONS PER SOURCE");
	json_array_foreach(json_object_get(data, "services"), i, s)
	{
		printf("%-*s ", width, cut_to(text_of(s, "name"), width, name));
		word_print(text_of(s, "verdict"), 8);
		printf(" %-20s %lld\n", text_of(s, "reason"), number_of(s, "max_connections_per_source"));
	}
}

static void show_count(const char *who, const json_t *t)
{
	const json_t *on = json_object_get(t, "on");
	struct paint p;
	char part[48], hosts[96];

	if (!t)
		return;
	p = paint_tone(tone_of_share(number_of(t, "held"), number_of(t, "max_connections")));
	printf("%-11s %s%s%s connections", who, p.on,
	       part_of(number_of(t, "held"), number_of(t, "max_connections"), part), p.off);
	if (json_object_get(t, "lease"))
		printf(" here, %lld on %s (lease %lld)", number_of(t, "elsewhere"),
		       number_of(t, "elsewhere") && on ? hosts_text(on, hosts) : "the other hosts",
		       number_of(t, "lease"));
	p = paint_tone(tone_of_share(number_of(t, "new"), number_of(t, "max_rate")));
	if (number_of(t, "interval"))
		printf(", %s%s%s new in %llds", p.on, part_of(number_of(t, "new"), number_of(t, "max_rate"), part),
		       p.off, number_of(t, "interval"));
	if (json_object_get(t, "rate_lease"))
		printf(", %lld new there (lease %lld)", number_of(t, "new_elsewhere"), number_of(t, "rate_lease"));
	putchar('\n');
}

/* The names of the steps with this result, in a line; nothing where there are none. Not 0: it was said. */
static int show_result(const json_t *steps, const char *result, const char *words, int said)
{
	char names[320] = "";
	size_t i, n = 0;
	json_t *s;

	json_array_foreach(steps, i, s)
	{
		if (!strcmp(text_of(s, "result"), result) && n < sizeof(names))
			n += snprintf(names + n, sizeof(names) - n, "%s%s", n ? ", " : "", text_of(s, "name"));
	}
	if (n)
		rest_print(names, printf("%-11s %s: ", said ? "" : "checks", words));
	return said || n;
}

/* How far it came in the order of checks. */
static void show_steps(const json_t *steps)
{
	int said = show_result(steps, "passed", "passed", 0);
	size_t i;
	json_t *s;

	said = show_result(steps, "observed", "would refuse", said);
	json_array_foreach(steps, i, s)
	{
		if (strcmp(text_of(s, "result"), "decided"))
			continue;
		rest_print(text_of(s, "question"),
			   printf("%-11s decided: %s. ", said ? "" : "checks", text_of(s, "name")));
		said = 1;
	}
	show_result(steps, "not-reached", "not reached", said);
}

/* The rule that decided, and who wrote it where, or set it when. */
static void show_rule(const json_t *data)
{
	_cleanup_free_ char *written = moments_say(text_of(data, "written"));

	if (has_text(data, "rule"))
		printf("rule        %s%s%s%s%s\nwritten     %s\n", text_of(data, "rule"),
		       has_text(data, "key") ? ": " : "", has_text(data, "key") ? text_of(data, "key") : "",
		       has_text(data, "by") ? ", by its " : "", has_text(data, "by") ? text_of(data, "by") : "",
		       written ? written : "");
	if (has_text(data, "entry"))
		printf("entry       %s%s%s\n", text_of(data, "entry"), has_text(data, "list") ? " in " : "",
		       has_text(data, "list") ? text_of(data, "list") : "");
}

void show_explain(const json_t *data)
{
	const json_t *counts = json_object_get(data, "counts"), *expires = json_object_get(data, "expires_in");
	struct paint p;

	show_address(data);
	printf(" at service %s\nverdict     ", text_of(data, "service"));
	word_print(text_of(data, "verdict"), 0);
	printf("\nreason      %s: %s\n", text_of(data, "reason"), text_of(data, "meaning"));
	if (has_text(data, "inside"))
		printf("inside      %s: translated, counts as this address\n", text_of(data, "inside"));
	if (has_text(data, "country"))
		printf("country     %s\n", text_of(data, "country"));
	p = paint_tone(TONE_NEAR);
	if (json_object_get(data, "would_refuse"))
		printf("            %s it would be %srefused%s: %s\n",
		       strcmp(text_of(data, "reason"), "observe") ? "if its ban did not only observe,"
								  : "in enforce mode",
		       p.on, p.off, text_of(data, "would_refuse"));
	show_rule(data);
	if (json_is_integer(expires))
		printf("ends in     %llds\n", (long long)json_integer_value(expires));
	show_count("source", json_object_get(counts, "source"));
	show_count("network", json_object_get(counts, "network"));
	show_count("set", json_object_get(counts, "set"));
	show_count("service", json_object_get(counts, "service"));
	show_steps(json_object_get(data, "steps"));
	show_next(data);
}
