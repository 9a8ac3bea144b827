/* SPDX-License-Identifier: BSD-2-Clause */
/* Shows `fleet status`: the answer of the verb fleet-status, for people. */
#include <stdio.h>
#include <string.h>

#include "screen.h"
#include "show.h"

#define NAMED 3 /* hosts that are named; the others are a number */

static void show_differs(const json_t *names)
{
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name) printf("%s%s", i ? ", " : ", with other limits: ", json_string_value(name));
}

static void show_members(const json_t *data)
{
	json_t *m;
	size_t i;

	printf("\n%-24s %s\n", "HOST", "LAST HEARD");
	json_array_foreach(json_object_get(data, "members"), i, m)
	{
		printf("%-24s %lld ms ago", text_of(m, "name"), number_of(m, "beat_ms"));
		show_differs(json_object_get(m, "differs"));
		putchar('\n');
	}
}

static void show_bounds(const json_t *data)
{
	json_t *s;
	size_t i;

	printf("\n%-24s %s\n", "SERVICE", "LIMITS OVER THE FLEET");
	json_array_foreach(json_object_get(data, "services"), i, s)
	{
		if (json_is_true(json_object_get(s, "exact")))
			printf("%-24s exact: never exceeded\n", text_of(s, "name"));
		else
			printf("%-24s exceeded by %lld at most\n", text_of(s, "name"), number_of(s, "over"));
	}
}

static void show_shared(const json_t *bans)
{
	char at[24];

	if (!bans)
		return;
	printf("bans        %lld shared, %lld still to be told; of others %lld came, the last %s\n",
	       number_of(bans, "shared"), number_of(bans, "untold"), number_of(bans, "arrived"),
	       moment_text(bans, "arrived_at", "never", at));
	if (number_of(bans, "refused") || number_of(bans, "withheld"))
		printf("            %lld records refused: no host of the fleet made them, or there is no room; %lld bans "
		       "withheld: they would hit what this host lives by, or are too wide\n",
		       number_of(bans, "refused"), number_of(bans, "withheld"));
}

static void show_settings(const json_t *settings)
{
	json_t *s;
	size_t i;

	if (!settings)
		return;
	printf("settings    %lld shared live\n", number_of(settings, "shared"));
	json_array_foreach(json_object_get(settings, "unfit"), i, s)
		printf("            not here: %s %s: %s = %s, of %s: %s\n", text_of(s, "section"), text_of(s, "name"),
		       text_of(s, "key"), text_of(s, "value"), text_of(s, "host"), text_of(s, "why"));
}

void show_fleet(const json_t *data)
{
	printf("state       %s (this host is %s, on-partition = %s)\n", text_of(data, "state"), text_of(data, "name"),
	       text_of(data, "on_partition"));
	printf("store       %s %s, space %s\n", has_text(data, "server") ? text_of(data, "server") : "none",
	       text_of(data, "version"), text_of(data, "space"));
	if (json_is_integer(json_object_get(data, "staleness_ms")))
		printf("answered    %lld ms ago, in %lld us; max-staleness %lld ms\n", number_of(data, "staleness_ms"),
		       number_of(data, "round_trip_us"), number_of(data, "max_staleness_ms"));
	printf("hosts       %lld\nlimits      %lld near or asked for, %lld recorded\nexchanges   %lld\n",
	       number_of(data, "hosts"), number_of(data, "keys"), number_of(data, "records"),
	       number_of(data, "exchanges"));
	show_shared(json_object_get(data, "bans"));
	show_settings(json_object_get(data, "settings"));
	if (number_of(data, "refused_messages") || number_of(data, "changes_lost"))
		printf("odd         %lld messages ignored, %lld changes lost\n", number_of(data, "refused_messages"),
		       number_of(data, "changes_lost"));
	if (json_is_true(json_object_get(data, "evicts")))
		puts("warning     the server may evict records: set maxmemory-policy noeviction");
	if (has_text(data, "error"))
		printf("last error  %s\n", text_of(data, "error"));
	show_members(data);
	show_bounds(data);
}

const char *hosts_text(const json_t *on, char buf[static 96])
{
	size_t i, named = 0, more = 0, len = 0;
	char name[CUT_MOST];
	json_t *one;

	buf[0] = 0;
	json_array_foreach(on, i, one)
	{
		if (!number_of(one, "held"))
			continue;
		if (named == NAMED) {
			more++;
			continue;
		}
		len += snprintf(buf + len, 96 - len, "%s%s", named++ ? ", " : "",
				cut_to(text_of(one, "name"), 24, name));
	}
	if (more)
		snprintf(buf + len, 96 - len, " and %zu more", more);
	return buf;
}

/* Says who holds the rest, in the last column; as a number if the names are not known. */
static void show_others(const json_t *s, int before)
{
	const json_t *on = json_object_get(s, "on");
	char hosts[96];

	if (on)
		hosts_text(on, hosts);
	else
		snprintf(hosts, sizeof(hosts), "%lld others", number_of(s, "elsewhere_hosts"));
	rest_print(number_of(s, "elsewhere") ? hosts : "-", before);
}

void show_fleet_sources(const json_t *data)
{
	int source = column_width(data, "source", 15, 46), service = column_width(data, "service", 7, source + 39);
	char where[CUT_MOST], name[CUT_MOST], here[48], there[48];
	struct paint p;
	json_t *s;
	size_t i;

	printf("%-*s %-*s %5s %9s %9s  %s\n", source, "SOURCE", service, "SERVICE", "LIMIT", "HERE", "ELSEWHERE", "ON");
	json_array_foreach(data, i, s)
	{
		p = paint_tone(tone_of_share(number_of(s, "held") + number_of(s, "elsewhere"), number_of(s, "limit")));
		part_of(number_of(s, "held"), number_of(s, "lease"), here);
		part_of(number_of(s, "elsewhere"), number_of(s, "elsewhere_lease"), there);
		printf("%-*s %-*s %5lld %s%9s %9s%s  ", source, cut_to(text_of(s, "source"), source, where), service,
		       cut_to(text_of(s, "service"), service, name), number_of(s, "limit"), p.on, here, there, p.off);
		show_others(s, source + service + 29);
	}
	puts("\nOf limits that are near: what is held of what is leased, here and elsewhere.");
}
