/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes figures as Prometheus reads them: see metrics.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "metrics.h"
#include "plain.h"
#include "reason.h"
#include "sums.h"

enum metric_type { COUNTER, GAUGE };

/* How a family gets its samples: one of the six. The first two return false if there is none. */
struct family {
	const char *name; /* name of its samples */
	enum metric_type type;
	const char *help;
	bool (*whole)(const struct metrics *m, uint64_t *out); /* one sample */
	bool (*service)(const struct metrics_service *s, uint64_t *out); /* one sample for each service */
	uint64_t (*database)(const struct metrics_database *b); /* one sample for each database */
	size_t plain; /* one sample: 1 + the place of a field of 64 bits; 0: none */
	size_t fleet; /* one sample if there is a fleet: 1 + the place of its field; 0: none */
	void (*write)(const struct family *f, const struct metrics *m, FILE *out); /* any */
};

#define OF(field) (1 + offsetof(struct metrics, field))
#define OF_FLEET(field) (1 + offsetof(struct metrics_fleet, field))

/* A NULL name means no (further) label. */
struct label {
	const char *name, *value;
};

/* The name of a file or interface may be any bytes. Prometheus refuses all of a text that is not UTF-8. */
static void label_write(const struct label *l, FILE *out)
{
	_cleanup_free_ char *value = strdup(l->value);
	const char *p;

	fprintf(out, "%s=\"", l->name);
	for (p = value ? plain_make(value, true) : ""; *p; p++) {
		if (*p == '\n')
			fputs("\\n", out);
		else if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else
			fputc(*p, out);
	}
	fputc('"', out);
}

static void sample(const struct family *f, struct label a, struct label b, uint64_t value, FILE *out)
{
	fputs(f->name, out);
	if (a.name) {
		fputc('{', out);
		label_write(&a, out);
		if (b.name) {
			fputc(',', out);
			label_write(&b, out);
		}
		fputc('}', out);
	}
	fprintf(out, " %" PRIu64 "\n", value);
}

static const struct label no_label;

static struct label service_label(const struct metrics_service *s)
{
	return (struct label){ "service", s->name };
}

static struct label reason_of(int why)
{
	return (struct label){ "reason", reason_label(why) };
}

static void write_packets(const struct family *f, const struct metrics *m, FILE *out)
{
	size_t i;
	int why;

	for (i = 0; i < m->services_count; i++) {
		for (why = 0; why < SLUICE_REASONS; why++)
			sample(f, service_label(&m->services[i]), reason_of(why), m->services[i].stats[why].packets,
			       out);
	}
}

static bool connections_of(const struct metrics_service *s, uint64_t *out)
{
	*out = s->connections;
	return true;
}

static bool limit_of(const struct metrics_service *s, uint64_t *out)
{
	*out = s->limit;
	return s->limit;
}

static bool admitted_of(const struct metrics_service *s, uint64_t *out)
{
	*out = sum_admitted(s->stats);
	return true;
}

static bool pressure_of(const struct metrics_service *s, uint64_t *out)
{
	*out = s->pressure == 1;
	return s->pressure >= 0;
}

/* Returns the packets of a reason that not every kernel side has. */
static bool packets_of(const struct metrics_service *s, const char *label, uint64_t *out)
{
	int why = reason_find(label);

	if (why >= 0)
		*out = s->stats[why].packets;
	return why >= 0;
}

static bool cookies_sent_of(const struct metrics_service *s, uint64_t *out)
{
	return packets_of(s, "cookie-sent", out);
}

static bool cookies_valid_of(const struct metrics_service *s, uint64_t *out)
{
	return packets_of(s, "cookie-valid", out);
}

static void refusals(const struct family *f, const struct metrics *m, FILE *out, bool observed)
{
	const struct metrics_service *s;
	size_t i;
	int why;

	for (i = 0; i < m->services_count; i++) {
		s = &m->services[i];
		for (why = 0; why < SLUICE_REASONS && !s->other; why++) {
			if (reason_refuses(why))
				sample(f, service_label(s), reason_of(why),
				       observed ? s->stats[why].observed : s->stats[why].connections, out);
		}
	}
}

static void write_refused(const struct family *f, const struct metrics *m, FILE *out)
{
	refusals(f, m, out, false);
}

static void write_observed(const struct family *f, const struct metrics *m, FILE *out)
{
	refusals(f, m, out, true);
}

/* Writes the countries that have any. */
static void countries_write(const struct family *f, const struct metrics *m, FILE *out, bool admitted)
{
	const struct metrics_service *s;
	uint64_t n;
	size_t i, c;

	for (i = 0; i < m->services_count; i++) {
		s = &m->services[i];
		for (c = 0; c < s->countries_count; c++) {
			n = admitted ? s->countries[c].admitted : s->countries[c].refused;
			if (n)
				sample(f, service_label(s), (struct label){ "country", s->countries[c].code }, n, out);
		}
	}
}

