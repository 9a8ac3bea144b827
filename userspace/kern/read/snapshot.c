/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads everything that status, counters and metrics show in one go: see struct snapshot. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "slot.h"
#include "answers.h"
#include "internal.h"
#include "list.h"
#include "tables.h"

struct visit {
	const struct engine *engine;
	struct snapshot *snapshot;
};

/* Asks the driver only if there is something to explain: status is asked for every second. */
static const char *mode_why(const struct interface_status *i)
{
	struct link_view l;

	if (strcmp(i->xdp_mode, "generic") || link_view(i->name, &l))
		return "";
	if (*link_generic_why(&l))
		return link_generic_why(&l);
	return l.lro ? "LRO is on, and drivers then refuse native mode"
		     : "the policy asked for it, or the driver refused native mode";
}

static int add_interface(const char *interface, const char *pin, void *arg)
{
	const struct visit *v = arg;
	struct interface_status *more = LIST_ADD(&v->snapshot->interfaces);
	char now[IF_NAMESIZE];

	if (!more)
		return -ENOMEM;
	memset(more, 0, sizeof(*more));
	snprintf(more->name, sizeof(more->name), "%s", gate_interface(interface, pin, now));
	snprintf(more->xdp_mode, sizeof(more->xdp_mode), "%s", gate_mode(interface, pin));
	more->mode_why = mode_why(more);
	return strcmp(more->xdp_mode, "detached") ? answers_read(v->engine, now, more) : 0;
}

static int stats_read(const struct engine *e, struct service_status *s)
{
	__u64 sums[SLUICE_REASONS][sizeof(struct sluice_stat) / sizeof(__u64)];
	int err = percpu_sums(e->map[MAP_stats], s->id * SLUICE_REASONS, SLUICE_REASONS,
			      sizeof(sums[0]) / sizeof(__u64), sums[0]);

	if (!err)
		memcpy(s->stats, sums, sizeof(sums));
	return err;
}

int admitted_from_read(const struct engine *e, unsigned int service, struct admitted_from *out)
{
	__u64 sums[SLUICE_ORIGINS];
	int err = percpu_sums(e->map[MAP_admitted_from], service * SLUICE_ORIGINS, SLUICE_ORIGINS, 1, sums);

	if (err)
		return err;
	memcpy(out->country, sums, sizeof(out->country));
	out->private = sums[SLUICE_ORIGIN_PRIVATE];
	out->since = sums[SLUICE_ORIGIN_SINCE];
	return 0;
}

int countries_read(const struct engine *e, const struct snapshot *s, unsigned int service, struct country_counts *out)
{
	struct admitted_from from = {};
	__u64 sums[SLUICE_COUNTRIES];
	int err = percpu_sums(e->map[MAP_countries], service * SLUICE_COUNTRIES, SLUICE_COUNTRIES, 1, sums);

	if (!err && generation_knows_countries(&s->generation))
		err = admitted_from_read(e, service, &from);
	if (err)
		return err;
	memcpy(out->refused, sums, sizeof(out->refused));
	memcpy(out->admitted, from.country, sizeof(out->admitted));
	out->admitted[0] += from.private;
	return 0;
}

static int service_read(const struct engine *e, __u32 slot, __u32 id, struct service_status *s)
{
	__u32 index = slot * SLUICE_MAX_SERVICES + id;
	struct sluice_pressure pressure;
	struct sluice_counter counter;
	int err;

	s->id = id;
	if (!id) {
		strcpy(s->row.name, "-");
		return stats_read(e, s);
	}
	err = bpf_map_lookup_elem(e->map[MAP_services], &index, &s->row);
	if (err || !*s->row.name)
		return err;
	err = bpf_map_lookup_elem(e->map[MAP_totals], &id, &counter);
	if (err)
		return err;
	s->held = counter.held;
	s->reserved = counter.reserved;
	err = tally_read(e, SLUICE_TALLY_WAITING + id, &s->waiting);
	if (err)
		return err;
	err = bpf_map_lookup_elem(e->map[MAP_pressures], &id, &pressure);
	if (err)
		return err;
	s->pressure = pressure.on;
	return stats_read(e, s);
}

