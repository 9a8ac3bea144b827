/* SPDX-License-Identifier: BSD-2-Clause */
/* How like two words are: for messages that ask "did you mean ...?". */
#ifndef SLUICE_CORE_ALIKE_H
#define SLUICE_CORE_ALIKE_H

/* Letters to add, take away or exchange (Levenshtein's distance); long words are far from everything. */
unsigned int alike_distance(const char *a, const char *b);
/* From this distance on it is another word altogether. */
unsigned int alike_limit(const char *word);

#endif
