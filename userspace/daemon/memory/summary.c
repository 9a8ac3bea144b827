/* SPDX-License-Identifier: BSD-2-Clause */
/* log { refusals = summary }: logs one line a minute for each source and reason that was refused since the last time. */
#include <syslog.h>

#include "refusals_memory.h"
#include "reason.h"

#define LINES 50 /* for each reason; one more line sums up the rest */

/* Those that there was no line for. */
struct rest {
	uint64_t sources, count;
};

static void line_say(const struct refusal *r)
{
	char text[ADDR_TEXT_LEN], about[48] = "";

	if (r->unsaid_for > r->unsaid)
		snprintf(about, sizeof(about), ", a sample of about %llu", (unsigned long long)r->unsaid_for);
	log_say(LOG_INFO, "%s at %s in the last minute: %s: %s: %llu packets%s",
		r->verdict == SLUICE_VERDICT_PASS ? "only observed" : "refused", r->service,
		privacy_kept_format(&r->source, text), reason_label(r->reason), (unsigned long long)r->unsaid, about);
}

static void reason_say(struct daemon *dm, enum sluice_reason why)
{
	struct refusal *r = NULL;
	struct rest rest = {};
	unsigned int said = 0;

	while ((r = refusals_next(dm->refusals, why, r)) && r->unsaid) {
		if (standing_live(dm->standing)->refusals == POLICY_SUMMARY && said++ < LINES) {
			line_say(r);
		} else {
			rest.sources++;
			rest.count += r->unsaid;
		}
		r->unsaid = r->unsaid_for = 0;
	}
	if (standing_live(dm->standing)->refusals == POLICY_SUMMARY && rest.sources)
		log_say(LOG_INFO, "also refused in the last minute: %llu more sources: %s: %llu packets",
			(unsigned long long)rest.sources, reason_label(why), (unsigned long long)rest.count);
}

/* Sources that were refused since the last time are at the head of their list. */
void refusals_say(struct daemon *dm)
{
	int why;

	for (why = 0; why < SLUICE_REASONS; why++)
		reason_say(dm, why);
}
