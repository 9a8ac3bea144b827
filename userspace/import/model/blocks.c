/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks through files of KEY = VALUE in nested blocks, for Dovecot and Axigen. Blocks nested deeper than the path is long are skipped. */
#include <string.h>

#include "cleanup.h"
#include "import.h"

struct pending {
	struct strings words; /* words of this line before a mark */
	char key[128]; /* the text before the last '=' */
	bool keyed;
};

static void words_join(const struct strings *words, size_t from, char *out, size_t size)
{
	size_t i, n = 0;

	*out = 0;
	for (i = from; i < words->count && n < size; i++)
		n += snprintf(out + n, size - n, "%s%s", i > from ? " " : "", words->item[i]);
}

/* Makes a setting of what is pending, except for the last `keep` words. */
static void pending_set(struct block_walk *w, struct pending *p, size_t keep, const struct line *line)
{
	struct strings value = { p->words.item, p->words.count - (keep < p->words.count ? keep : p->words.count), 0 };
	char text[4096];

	words_join(&value, 0, text, sizeof(text));
	if (p->keyed && w->depth <= BLOCKS_DEEP)
		w->set(w, p->key, text, line);
	p->keyed = false;
}

static void equals_take(struct block_walk *w, struct pending *p, const struct line *line)
{
	if (!p->words.count)
		return;
	pending_set(w, p, 1, line);
	snprintf(p->key, sizeof(p->key), "%s", p->words.item[p->words.count - 1]);
	p->keyed = true;
	strings_clear(&p->words);
}

/* "KEY = {" and "NAME {" mean the same here. */
static void block_open(struct block_walk *w, struct pending *p, const struct line *line)
{
	if (p->keyed && p->words.count)
		pending_set(w, p, 0, line);
	if (w->depth < BLOCKS_DEEP) {
		if (p->keyed)
			snprintf(w->path[w->depth], sizeof(w->path[0]), "%.95s", p->key);
		else
			words_join(&p->words, 0, w->path[w->depth], sizeof(w->path[0]));
	}
	p->keyed = false;
	strings_clear(&p->words);
	w->depth++;
	if (w->depth <= BLOCKS_DEEP)
		w->open(w, line);
}

static void block_close(struct block_walk *w, struct pending *p, const struct line *line)
{
	pending_set(w, p, 0, line);
	strings_clear(&p->words);
	if (w->depth && w->depth <= BLOCKS_DEEP)
		w->close(w, line);
	w->depth -= w->depth > 0;
}

static void word_take(struct import *m, struct block_walk *w, struct pending *p, const char *word,
		      const struct line *line)
{
	if (!strcmp(word, "="))
		equals_take(w, p, line);
	else if (!strcmp(word, "{") || !strcmp(word, "("))
		block_open(w, p, line);
	else if (!strcmp(word, "}") || !strcmp(word, ")"))
		block_close(w, p, line);
	else if (strings_add(&p->words, word))
		m->failed = true;
}

void blocks_walk(struct import *m, const char *marks, struct block_walk *w)
{
	struct pending p = {};
	char all[16];
	size_t i, k;

	snprintf(all, sizeof(all), "=\"%s", marks);
	for (i = 0; i < m->lines.count; i++) {
		_cleanup_strings_ struct strings words = {};

		if (!words_split(m, m->lines.item[i]->text, " \t", all, &words))
			leave(m, m->lines.item[i], "has a quote that does not end: the rest of the file is not read");
		for (k = 0; k < words.count; k++)
			word_take(m, w, &p, words.item[k], m->lines.item[i]);
		pending_set(w, &p, 0, m->lines.item[i]);
		strings_clear(&p.words);
	}
}