void service_name_read(const struct engine *e, unsigned int id, char name[static SLUICE_NAME_LEN])
{
	char total[SLUICE_TOTAL_NAME_LEN] = "";

	snprintf(name, SLUICE_NAME_LEN, "%.31s", bpf_map_lookup_elem(e->map[MAP_names], &id, total) ? "?" : total);
}

int peaks_since(const struct engine *e, time_t *out)
{
	char path[PIN_PATH_LEN];
	struct stat st;

	pin_path(e->instance, "peaks", path);
	if (stat(path, &st))
		return -errno;
	*out = st.st_mtime;
	return 0;
}

int peaks_read(const struct engine *e, unsigned int id, struct sluice_peaks *out)
{
	return bpf_map_lookup_elem(e->map[MAP_peaks], &id, out);
}

static int services_read(const struct engine *e, __u32 slot, struct snapshot *s)
{
	__u32 id;
	int err;

	s->services = calloc(SLUICE_MAX_SERVICES, sizeof(*s->services));
	if (!s->services)
		return -ENOMEM;
	for (id = 0; id < SLUICE_MAX_SERVICES; id++) {
		err = service_read(e, slot, id, &s->services[s->services_count]);
		if (err)
			return err;
		if (*s->services[s->services_count].row.name)
			s->services_count++;
	}
	return 0;
}

static int opens_in(const struct sluice_control *control)
{
	const __u64 now = clock_ns(), second = 1000000000;

	if (!control->open_ns)
		return -1;
	return control->open_ns > now ? (int)((control->open_ns - now + second - 1) / second) : 0;
}

int engine_opens_in(const struct engine *e)
{
	struct sluice_control control;

	return control_read(e, &control) ? -1 : opens_in(&control);
}

/* Reads what is in force, until when, or since when not. */
static int force_read(const struct engine *e, __u32 *slot, struct snapshot *s)
{
	struct sluice_control control;
	struct sluice_identity who;
	__u32 zero = 0;
	int err;

	err = control_read(e, &control);
	if (!err)
		err = bpf_map_lookup_elem(e->map[MAP_identity], &zero, &who);
	if (err)
		return err;
	*slot = force_slot(control.force, clock_ns());
	err = bpf_map_lookup_elem(e->map[MAP_generations], slot, &s->generation);
	if (err)
		return err;
	s->trial = engine_trial(e, &s->trial_ms);
	s->reverts = who.reverts + (s->trial == TRIAL_OVER);
	s->reverted_s = who.reverted_s;
	s->stands_open = !opens_in(&control);
	memcpy(s->policy, who.policy[*slot], sizeof(s->policy));
	memcpy(s->other_policy, who.policy[!*slot], sizeof(s->other_policy));
	return 0;
}

DEFINE_CLEANUP(struct snapshot *, snapshot_free);

int snapshot_services(const struct engine *e, struct snapshot **out)
{
	_cleanup_(snapshot_free) struct snapshot *s = calloc(1, sizeof(*s));
	__u32 slot;
	int err = s ? force_read(e, &slot, s) : -ENOMEM;

	if (!err)
		err = services_read(e, slot, s);
	if (err)
		return err;
	*out = TAKE_PTR(s);
	return 0;
}

int snapshot_take(const struct engine *e, struct snapshot **out)
{
	_cleanup_(snapshot_free) struct snapshot *s = calloc(1, sizeof(*s));
	struct sluice_audits audits;
	struct visit v = { e, s };
	__u32 zero = 0, slot;
	int err;

	if (!s)
		return -ENOMEM;
	err = force_read(e, &slot, s);
	if (!err)
		err = bpf_map_lookup_elem(e->map[MAP_audits], &zero, &audits);
	if (!err)
		err = pins_each_gate(e->instance, add_interface, &v);
	if (!err)
		err = services_read(e, slot, s);
	if (!err)
		err = usage_read(e, slot, s);
	if (!err)
		err = containers_read(e, &s->containers, &s->containers_count);
	if (err)
		return err;
	s->healed = audits.healed;
	*out = TAKE_PTR(s);
	return 0;
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	free(s->interfaces.item);
	free(s->services);
	free(s->containers);
	free(s);
}
