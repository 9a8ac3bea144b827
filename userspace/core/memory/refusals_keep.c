/* SPDX-License-Identifier: BSD-2-Clause */
/* Refusals as lines of text and back: see refusals_keep.h. Owns nothing. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "privacy.h"
#include "reason.h"
#include "refusals_keep.h"
#include "seal.h"

#define HEAD "sluice-refusals"
#define SECOND 1000000000ULL

static uint64_t real_ns(const struct refusals_kept *k, uint64_t ns)
{
	return k->shift_ns >= 0 || ns > (uint64_t)-k->shift_ns ? ns + k->shift_ns : 0;
}

static void refusal_write(const struct refusals_kept *k, const struct refusal *r, FILE *out)
{
	char text[ADDR_TEXT_LEN];

	fprintf(out, "refused %s %s %s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		privacy_kept_format(&r->source, text), *r->service ? r->service : "?", reason_label(r->reason),
		verdict_label(r->verdict), real_ns(k, r->first_ns), real_ns(k, r->last_ns), r->count, r->stands_for);
}

static void lines_write(const void *what, FILE *out)
{
	const struct refusals_kept *k = what;
	const struct refusal *r = NULL;
	int why;

	fprintf(out, HEAD " %d %" PRIu64 " %" PRIu64 "\n", REFUSALS_VERSION, k->saved, k->since);
	for (why = 0; why < SLUICE_REASONS; why++) {
		while ((r = refusals_next(k->memory, why, r)))
			refusal_write(k, r, out);
	}
}

int refusals_write(const struct refusals_kept *k, char **out)
{
	return seal_write(lines_write, k, out);
}

static int verdict_find(const char *label)
{
	int verdict;

	for (verdict = SLUICE_VERDICT_PASS; verdict <= SLUICE_VERDICT_COOKIE; verdict++) {
		if (!strcmp(verdict_label(verdict), label))
			return verdict;
	}
	return -1;
}

/* Later than the file was written, or than the entry before it of the same reason: no build of ours wrote that. */
static bool is_in_order(const struct refusals_kept *k, const struct refusal *r)
{
	const struct refusal *before = k->items.count ? &k->items.item[k->items.count - 1] : NULL;

	return r->count && r->first_ns <= r->last_ns && r->last_ns / SECOND <= k->saved &&
	       (!before || before->reason != r->reason || r->last_ns <= before->last_ns);
}

/* We do not know a reason that a newer build wrote, so that entry is left out. */
static int line_parse(struct refusals_kept *k, const char *line)
{
	char source[ADDR_TEXT_LEN], reason[32], verdict[8];
	struct refusal r = {}, *more;
	int n = 0, why, how;

	if (sscanf(line, "refused %63s %31s %31s %7s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 "%n", source,
		   r.service, reason, verdict, &r.first_ns, &r.last_ns, &r.count, &r.stands_for, &n) != 8 ||
	    line[n] || privacy_kept_parse(source, &r.source))
		return -EINVAL;
	why = reason_find(reason);
	how = verdict_find(verdict);
	if (why < 0 || how < 0)
		return 0;
	r.reason = why;
	r.verdict = how;
	if (!is_in_order(k, &r))
		return -EINVAL;
	more = LIST_ADD(&k->items);
	if (!more)
		return -ENOMEM;
	*more = r;
	return 0;
}

static int lines_parse(struct refusals_kept *k, char *lines, const char **why)
{
	char *line = strsep(&lines, "\n");
	unsigned int version = 0;
	int err = 0;

	*why = "it does not begin as a file of refusals";
	if (sscanf(line, HEAD " %u %" SCNu64 " %" SCNu64, &version, &k->saved, &k->since) != 3 || k->since > k->saved ||
	    k->saved > SEAL_LATEST)
		return -EINVAL;
	*why = "it was written by another version of sluice";
	if (version != REFUSALS_VERSION)
		return -EINVAL;
	*why = "a line of it makes no sense";
	while (!err && (line = strsep(&lines, "\n")) && *line)
		err = line_parse(k, line);
	return err;
}

int refusals_parse(const char *text, struct refusals_kept *k, const char **why)
{
	_cleanup_free_ char *lines = NULL;
	int err = seal_open(text, &lines, why);

	return err ? err : lines_parse(k, lines, why);
}

void refusals_kept_free(struct refusals_kept *k)
{
	free(k->items.item);
}
