/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes into the memory of refusals, and how long it stays. Entries hold only as much of an address as the policy allows, and go when they are
 * older than its retention time; when the policy changes to allow less, entries that hold more go. refusals_file.c keeps it across restarts.
 */
#include <string.h>

#include "keep.h"
#include "refusals_memory.h"

void refusals_hear(struct daemon *dm, const struct sluice_event *event, const char *service,
		   const struct sluice_addr *who)
{
	struct refusal one = { .source = privacy_keep(dm->privacy, who),
			       .reason = event->reason,
			       .verdict = event->verdict,
			       .last_ns = event->when_ns + dm->refusals_file.shift_ns,
			       .stands_for = event->stands_for };

	if (standing_live(dm->standing)->refusals == POLICY_NO_MEMORY)
		return;
	snprintf(one.service, sizeof(one.service), "%s", service);
	refusals_note(dm->refusals, &one);
	dm->refusals_file.dirty = true;
}

/* Removes those that contain more than may be kept now. */
static void exact_forget(struct daemon *dm)
{
	struct refusal *r, *next;
	int why;

	for (why = 0; why < SLUICE_REASONS; why++) {
		for (r = refusals_next(dm->refusals, why, NULL); r; r = next) {
			next = refusals_next(dm->refusals, why, r);
			if (!privacy_may_keep(dm->privacy, &r->source))
				refusals_remove(dm->refusals, r);
		}
	}
}

static size_t entries_count(const struct daemon *dm)
{
	return refusals_sums(dm->refusals).entries;
}

void refusals_follow(struct daemon *dm)
{
	const bool none = standing_live(dm->standing)->refusals == POLICY_NO_MEMORY;
	const size_t before = entries_count(dm);

	if (none)
		refusals_clear(dm->refusals);
	exact_forget(dm);
	if (none)
		dm->refusals_since_ns = 0;
	else if (!dm->refusals_since_ns)
		dm->refusals_since_ns = keep_now(&dm->refusals_file);
	if (entries_count(dm) != before)
		keep_soon(&dm->refusals_file);
}

void refusals_age(struct daemon *dm)
{
	const uint64_t now = keep_now(&dm->refusals_file),
		       kept = standing_live(dm->standing)->privacy_retention * KEEP_SECOND;
	const size_t before = entries_count(dm);

	if (now > kept)
		refusals_expire(dm->refusals, now - kept);
	if (entries_count(dm) != before)
		dm->refusals_file.dirty = true;
}
