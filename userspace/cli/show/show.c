/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON for people: 80 columns. */
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "moment.h"
#include "screen.h"
#include "show.h"
#include "value.h"

void word_print(const char *word, int width)
{
	const struct paint p = paint_word(word);

	printf("%s%-*s%s", p.on, width, word, p.off);
}

void warning_print(const char *fmt, ...)
{
	const struct paint p = paint_tone(TONE_NEAR);
	va_list ap;

	printf("   %swarning:%s ", p.on, p.off);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

const char *part_of(long long n, long long limit, char buf[static 48])
{
	if (limit)
		snprintf(buf, 48, "%lld/%lld", n, limit);
	else
		snprintf(buf, 48, "%lld", n);
	return buf;
}

const char *short_text(long long n, char buf[static 24])
{
	static const char units[] = " kMGT";
	size_t unit = 0;

	for (; n >= (unit ? 10000 : 100000) && units[unit + 1]; unit++)
		n /= 1000;
	snprintf(buf, 24, unit ? "%lld%c" : "%lld", n, units[unit]);
	return buf;
}

const char *moment_text(const json_t *o, const char *key, const char *otherwise, char buf[static 24])
{
	struct tm tm;
	time_t at;

	if (!moment_read(text_of(o, key), &at))
		return otherwise;
	tm = moment_clock(at);
	strftime(buf, 24, "%Y-%m-%d %H:%M:%S", &tm);
	return buf;
}

const char *zone_title(const char *title, char buf[static 32])
{
	snprintf(buf, 32, "%s (%s)", title, moment_zone());
	return buf;
}

const char *duration_text(long long seconds, char buf[static 32])
{
	if (seconds >= 86400)
		snprintf(buf, 32, "%lldd %lldh", seconds / 86400, seconds % 86400 / 3600);
	else if (seconds >= 3600)
		snprintf(buf, 32, "%lldh %lldm", seconds / 3600, seconds % 3600 / 60);
	else
		snprintf(buf, 32, "%lldm %llds", seconds / 60, seconds % 60);
	return buf;
}

void show_sources(const json_t *data)
{
	int source = column_width(data, "source", 15, 37), service = column_width(data, "service", 7, source + 21);
	char part[48], where[CUT_MOST], name[CUT_MOST];
	struct paint p;
	json_t *s;
	size_t i;

	printf("%-*s %-7s %-*s %11s\n", source, "SOURCE", "COUNTRY", service, "SERVICE", "CONNECTIONS");
	json_array_foreach(data, i, s)
	{
		p = paint_tone(tone_of_share(number_of(s, "connections"), number_of(s, "limit")));
		printf("%-*s %-7s %-*s %s%11s%s\n", source, cut_to(text_of(s, "source"), source, where),
		       text_of(s, "country"), service, cut_to(text_of(s, "service"), service, name), p.on,
		       part_of(number_of(s, "connections"), number_of(s, "limit"), part), p.off);
	}
}

void show_ends(const json_t *data)
{
	int peer = column_width(data, "peer", 15, 29), service = column_width(data, "service", 7, peer + 13);
	char name[CUT_MOST];
	json_t *s;
	size_t i;

	printf("%-*s %-*s %s\n", peer, "PEER", service, "SERVICE", "STATE");
	json_array_foreach(data, i, s) printf("%-*s %-*s %s\n", peer, text_of(s, "peer"), service,
					      cut_to(text_of(s, "service"), service, name), text_of(s, "state"));
	printf("\n%zu connections would end\n", json_array_size(data));
}

/* What is too long for its column has a line of its own: nobody can take back what he cannot read. */
static void source_print(const json_t *s, int width)
{
	const char *source = text_of(s, "source");
	bool fits = strlen(source) <= (size_t)width;

	if (!fits)
		puts(source);
	printf("%-*s ", width, fits ? source : "");
}

void rest_print(const char *text, int before)
{
	int width = screen_width();

	if (width && before + (int)strlen(text) > width)
		printf("\n    %s", text);
	else
		fputs(text, stdout);
	putchar('\n');
}

void show_allows(const json_t *data)
{
	int source = column_width(data, "source", 15, 60);
	char left[32];
	json_t *s;
	size_t i;

	printf("%-*s %-9s %s\n", source, "SOURCE", "ENDS IN", "REASON");
	json_array_foreach(data, i, s)
	{
		source_print(s, source);
		printf("%-9s ", json_is_null(json_object_get(s, "expires_in"))
					? "never"
					: duration_text(number_of(s, "expires_in"), left));
		rest_print(text_of(s, "reason"), source + 11);
	}
}

/* Some are shared by the hosts of a fleet. */
static bool has_hosts(const json_t *bans)
{
	bool any = false;
	json_t *b;
	size_t i;

	json_array_foreach(bans, i, b) any |= has_text(b, "host");
	return any;
}

void show_bans(const json_t *data)
{
	int source = column_width(data, "source", 15, 60);
	const bool fleet = has_hosts(data);
	char ends[32], owner[CUT_MOST], why[512];
	struct paint p;
	bool observe;
	json_t *s;
	size_t i;

	printf("%-*s %-19s %-12s %s%8s %6s  %s\n", source, "SOURCE", zone_title("ENDS", ends), "OWNER",
	       fleet ? "HOST         " : "", "PACKETS", "CONNS", "REASON");
	json_array_foreach(data, i, s)
	{
		observe = json_is_true(json_object_get(s, "observe"));
		snprintf(why, sizeof(why), "%s%s", observe ? "(only counted) " : "", text_of(s, "reason"));
		p = paint_tone(observe ? TONE_NEAR : TONE_BAD);
		source_print(s, source);
		printf("%-19s %-12s ", moment_text(s, "ends", "never", ends),
		       cut_to(text_of(s, "owner"), screen_width() ? 12 : CUT_MOST, owner));
		if (fleet)
			printf("%-12s ", cut_to(has_text(s, "host") ? text_of(s, "host") : "-",
						screen_width() ? 12 : CUT_MOST, owner));
		printf("%s%8lld %6lld%s  ", number_of(s, "packets") ? p.on : "", number_of(s, "packets"),
		       number_of(s, "connections"), number_of(s, "packets") ? p.off : "");
		rest_print(why, source + (fleet ? 65 : 52));
	}
}

void show_counters(const json_t *data)
{
	int service = column_width(data, "service", 16, 63);
	char name[CUT_MOST];
	json_t *s;
	size_t i;

	printf("%-*s %-20s %13s %13s %12s\n", service, "SERVICE", "REASON", "PACKETS", "CONNECTIONS", "WOULD REFUSE");
	json_array_foreach(data, i, s) printf(
		"%-*s %-20s %13lld %13lld %12lld\n", service, cut_to(text_of(s, "service"), service, name),
		text_of(s, "reason"), number_of(s, "packets"), number_of(s, "connections"), number_of(s, "observed"));
}

void show_privacy(const json_t *data)
{
	json_t *p;
	size_t i;

	printf("addresses   %s for all but root; in watch, refusals and log for root, too\n",
	       text_of(data, "addresses"));
	json_array_foreach(json_object_get(data, "places"), i, p)
		printf("\n%s\n    holds    %s\n    for      %s\n    kept     %s\n", text_of(p, "place"),
		       text_of(p, "holds"), text_of(p, "purpose"), text_of(p, "kept"));
}

void show_suggest(const json_t *data)
{
	_cleanup_free_ char *said = moments_say(text_of(data, "policy"));

	fputs(said ? said : text_of(data, "policy"), stdout);
}

void show_diff(const json_t *data)
{
	json_t *s;
	size_t i;

	json_array_foreach(data, i, s) printf("%-8s %s\n", text_of(s, "change"), text_of(s, "what"));
}

static const char *day_text(long long seconds, char buf[static 24])
{
	struct tm tm = moment_clock(seconds);

	strftime(buf, 24, "%Y-%m-%d %H:%M", &tm);
	return seconds ? buf : "-";
}

/* A file that is of two kinds has two rows, one after the other. */
static void show_geo_age(const json_t *databases)
{
	const char *last = "";
	json_t *f;
	size_t i;

	json_array_foreach(databases, i, f)
	{
		if (!strcmp(text_of(f, "path"), last))
			continue;
		last = text_of(f, "path");
		if (json_is_true(json_object_get(f, "kept")))
			printf("\n%s cannot be used: its last good content is in force\n", last);
		if (json_is_true(json_object_get(f, "old")))
			printf("\n%s is old: such databases are published\n%s; let sluice-geo.timer fetch it (sluicectl(8), geo)\n",
			       last, text_of(f, "published"));
		if (number_of(f, "skipped"))
			printf("\n%s: %lld rows cannot be read and are left out\n", last, number_of(f, "skipped"));
	}
}

static void show_geo_changes(const json_t *data)
{
	const json_t *changes = json_object_get(data, "changes");
	json_t *c;
	size_t i;

	if (!changes)
		return;
	if (!json_array_size(changes)) {
		puts("\nNo address changed its country.");
		return;
	}
	printf("\nAddress space of %lld countries changed; most (IPv4 addresses, IPv6 /64 networks):\n\n",
	       number_of(data, "changed_countries"));
	printf("%-8s %14s %14s %17s %17s\n", "COUNTRY", "IPV4 GAINED", "IPV4 LOST", "/64 GAINED", "/64 LOST");
	json_array_foreach(changes, i, c)
		printf("%-8s %14lld %14lld %17lld %17lld\n", text_of(c, "country"), number_of(c, "ipv4_gained"),
		       number_of(c, "ipv4_lost"), number_of(c, "ipv6_gained"), number_of(c, "ipv6_lost"));
}

void show_geo(const json_t *data)
{
	char day[24], built[32];
	json_t *f;
	size_t i;

	printf("%-8s %-7s %10s %10s  %-16s  %s\n", "KIND", "FORMAT", "IPV4", "IPV6", zone_title("BUILT", built),
	       "DATABASE");
	json_array_foreach(json_object_get(data, "databases"), i, f) printf(
		"%-8s %-7s %10lld %10lld  %-16s  %s\n", text_of(f, "kind"), text_of(f, "format"), number_of(f, "ipv4"),
		number_of(f, "ipv6"), day_text(number_of(f, "built"), day), text_of(f, "path"));
	if (!json_array_size(json_object_get(data, "databases")))
		puts("none: the policy names no country and no database, and counts by none (tor-geoipdb)");
	show_geo_age(json_object_get(data, "databases"));
	show_geo_changes(data);
}

static void show_refused(const json_t *row, const char *source, const char *service, const char *reason)
{
	char part[48], had[96] = "", from[CUT_MOST], at[CUT_MOST];
	const int width = screen_width() ? 29 : CUT_MOST - 1, name = screen_width() ? 12 : CUT_MOST - 1;

	part_of(number_of(row, "connections"), number_of(row, "limit"), part);
	if (number_of(row, "peak") > number_of(row, "connections"))
		snprintf(had, sizeof(had), "had %lld, now ", number_of(row, "peak"));
	strcat(had, part);
	printf("%-29s %-12s %17s %s\n", cut_to(source, width, from), cut_to(service, name, at), had, reason);
}

/* "12.5 %" of the address space; where that is next to nothing, how many addresses or /64. */
static void show_share(const json_t *service, const char *key)
{
	double share = json_real_value(json_object_get(json_object_get(service, "shares"), key));
	char text[32];

	if (share >= 0.01)
		snprintf(text, sizeof(text), "%.2f %%", share);
	else
		snprintf(text, sizeof(text), "%lld%s", number_of(service, key),
			 key[3] == '6' && number_of(service, key) ? " /64" : "");
	printf(" %14s", text);
}

/* Whom observe mode would have refused, and what would become of them. */
static void show_observed(const json_t *o)
{
	const char *reason, *before = " (";
	char span[16];
	json_t *n;

	if (!number_of(o, "senders")) {
		if (number_of(o, "seconds"))
			printf("Observe mode would have refused nobody in the last %s.\n",
			       seconds_format(number_of(o, "seconds"), span));
		else
			puts("Observe mode: no refusals are remembered.");
		return;
	}
	printf("Observe mode would have refused %lld senders in the last %s:\n    let in by this policy: %lld; still refused: %lld",
	       number_of(o, "senders"), seconds_format(number_of(o, "seconds"), span), number_of(o, "let_in"),
	       number_of(o, "refused"));
	json_object_foreach(json_object_get(o, "by"), reason, n)
	{
		printf("%s%s %lld", before, reason, (long long)json_integer_value(n));
		before = ", ";
	}
	puts(number_of(o, "refused") ? ")" : "");
	if (number_of(o, "unknown"))
		printf("    unknown for %lld (addresses: %s; not known what they would have opened)\n",
		       number_of(o, "unknown"), text_of(o, "addresses"));
}

void show_forecast(const json_t *data)
{
	const json_t *services = json_object_get(data, "services"), *sources = json_object_get(data, "sources");
	int width = column_width(services, "name", 16, 60);
	char name[CUT_MOST], span[16];
	size_t i;
	json_t *s;

	puts("Nothing has been changed. Address space, as a share or addresses and /64:\n");
	printf("%-*s %14s %14s %14s %14s\n", width, "SERVICE", "IPV4 REFUSED", "IPV4 ADMITTED", "IPV6 REFUSED",
	       "IPV6 ADMITTED");
	json_array_foreach(services, i, s)
	{
		printf("%-*s", width, cut_to(text_of(s, "name"), width, name));
		show_share(s, "ipv4_refused");
		show_share(s, "ipv4_admitted");
		show_share(s, "ipv6_refused");
		show_share(s, "ipv6_admitted");
		putchar('\n');
	}
	printf("\nSources connected now or in the last %s: %lld; of these refused, then or now: %lld\n",
	       seconds_format(number_of(data, "retention"), span), number_of(data, "judged"),
	       number_of(data, "refused"));
	printf("Sources whose next connection would be refused: %lld, of these above a limit: %lld\n",
	       number_of(data, "next"), number_of(data, "above"));
	show_observed(json_object_get(data, "observed"));
	json_array_foreach(services, i, s)
	{
		if (number_of(s, "limit") && number_of(s, "connections") >= number_of(s, "limit"))
			show_refused(s, "(all)", text_of(s, "name"), "service-connections");
	}
	json_array_foreach(sources, i, s)
		show_refused(s, text_of(s, "source"), text_of(s, "service"), text_of(s, "reason"));
}
