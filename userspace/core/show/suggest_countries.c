/* SPDX-License-Identifier: BSD-2-Clause */
/* Derives shares of countries from counts. The daemon's suggest verb calls it; pure. */
#include "suggest_countries.h"

#include <inttypes.h>
#include <stdlib.h>

#include "value.h"

#define SHOWN 5

static int most_first(const void *a, const void *b)
{
	const struct country_share *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (int)x->country - (int)y->country;
}

static const char *why_not(bool client, bool named, bool enough)
{
	if (!enough)
		return "no countries are suggested: too few sources";
	if (named)
		return "no countries are suggested: the service names some already, and refuses the others";
	return client ? NULL : "no countries are suggested: mail servers of any country may have mail for this host";
}

void suggest_countries(const uint64_t counts[static SLUICE_COUNTRIES], bool client, bool named, bool enough,
		       struct country_shares *out)
{
	uint16_t i;
	size_t k;

	*out = (struct country_shares){};
	for (i = 0; i < SLUICE_COUNTRIES; i++) {
		out->sample += counts[i];
		if (counts[i])
			out->item[out->count++] = (struct country_share){ i, counts[i] };
	}
	qsort(out->item, out->count, sizeof(*out->item), most_first);
	out->why = why_not(client, named, enough);
	while (!out->why && out->kept < out->count &&
	       100 * out->item[out->kept].count >= SUGGEST_COUNTRY_PERCENT * out->sample)
		out->kept++;
	for (k = out->kept; k < out->count; k++)
		out->left += out->item[k].count;
}

static void shares_write(const struct country_shares *s, FILE *out)
{
	char text[3];
	size_t i;

	for (i = 0; i < s->count && i < SHOWN && 100 * s->item[i].count >= s->sample; i++)
		fprintf(out, "%s%s %" PRIu64 " %%", i ? ", " : "", country_text(s->item[i].country, text),
			100 * s->item[i].count / s->sample);
	if (s->count > i)
		fprintf(out, "%s%zu other%s", i ? ", " : "", s->count - i, s->count - i > 1 ? "s" : "");
}

void suggest_countries_key(const struct country_shares *s, FILE *out)
{
	char text[3];
	size_t i;

	for (i = 0; i < s->kept; i++)
		fprintf(out, "%s%s", i ? ", " : "    # allow-countries = {", country_text(s->item[i].country, text));
	if (s->kept)
		fputs("}\n", out);
}

void suggest_countries_write(const struct country_shares *s, uint64_t seconds, FILE *out)
{
	char span[16];

	if (!s->count)
		return;
	fputs("#   countries: ", out);
	shares_write(s, out);
	fprintf(out, " (of %" PRIu64 " connections, for %s)\n", s->sample, seconds_format(seconds, span));
	if (s->why)
		fprintf(out, "#   %s\n", s->why);
	else if (s->kept)
		fprintf(out,
			"#   allow-countries would have refused %" PRIu64 " of these %" PRIu64
			"; it is not in force: take the # away if you mean it\n",
			s->left, s->sample);
}
