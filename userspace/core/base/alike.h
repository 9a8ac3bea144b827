/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the word that is most similar to one that a person wrote, for messages that ask "did you mean ...?". */
#ifndef SLUICE_CORE_ALIKE_H
#define SLUICE_CORE_ALIKE_H

/* The best candidate so far. `found` is NULL while none is near; it points to what was offered, which the caller keeps. */
struct alike {
	const char *word, *found;
	unsigned int limit; /* from this distance on it is a different word */
};

struct alike alike_to(const char *word);
/* Takes `other` if it is more similar than all before. The word itself is not a candidate. */
void alike_offer(struct alike *a, const char *other);

#define ALIKE_LONGEST 64 /* most bytes of a word that a message names */
#define ALIKE_TEXT_LEN (ALIKE_LONGEST + 32)
/* Returns buf with "did you mean 'FOUND'?", or with "" if `found` is NULL or "". Nothing else asks this. */
const char *alike_ask(const char *found, char buf[static ALIKE_TEXT_LEN]);

#endif
