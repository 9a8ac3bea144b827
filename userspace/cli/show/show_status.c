/* SPDX-License-Identifier: BSD-2-Clause */
/* `status` for people: what is attached, what needs attention, live settings, and a line for each service. */
#include <string.h>
#include <time.h>

#include "moment.h"
#include "screen.h"
#include "show.h"

/* Returns all of them if standard output is no terminal. */
static const char *ports_of(const json_t *service, char buf[static CUT_MOST])
{
	static char all[256]; /* a service has 32 of them at most */
	json_t *port;
	size_t i, n = 0;

	*all = 0;
	json_array_foreach(json_object_get(service, "ports"), i, port)
	{
		if (n + 7 < sizeof(all))
			n += snprintf(all + n, sizeof(all) - n, "%s%lld", i ? "," : "",
				      (long long)json_integer_value(port));
	}
	return cut_to(all, screen_width() ? 12 : CUT_MOST, buf);
}

static void show_interfaces(const json_t *data)
{
	json_t *interface;
	size_t i;

	if (json_is_false(json_object_get(data, "attached")))
		puts("attached    to nothing: no packet is judged");
	json_array_foreach(json_object_get(data, "interfaces"), i, interface)
	{
		printf("interface   %s: ", text_of(interface, "name"));
		word_print(text_of(interface, "xdp_mode"), 0);
		if (!strcmp(text_of(interface, "xdp_mode"), "generic"))
			warning_print("slower than native: %s", text_of(interface, "mode_why"));
		if (!strcmp(text_of(interface, "xdp_mode"), "detached"))
			warning_print(
				"nothing is refused there: `sluicectl reload` attaches it, or says that it is absent");
		putchar('\n');
		if (!strcmp(text_of(interface, "answers"), "host"))
			printf("            the host answers there, not XDP: %s\n", text_of(interface, "why"));
		else if (number_of(interface, "cookies_sent"))
			printf("            SYN cookies: sent %lld, returned %lld\n",
			       number_of(interface, "cookies_sent"), number_of(interface, "cookies_returned"));
	}
}

static void show_containers(const json_t *data)
{
	json_t *container, *namespaces;
	size_t i;

	json_array_foreach(json_object_get(data, "containers"), i, container)
	{
		namespaces = json_object_get(container, "namespaces");
		printf("container   %s: ", text_of(container, "name"));
		if (json_is_null(namespaces))
			printf("without sluiced, nobody notices when it restarts");
		else if (json_integer_value(namespaces))
			printf("%lld network namespace%s", json_integer_value(namespaces),
			       json_integer_value(namespaces) == 1 ? "" : "s");
		else
			printf("away");
		if (has_text(container, "why"))
			warning_print("%s", text_of(container, "why"));
		putchar('\n');
	}
}

static void show_list(const json_t *list)
{
	const char *state = text_of(list, "state");
	char age[32];
	json_t *said = json_object_get(list, "messages");

	printf("list        %s: ", text_of(list, "set"));
	if (!strcmp(state, "none"))
		printf("empty, no content is known");
	else
		printf("%lld entries, written %s ago", number_of(list, "entries"),
		       duration_text(number_of(list, "age_seconds"), age));
	if (strcmp(state, "read"))
		warning_print("%s is not used%s", text_of(list, "file"),
			      strcmp(state, "none") ? ": this is its last good content" : "");
	else if (number_of(list, "bad_lines"))
		warning_print("%lld bad lines left out", number_of(list, "bad_lines"));
	putchar('\n');
	if (json_array_size(said))
		printf("            %s\n", json_string_value(json_array_get(said, 0)));
}

static void show_lists(const json_t *data)
{
	json_t *list;
	size_t i;

	json_array_foreach(json_object_get(data, "lists"), i, list) show_list(list);
}

static void show_confirm(const json_t *confirm)
{
	if (!strcmp(text_of(confirm, "state"), "awaited"))
		printf("confirm     awaited: the policy goes back in %llds unless you run: sluicectl confirm\n",
		       number_of(confirm, "seconds"));
	else if (json_is_object(confirm))
		printf("confirm     the previous policy is back; this one was not confirmed in time:\n            %s\n",
		       text_of(confirm, "policy"));
}

static void show_waiting(const json_t *services)
{
	json_t *s;
	size_t i;

	json_array_foreach(services, i, s)
	{
		if (number_of(s, "waiting"))
			printf("waiting     %lld connections of %s ended before the server accepted them, and keep their slots until it has\n",
			       number_of(s, "waiting"), text_of(s, "name"));
	}
}

/* Returns "*" if this key of a service is set live. */
static const char *star_of(const json_t *data, const char *section, const char *name, const char *key)
{
	json_t *s;
	size_t i;

	json_array_foreach(json_object_get(data, "live"), i, s)
	{
		if (!strcmp(text_of(s, "section"), section) && !strcmp(text_of(s, "name"), name) &&
		    !strcmp(text_of(s, "key"), key))
			return "*";
	}
	return "";
}