static void write_country_refused(const struct family *f, const struct metrics *m, FILE *out)
{
	countries_write(f, m, out, false);
}

static void write_country_admitted(const struct family *f, const struct metrics *m, FILE *out)
{
	countries_write(f, m, out, true);
}

static void write_entries(const struct family *f, const struct metrics *m, FILE *out)
{
	size_t i;

	for (i = 0; i < m->maps_count; i++)
		sample(f, (struct label){ "map", m->maps[i].name }, no_label, m->maps[i].entries, out);
}

static void write_capacity(const struct family *f, const struct metrics *m, FILE *out)
{
	size_t i;

	for (i = 0; i < m->maps_count; i++)
		sample(f, (struct label){ "map", m->maps[i].name }, no_label, m->maps[i].capacity, out);
}

static void write_bans(const struct family *f, const struct metrics *m, FILE *out)
{
	size_t i;

	for (i = 0; i < m->owners_count; i++)
		sample(f, (struct label){ "owner", m->owners[i].name }, no_label, m->owners[i].bans, out);
}

static void write_interfaces(const struct family *f, const struct metrics *m, FILE *out)
{
	size_t i;

	for (i = 0; i < m->interfaces_count; i++)
		sample(f, (struct label){ "interface", m->interfaces[i].name }, no_label,
		       strcmp(m->interfaces[i].mode, "detached") != 0, out);
}

static void write_geo_entries(const struct family *f, const struct metrics *m, FILE *out)
{
	sample(f, (struct label){ "family", "ipv4" }, no_label, m->geo_entries[0], out);
	sample(f, (struct label){ "family", "ipv6" }, no_label, m->geo_entries[1], out);
}

static uint64_t built_of(const struct metrics_database *b)
{
	return b->built;
}

static uint64_t old_after_of(const struct metrics_database *b)
{
	return b->old_after;
}

static uint64_t skipped_of(const struct metrics_database *b)
{
	return b->skipped;
}

static uint64_t kept_of(const struct metrics_database *b)
{
	return b->kept;
}

static void write_build(const struct family *f, const struct metrics *m, FILE *out)
{
	sample(f, (struct label){ "version", m->version }, no_label, 1, out);
}

static bool observe_of(const struct metrics *m, uint64_t *out)
{
	*out = m->observe;
	return true;
}

static bool unconfirmed_of(const struct metrics *m, uint64_t *out)
{
	*out = m->unconfirmed;
	return true;
}

static bool reload_of(const struct metrics *m, uint64_t *out)
{
	*out = !m->reload_failed;
	return true;
}

static bool drift_of(const struct metrics *m, uint64_t *out)
{
	*out = m->drift;
	return m->drift >= 0;
}

static struct label set_of(const struct metrics_list *l)
{
	return (struct label){ "list", l->set };
}

static struct label key_of(const struct metrics_list *l)
{
	return (struct label){ "key", l->key };
}

static void write_list_entries(const struct family *f, const struct metrics *m, FILE *out)
{
	const struct metrics_list *l = m->lists;
	size_t i;

	for (i = 0; i < m->lists_count; i++)
		sample(f, set_of(&l[i]), key_of(&l[i]), l[i].entries, out);
}

static void write_list_skipped(const struct family *f, const struct metrics *m, FILE *out)
{
	const struct metrics_list *l = m->lists;
	size_t i;

	for (i = 0; i < m->lists_count; i++)
		sample(f, set_of(&l[i]), key_of(&l[i]), l[i].skipped, out);
}

static void write_list_ages(const struct family *f, const struct metrics *m, FILE *out)
{
	const struct metrics_list *l = m->lists;
	size_t i;

	for (i = 0; i < m->lists_count; i++) {
		if (l[i].known)
			sample(f, set_of(&l[i]), key_of(&l[i]), l[i].age, out);
	}
}

static void write_list_used(const struct family *f, const struct metrics *m, FILE *out)
{
	const struct metrics_list *l = m->lists;
	size_t i;

	for (i = 0; i < m->lists_count; i++)
		sample(f, set_of(&l[i]), key_of(&l[i]), l[i].known && !l[i].last_good, out);
}

static bool geo_built_of(const struct metrics *m, uint64_t *out)
{
	*out = m->geo_built;
	return m->geo_built;
}

static bool fleet_over_of(const struct metrics_service *s, uint64_t *out)
{
	*out = s->fleet_over;
	return s->fleet;
}

