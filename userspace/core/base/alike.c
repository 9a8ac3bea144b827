/* SPDX-License-Identifier: BSD-2-Clause */
/* See alike.h. Pure. */
#include <stdio.h>
#include <string.h>

#include "alike.h"

static unsigned int least(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Returns how many letters to add, remove or exchange (Levenshtein's distance); long words are far from everything. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[64], i, j, up, keep;
	size_t n = strlen(b);

	if (n >= 64 || strlen(a) >= 64)
		return 64;
	for (j = 0; j <= n; j++)
		row[j] = j;
	for (i = 1; a[i - 1]; i++) {
		up = row[0];
		row[0] = i;
		for (j = 1; j <= n; j++) {
			keep = row[j];
			row[j] = least(row[j] + 1, row[j - 1] + 1, up + (a[i - 1] != b[j - 1]));
			up = keep;
		}
	}
	return row[n];
}

struct alike alike_to(const char *word)
{
	return (struct alike){ .word = word, .limit = strlen(word) / 3 + 2 };
}

void alike_offer(struct alike *a, const char *other)
{
	unsigned int d = distance(a->word, other);

	if (!d || d >= a->limit)
		return;
	a->limit = d;
	a->found = other;
}

const char *alike_ask(const char *found, char buf[static ALIKE_TEXT_LEN])
{
	*buf = 0;
	if (found && *found)
		snprintf(buf, ALIKE_TEXT_LEN, "did you mean '%.*s'?", ALIKE_LONGEST, found);
	return buf;
}