static void show_setting(const json_t *s)
{
	const char *host = has_text(s, "host") ? text_of(s, "host") : "";
	char since[24], until[24], who[32];

	snprintf(who, sizeof(who), "uid %lld", number_of(s, "uid"));
	printf("%s: %s = %s", text_of(s, "what"), text_of(s, "key"), text_of(s, "value"));
	if (json_is_string(json_object_get(s, "file")))
		printf(" (the file: %s)", text_of(s, "file"));
	printf("\n    by %s%s%s since %s, until %s%s\n", has_text(s, "user") ? text_of(s, "user") : who,
	       *host ? " on " : "", host, moment_text(s, "since", "", since),
	       moment_text(s, "until", "the next reload", until),
	       *host && !has_text(s, "until") ? " there, or unset" : "");
}

void show_live(const json_t *data)
{
	json_t *s;
	size_t i;

	json_array_foreach(data, i, s) show_setting(s);
}

static void show_service(const json_t *data, const json_t *s, int width)
{
	const bool observe = !strcmp(text_of(data, "mode"), "observe");
	const char *name = text_of(s, "name"), *star = star_of(data, "service", name, "max-connections-per-source");
	const long long held = number_of(s, "connections"), most = number_of(s, "max_connections");
	const long long limit = number_of(s, "max_connections_per_source");
	const struct paint p = paint_tone(tone_of_share(held, most));
	char part[48], whole[52], each[24], ports[CUT_MOST], cut[CUT_MOST];

	if (limit)
		snprintf(each, sizeof(each), "%lld%s", limit, star);
	else
		snprintf(each, sizeof(each), "-%s", star);
	snprintf(whole, sizeof(whole), "%s%s", part_of(held, most, part),
		 star_of(data, "service", name, "max-connections"));
	printf("%-*s %-12s %s%13s%s %10s %11lld %12lld\n", width, cut_to(name, width, cut), ports_of(s, ports), p.on,
	       whole, p.off, each, number_of(s, "admitted"), number_of(s, observe ? "observed" : "refused"));
}

void show_status(const json_t *data)
{
	bool observe = !strcmp(text_of(data, "mode"), "observe");
	long long drift = number_of(data, "drift");
	json_t *s;
	size_t i;
	int width;

	printf("daemon      ");
	word_print(text_of(data, "daemon"), 0);
	printf("\nmode        ");
	word_print(text_of(data, "mode"), 0);
	printf("%s\npolicy      %s, generation %lld\n", star_of(data, "", "", "mode"), text_of(data, "policy"),
	       number_of(data, "generation"));
	show_confirm(json_object_get(data, "confirm"));
	if (json_is_true(json_object_get(data, "stands_open")))
		printf("gate        open: sluiced was stopped, and stop-grace is over: everything passes\n");
	show_interfaces(data);
	show_containers(data);
	show_lists(data);
	if (json_string_length(json_object_get(data, "metrics")))
		printf("metrics     http://%s/\n", text_of(data, "metrics"));
	printf("tracked     %lld sources, %lld handshakes in progress\n", number_of(data, "sources_tracked"),
	       number_of(data, "reservations"));
	if (drift > 0) {
		printf("drift       %lld", drift);
		warning_print("counters differ from sockets: please report this\n");
	}
	if (number_of(data, "healed"))
		printf("healed      %lld connections whose end the kernel did not report\n", number_of(data, "healed"));
	show_waiting(json_object_get(data, "services"));
	width = column_width(json_object_get(data, "services"), "name", 16, 63);
	printf("\n%-*s %-12s %13s %10s %11s %12s\n", width, "SERVICE", "PORTS", "CONNECTIONS", "PER SOURCE", "ADMITTED",
	       observe ? "WOULD REFUSE" : "REFUSED");
	json_array_foreach(json_object_get(data, "services"), i, s) show_service(data, s, width);
	if (json_array_size(json_object_get(data, "live")))
		printf("\nSet live (* above; times are %s):\n", moment_zone());
	show_live(json_object_get(data, "live"));
	json_array_foreach(json_object_get(data, "services"), i, s)
	{
		if (json_is_true(json_object_get(s, "pressure")))
			printf("\n%s is under pressure: its SYNs are answered with SYN cookies.\n", text_of(s, "name"));
	}
	if (observe)
		printf("\nObserve mode: only live bans are refused. `sluicectl counters` shows what else\nwould be, and why. To refuse it:\n"
		       "  sluicectl mode enforce      at once, until the next reload\n"
		       "  mode = enforce              in the policy file, and `sluicectl reload`: for good\n");
}
