/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "cleanup.h"
#include "syntax.h"

#define DEPTH 8

struct scan {
	const char *in;
	char *out;
	struct place at;
	int open[DEPTH]; /* lines of the braces that are open */
	int depth;
	struct diag *diag;
};

static void copy(struct scan *s)
{
	s->at.line += *s->in == '\n';
	*s->out++ = *s->in++;
}

static void skip(struct scan *s)
{
	if (*s->in == '\n')
		copy(s);
	else
		s->in++;
}

static int quoted_copy(struct scan *s)
{
	struct place began = s->at;
	char quote = *s->in;

	copy(s);
	while (*s->in && *s->in != quote) {
		if (*s->in == '\\' && s->in[1])
			copy(s);
		copy(s);
	}
	if (!*s->in) {
		diag_at(s->diag, &began, "the quote that begins here never ends: add a %c", quote);
		return -EINVAL;
	}
	copy(s);
	return 0;
}

static int comment_skip(struct scan *s)
{
	struct place began = s->at;

	if (*s->in != '/' || s->in[1] != '*') {
		while (*s->in && *s->in != '\n')
			skip(s);
		return 0;
	}
	while (*s->in && strncmp(s->in, "*/", 2))
		skip(s);
	if (!*s->in) {
		diag_at(s->diag, &began, "the comment that begins here never ends: add */");
		return -EINVAL;
	}
	s->in += 2;
	return 0;
}

static int brace_copy(struct scan *s)
{
	if (*s->in == '{') {
		if (s->depth == DEPTH) {
			diag_at(s->diag, &s->at, "braces nest too deep: a section holds keys, a key holds values");
			return -EINVAL;
		}
		s->open[s->depth++] = s->at.line;
	} else if (!s->depth--) {
		diag_at(s->diag, &s->at, "this brace closes nothing: remove it, or open a section before");
		return -EINVAL;
	}
	copy(s);
	return 0;
}

/* Not 0: an include with a bare argument began here, and is copied with quotes around it. */
static bool include_copy(struct scan *s)
{
	const char *open = s->in + strlen("include"), *close;

	if (strncmp(s->in, "include", strlen("include")))
		return false;
	open += strspn(open, " \t");
	if (*open != '(')
		return false;
	open += 1 + strspn(open + 1, " \t");
	close = open + strcspn(open, ")\n\"'");
	if (*close != ')')
		return false;
	s->out += sprintf(s->out, "include(\"%.*s\")", (int)(close - open), open);
	s->in = close + 1;
	return true;
}

static int step(struct scan *s, bool word_begins)
{
	if (*s->in == '"' || *s->in == '\'')
		return quoted_copy(s);
	if (*s->in == '#' || (word_begins && *s->in == '/' && (s->in[1] == '*' || s->in[1] == '/')))
		return comment_skip(s);
	if (*s->in == '{' || *s->in == '}')
		return brace_copy(s);
	if (!word_begins || !include_copy(s))
		copy(s);
	return 0;
}

int syntax_plain(const char *text, const char *file, char **out, struct diag *d)
{
	_cleanup_free_ char *plain = malloc(strlen(text) * 2 + 1); /* an include gains two quotes */
	struct scan s = { .in = text, .out = plain, .at = { file, 1 }, .diag = d };
	bool word_begins = true;
	int err = 0;

	if (!plain)
		return -ENOMEM;
	while (*s.in && !err) {
		err = step(&s, word_begins);
		word_begins = s.in == text || strchr(" \t\r\n{}(),=", s.in[-1]);
	}
	*s.out = 0;
	if (!err && s.depth) {
		s.at.line = s.open[s.depth - 1];
		diag_at(d, &s.at, "the brace that opens here is never closed: check quotes, braces and '='");
		err = -EINVAL;
	}
	if (!err)
		*out = TAKE_PTR(plain);
	return err;
}