/* Writes the one figure that is no whole number. */
static void write_fleet_staleness(const struct family *f, const struct metrics *m, FILE *out)
{
	if (m->fleet.there)
		fprintf(out, "%s %" PRIu64 ".%03" PRIu64 "\n", f->name, m->fleet.staleness_ms / 1000,
			m->fleet.staleness_ms % 1000);
}

static const struct family families[] = {
	{ "sluice_packets_total", COUNTER,
	  "Packets judged, by the one reason each has; those of no service stand under -.", .write = write_packets },
	{ "sluice_connections", GAUGE, "Established connections.", .service = connections_of },
	{ "sluice_connections_limit", GAUGE, "max-connections in force; absent where there is no limit.",
	  .service = limit_of },
	{ "sluice_connections_admitted_total", COUNTER, "Connections let in, counted at their first SYN.",
	  .service = admitted_of },
	{ "sluice_connections_refused_total", COUNTER, "Connections refused; a client that tries again counts again.",
	  .write = write_refused },
	{ "sluice_connections_observed_total", COUNTER,
	  "Packets that would have been refused, but mode = observe let them pass.", .write = write_observed },
	{ "sluice_country_refused_total", COUNTER, "Connections refused by country; ZZ is in no database.",
	  .write = write_country_refused },
	{ "sluice_country_admitted_total", COUNTER,
	  "Connections let in by country; ZZ is in no database. Absent without a database.",
	  .write = write_country_admitted },
	{ "sluice_syn_cookies_sent_total", COUNTER, "SYNs answered with a SYN cookie.", .service = cookies_sent_of },
	{ "sluice_syn_cookies_valid_total", COUNTER, "SYN cookies that came back.", .service = cookies_valid_of },
	{ "sluice_under_pressure", GAUGE, "1 while the service answers SYNs with cookies.", .service = pressure_of },
	{ "sluice_sources_tracked", GAUGE, "Sources whose connections or rates are counted.",
	  .plain = OF(sources_tracked) },
	{ "sluice_map_entries", GAUGE, "Entries of a table of the kernel side.", .write = write_entries },
	{ "sluice_map_capacity", GAUGE, "Entries that it has room for.", .write = write_capacity },
	{ "sluice_bans", GAUGE,
	  "Live bans by owner: the sixteen owners with most, and (others) for what the rest has; no sample without bans.",
	  .write = write_bans },
	{ "sluice_interface_attached", GAUGE, "1: packets arriving there are judged; 0: they are not.",
	  .write = write_interfaces },
	{ "sluice_observe", GAUGE, "1: mode = observe, only live bans refuse.", .whole = observe_of },
	{ "sluice_policy_generation", GAUGE, "Number of the policy in force.", .plain = OF(generation) },
	{ "sluice_policy_unconfirmed", GAUGE, "1 while the policy in force goes back unless it is confirmed.",
	  .whole = unconfirmed_of },
	{ "sluice_policy_reverts_total", COUNTER, "Policies that were not confirmed, and went.", .plain = OF(reverts) },
	{ "sluice_policy_last_reload_success_timestamp_seconds", GAUGE, "When a policy file was last put in force.",
	  .plain = OF(applied_at) },
	{ "sluice_policy_last_reload_successful", GAUGE,
	  "0: the last reload failed, the policy before it stays in force.", .whole = reload_of },
	{ "sluice_accounting_drift", GAUGE,
	  "Connections by which counters and sockets differ; not 0 is a fault of sluice.", .whole = drift_of },
	{ "sluice_geoip_entries", GAUGE, "Address ranges of the country database in force.",
	  .write = write_geo_entries },
	{ "sluice_geoip_build_timestamp_seconds", GAUGE,
	  "When the country database was made; absent where there is none.", .whole = geo_built_of },
	{ "sluice_geoip_database_build_timestamp_seconds", GAUGE, "When a database was made.", .database = built_of },
	{ "sluice_geoip_database_old_after_seconds", GAUGE,
	  "The age from which on a database of its kind is old: by how often it is published.",
	  .database = old_after_of },
	{ "sluice_geoip_database_skipped_rows", GAUGE, "Rows of a database that cannot be read and are left out.",
	  .database = skipped_of },
	{ "sluice_geoip_database_kept", GAUGE, "1: the file cannot be used, its last good content is in force.",
	  .database = kept_of },
	{ "sluice_refusals_remembered", GAUGE, "Entries of the memory of refusals, a source, service and reason each.",
	  .plain = OF(remembered) },
	{ "sluice_refusals_forgotten_total", COUNTER,
	  "Entries of that memory that made room for others before their time.", .plain = OF(forgotten) },
	{ "sluice_refusals_untold_total", COUNTER,
	  "Refused packets that were counted and not told of, as there were too many: the memory has a sample of them.",
	  .plain = OF(untold) },
	{ "sluice_list_entries", GAUGE, "Entries of a list in force.", .write = write_list_entries },
	{ "sluice_list_skipped_lines", GAUGE, "Bad lines of a list's file, which are left out.",
	  .write = write_list_skipped },
	{ "sluice_list_age_seconds", GAUGE,
	  "How long ago what is in force of a list was written; absent where nothing is.", .write = write_list_ages },
	{ "sluice_list_used", GAUGE, "0: a list's file cannot be used, its last good content, if any, is in force.",
	  .write = write_list_used },
	{ "sluice_fleet_connected", GAUGE, "1: the fleet's store answers; absent where the policy has no fleet.",
	  .fleet = OF_FLEET(connected) },
	{ "sluice_fleet_in_touch", GAUGE, "1: limits hold over the fleet; 0: on-partition says how they hold.",
	  .fleet = OF_FLEET(in_touch) },
	{ "sluice_fleet_hosts", GAUGE, "Live hosts of the fleet, this one too.", .fleet = OF_FLEET(hosts) },
	{ "sluice_fleet_differing", GAUGE, "Live hosts of the fleet that give a limit another value than this one.",
	  .fleet = OF_FLEET(differing) },
	{ "sluice_fleet_staleness_seconds", GAUGE, "How long ago the store answered last.",
	  .write = write_fleet_staleness },
	{ "sluice_fleet_overshoot_bound", GAUGE,
	  "Connections by which a limit over the fleet may be exceeded while all hosts are in touch.",
	  .service = fleet_over_of },
	{ "sluice_fleet_keys", GAUGE, "Limits of which this host has a record at the store, or is about to.",
	  .fleet = OF_FLEET(keys) },
	{ "sluice_fleet_exchanges_total", COUNTER, "Counts that were told to the store.",
	  .fleet = OF_FLEET(exchanges) },
	{ "sluice_fleet_refused_messages_total", COUNTER,
	  "What sluice-fleet said and nobody had asked for, or could make sense of.",
	  .fleet = OF_FLEET(refused_messages) },
	{ "sluice_fleet_changes_lost_total", COUNTER,
	  "Changes of counts that found no room on their way to sluiced: it looked at all counters again.",
	  .fleet = OF_FLEET(changes_lost) },
	{ "sluice_fleet_bans", GAUGE, "Bans and allows that the fleet's hosts share.", .fleet = OF_FLEET(bans) },
	{ "sluice_fleet_settings", GAUGE, "Live settings that the fleet's hosts share.", .fleet = OF_FLEET(settings) },
	{ "sluice_fleet_settings_unfit", GAUGE,
	  "Of these, those that this host cannot put in force: `sluicectl fleet status` says why.",
	  .fleet = OF_FLEET(settings_unfit) },
	{ "sluice_fleet_refused_records_total", COUNTER,
	  "Shared bans that the store had and no host of the fleet made, or that found no room.",
	  .fleet = OF_FLEET(refused_records) },
	{ "sluice_build_info", GAUGE, "The version of sluiced.", .write = write_build },
};

