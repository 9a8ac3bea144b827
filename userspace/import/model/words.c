/* SPDX-License-Identifier: BSD-2-Clause */
/* The one tokenizer of all readers, and the two shapes that most lines have: words, and KEY = VALUE. */
#include <string.h>

#include "cleanup.h"
#include "import.h"

static void word_add(struct import *m, struct strings *out, const char *from, size_t len)
{
	_cleanup_free_ char *word = strndup(from, len);

	if (!word || strings_add(out, word))
		m->failed = true;
}

/* Reads a quoted word. Returns where it ends, or NULL if it does not. */
static const char *quoted_take(struct import *m, const char *at, struct strings *out)
{
	const char *end = strchr(at + 1, *at);

	if (end)
		word_add(m, out, at + 1, end - at - 1);
	return end ? end + 1 : NULL;
}

bool words_split(struct import *m, const char *text, const char *blanks, const char *marks, struct strings *out)
{
	const char *at = text;
	size_t n;

	while (at && *(at += strspn(at, blanks))) {
		if (strchr("\"'", *at) && strchr(marks, *at)) {
			at = quoted_take(m, at, out);
			continue;
		}
		for (n = 0; at[n] && !strchr(blanks, at[n]) && !strchr(marks, at[n]); n++)
			;
		n = n ? n : 1;
		word_add(m, out, at, n);
		at += n;
	}
	return at;
}

const char *word_at(const struct strings *words, size_t at)
{
	return at < words->count ? words->item[at] : "";
}

bool key_split(const char *text, char key[static 128], const char **value)
{
	size_t n = strcspn(text, "="), len = n;

	if (!text[n])
		return false;
	while (len && strchr(" \t", text[len - 1]))
		len--;
	if (!len || len > 127)
		return false;
	memcpy(key, text, len);
	key[len] = 0;
	*value = text + n + 1 + strspn(text + n + 1, " \t");
	return true;
}

bool is_one_of(const char *word, const char *const *list)
{
	for (; *list && strcmp(*list, word); list++)
		;
	return *list;
}
