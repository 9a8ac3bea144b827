/* SPDX-License-Identifier: BSD-2-Clause */
/* Quotes, escapes, and messages about syntax: see syntax.h. Called by the scanner, the parser and the reader; owns nothing. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "syntax.h"

void place_advance(struct place *at, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (text[i] == '\n') {
			at->line++;
			at->column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			at->column++;
		}
	}
}

/* Reads at most `most` octal or hexadecimal digits at *in. Returns -1 if there is none, or more than a byte. */
static int digits_read(const char **in, const char *end, int base, int most)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit;
	int n = -1, i;

	for (i = 0; i < most && *in < end; i++, (*in)++) {
		digit = memchr(digits, **in | (**in >= 'A' && **in <= 'F' ? 0x20 : 0), base);
		if (!digit)
			break;
		n = (n < 0 ? 0 : n * base) + (digit - digits);
	}
	return n > 0xff ? -1 : n;
}

/* Reads one escape; *in is after its backslash, and then after all of it. Returns the byte; 0: it is none. */
static int escape_read(const char **in, const char *end)
{
	static const char letters[] = "abefnrtv", means[] = "\a\b\033\f\n\r\t\v";
	const char *letter = memchr(letters, **in, sizeof(letters) - 1);
	int n;

	if (letter) {
		(*in)++;
		return means[letter - letters];
	}
	if (**in == 'x') {
		(*in)++;
		n = digits_read(in, end, 16, 2);
		return n > 0 ? n : 0;
	}
	if (**in >= '0' && **in <= '9') {
		n = digits_read(in, end, 8, 3);
		return n > 0 ? n : 0;
	}
	if ((**in >= 'a' && **in <= 'z') || (**in >= 'A' && **in <= 'Z'))
		return 0;
	return (unsigned char)*(*in)++;
}

static void escape_refuse(struct reader *r, const struct word *word, const struct place *at, const char *escape)
{
	struct place here = *at;

	here.column++; /* the quote */
	place_advance(&here, word->at, escape - word->at);
	reader_refuse(
		r, &here,
		"'%.2s' is not an escape: write \\\\ for a backslash, \\\" for a quote, \\n, \\t, or \\x7f for any byte",
		escape);
}

static bool double_unquote(struct reader *r, const struct word *word, const struct place *at, char *out)
{
	const char *in = word->at, *end = in + word->length, *escape;
	int byte;

	while (in < end) {
		if (*in != '\\') {
			*out++ = *in++;
			continue;
		}
		escape = in++;
		byte = escape_read(&in, end);
		if (!byte) {
			escape_refuse(r, word, at, escape);
			return false;
		}
		*out++ = byte;
	}
	*out = 0;
	return true;
}

static void single_unquote(const struct word *word, char *out)
{
	const char *in = word->at, *end = in + word->length;

	while (in < end) {
		if (*in == '\\' && in + 1 < end && strchr("\\'", in[1]))
			in++;
		*out++ = *in++;
	}
	*out = 0;
}

/* Whether it has an unescaped ${NAME}, which 0.1.0 took from the environment of whoever read the policy. */
static bool names_variable(const struct word *word)
{
	const char *in = word->at, *end = in + word->length;

	for (; in + 1 < end; in++) {
		if (*in == '\\')
			in++;
		else if (in[0] == '$' && in[1] == '{')
			return memchr(in, '}', end - in);
	}
	return false;
}

char *word_text(struct reader *r, const struct word *word, const struct place *at)
{
	_cleanup_free_ char *text = strndup(word->at, word->length);

	if (!text) {
		r->err = -ENOMEM;
		return NULL;
	}
	if (word->quote == WORD_VARIABLE || (word->quote == '"' && names_variable(word)))
		reader_refuse(r, at,
			      "'%s': environment variables are not expanded: write the value itself, or \"\\$\" for a "
			      "dollar sign",
			      text);
	if (word->quote == WORD_VARIABLE || word->quote == WORD_REFUSED || (word->quote == '"' && names_variable(word)))
		return NULL;
	if (word->quote == '"' && !double_unquote(r, word, at, text))
		return NULL;
	if (word->quote == '\'')
		single_unquote(word, text);
	return TAKE_PTR(text);
}

void value_missing(struct reader *r)
{
	const char *key = r->key.key ? r->key.key : "this key";

	if (!r->in.ignored)
		reader_refuse(r, &r->key, "%s has no value: write %s = VALUE, and quote a VALUE that contains '='", key,
			      r->key.key ? key : "KEY");
}

/* Whether what is open here was refused before: then its end need not be reported. */
static void ended_refuse(struct reader *r, const struct place *at, bool value)
{
	if (r->list.file)
		reader_refuse(r, &r->list, "the list that opens here is never closed: add }");
	else if (value)
		value_missing(r);
	else if (r->in.inside && !r->in.unclosed)
		reader_refuse(r, &r->in.brace, "the brace that opens here is never closed: add }");
	else if (!r->in.inside)
		reader_refuse(r, at, "the file ends in the middle: write KEY = VALUE, or SECTION NAME { ... }");
	r->lost = true;
}

/* Writes what would be right instead of r->last. */
static void remedy_write(const struct reader *r, const char *const *expected, FILE *out)
{
	const bool path = *expected && !expected[1]; /* of an include, or its end */
	char token = *r->last.at;

	if (path && (!strcmp(*expected, "')'") || !strcmp(*expected, "a word")))
		fputs("include takes one path, such as include(conf.d/*.conf)", out);
	else if (token == '(' && *expected && expected[1] && !strcmp(expected[1], "'+='")) /* after a first word */
		fputs("only include takes parentheses, as include(conf.d/*.conf): write KEY = VALUE", out);
	else if (token == ',' && !r->list.file)
		fputs("a list needs braces, such as {A, B}", out);
	else if (strchr("+()", token))
		fputs("a value with such characters needs quotes", out);
	else if (!*expected || (expected[1] && expected[2])) /* a key may begin here, and much else */
		fputs("write KEY = VALUE", out);
	else
		fprintf(out, "write %s%s%s", expected[0], expected[1] ? " or " : "", expected[1] ? expected[1] : "");
}

void syntax_refuse(struct reader *r, const struct place *at, bool ended, bool value, const char *const *expected)
{
	_cleanup_free_ char *remedy = NULL;
	size_t size;
	FILE *out;

	if (ended) {
		if (!r->stop)
			ended_refuse(r, at, value);
		return;
	}
	r->resync = true;
	r->pending = r->body = false;
	if (r->in.ignored)
		return;
	reader_spoil(r, r->list.file ? r->setting : NULL);
	r->lost |= !r->in.inside && !r->list.file;
	if (value) {
		value_missing(r);
		return;
	}
	out = open_memstream(&remedy, &size);
	if (!out)
		return;
	remedy_write(r, expected, out);
	fclose(out);
	reader_refuse(r, at, "'%.*s' does not fit here: %s", (int)r->last.length, r->last.at, remedy);
}
