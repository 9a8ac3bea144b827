/* SPDX-License-Identifier: BSD-2-Clause */
/* Shows `fleet status`: the answer of the verb fleet-status, for people. */
#include <stdio.h>

#include "show.h"

static void show_members(const json_t *data)
{
	json_t *m;
	size_t i;

	printf("\n%-24s %s\n", "HOST", "HEARD OF");
	json_array_foreach(json_object_get(data, "members"), i, m)
		printf("%-24s %lld ms ago\n", text_of(m, "name"), number_of(m, "beat_ms"));
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
	if (number_of(data, "refused_messages") || number_of(data, "changes_lost"))
		printf("odd         %lld messages passed over, %lld changes lost\n",
		       number_of(data, "refused_messages"), number_of(data, "changes_lost"));
	if (json_is_true(json_object_get(data, "evicts")))
		puts("warning     the server may throw records away: set maxmemory-policy noeviction");
	if (has_text(data, "error"))
		printf("last error  %s\n", text_of(data, "error"));
	show_members(data);
	show_bounds(data);
}
