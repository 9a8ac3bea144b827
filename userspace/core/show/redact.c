/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses in free text: see redact.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redact.h"

#include "json_text.h"

#define DIGITS "0123456789"
#define HEX_DIGITS DIGITS "abcdefABCDEF"
#define LETTERS HEX_DIGITS ":." /* the letters of addresses */

static bool is_prefix(const char *text, size_t len, struct prefix *out)
{
	char word[ADDR_TEXT_LEN];
	const char *why;

	if (len < 2 || len >= sizeof(word))
		return false;
	memcpy(word, text, len);
	word[len] = 0;
	return !prefix_parse(word, out, &why);
}

/* Whether the number at the end of the `n` bytes goes on behind them. */
static bool cuts_number(const char *text, size_t n)
{
	return strchr(memchr(text, '.', n) ? DIGITS : HEX_DIGITS, text[n]) && text[n];
}

/* Returns how many of the `len` bytes are the longest address that begins here; 0: none does. */
static size_t address_span(const char *text, size_t len, struct prefix *out)
{
	size_t n;

	for (n = len < ADDR_TEXT_LEN ? len : ADDR_TEXT_LEN; n; n--) {
		if (!cuts_number(text, n) && is_prefix(text, n, out))
			return n;
	}
	return 0;
}

/* The same with a length after it; host bits may be set. */
static size_t prefix_span(const char *text, size_t len, struct prefix *out)
{
	size_t n = address_span(text, len, out), more = n && text[n] == '/' ? strspn(text + n + 1, DIGITS) : 0;
	struct prefix whole;

	if (!more)
		return n;
	if (is_prefix(text, n + 1 + more, &whole))
		*out = whole;
	return n + 1 + more;
}

/*
 * Finds the first address of a text, which may stand behind other letters of addresses, as in "ip:192.0.2.1", or before them, as in
 * "192.0.2.1.example.org", but not within a number. Returns where it begins, and its length in *n; where the text ends, and 0: there is none.
 */
static size_t prefix_find(const char *text, size_t *n, struct prefix *out)
{
	size_t at;

	for (at = 0; text[at]; at++) {
		if (at && strchr(DIGITS, text[at]) && strchr(DIGITS, text[at - 1]))
			continue;
		*n = prefix_span(text + at, strspn(text + at, LETTERS), out);
		if (*n)
			return at;
	}
	*n = 0;
	return at;
}

/* With `lengths` it says how long a prefix was written whose end is not shown. */
static void prefix_put(const struct privacy *v, const struct prefix *p, bool lengths, FILE *to)
{
	const bool ipv4 = addr_is_ipv4(&p->addr) && p->len >= SLUICE_IPV4_SHIFT;
	char shown[ADDR_TEXT_LEN];

	fputs(privacy_show(v, p, shown), to);
	if (lengths && !privacy_shows(v, p))
		fprintf(to, " (a /%u)", ipv4 ? p->len - SLUICE_IPV4_SHIFT : p->len);
}

static char *redact(const struct privacy *v, const char *text, bool lengths)
{
	char *out = NULL;
	size_t size, at, n;
	struct prefix p;
	FILE *to = open_memstream(&out, &size);

	if (!to)
		return NULL;
	while (*text) {
		at = prefix_find(text, &n, &p);
		fwrite(text, 1, at, to);
		if (n)
			prefix_put(v, &p, lengths, to);
		text += at + n;
	}
	if (!fclose(to))
		return out;
	free(out);
	return NULL;
}

char *redact_text(const struct privacy *v, const char *text)
{
	return redact(v, text, false);
}

char *redact_order(const struct privacy *v, const char *text)
{
	return redact(v, text, true);
}

bool redact_finds(const char *text)
{
	struct prefix p;
	size_t n;

	prefix_find(text, &n, &p);
	return n;
}

char *redact_seen(const struct privacy *eyes, const char *text)
{
	return eyes ? redact_text(eyes, text) : strdup(text);
}

json_t *redact_json(const struct privacy *eyes, const char *text)
{
	_cleanup_free_ char *shown = redact_seen(eyes, text);

	return shown ? json_line(shown) : NULL;
}