/* OpenMetrics names a counter's family without the _total of its samples. */
static void head_write(const struct family *f, enum metrics_format format, FILE *out)
{
	int len = strlen(f->name);

	if (format == METRICS_OPENMETRICS && f->type == COUNTER)
		len -= strlen("_total");
	fprintf(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", len, f->name, f->help, len, f->name,
		f->type == COUNTER ? "counter" : "gauge");
}

static void family_write(const struct family *f, const struct metrics *m, FILE *out)
{
	uint64_t n;
	size_t i;

	if (f->write)
		f->write(f, m, out);
	if (f->whole && f->whole(m, &n))
		sample(f, no_label, no_label, n, out);
	for (i = 0; i < m->services_count && f->service; i++) {
		if (!m->services[i].other && f->service(&m->services[i], &n))
			sample(f, service_label(&m->services[i]), no_label, n, out);
	}
	if (f->plain)
		sample(f, no_label, no_label, *(const uint64_t *)((const char *)m + f->plain - 1), out);
	if (f->fleet && m->fleet.there)
		sample(f, no_label, no_label, *(const uint64_t *)((const char *)&m->fleet + f->fleet - 1), out);
	for (i = 0; i < m->databases_count && f->database; i++)
		sample(f, (struct label){ "database", m->databases[i].path }, no_label, f->database(&m->databases[i]),
		       out);
}

int metrics_write(const struct metrics *m, enum metrics_format format, FILE *out)
{
	size_t i;

	for (i = 0; i < sizeof(families) / sizeof(*families); i++) {
		head_write(&families[i], format, out);
		family_write(&families[i], m, out);
	}
	if (format == METRICS_OPENMETRICS)
		fputs("# EOF\n", out);
	return fflush(out) || ferror(out) ? -EIO : 0;
}
