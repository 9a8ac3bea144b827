/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses in free text: see redact.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redact.h"

#define LETTERS "0123456789abcdefABCDEF:." /* the letters of addresses */
#define DIGITS "0123456789"

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

/* Returns how many of the `len` bytes are an address, without the end of a sentence, or a port. 0: none. */
static size_t address_span(const char *text, size_t len, struct prefix *out)
{
	size_t n;

	for (n = len; n && !is_prefix(text, n, out) && strchr(":.", text[n - 1]); n--)
		;
	if (n && !is_prefix(text, n, out))
		n = strcspn(text, ":") < n ? strcspn(text, ":") : 0;
	return n && is_prefix(text, n, out) ? n : 0;
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
	size_t size, len, n;
	struct prefix p;
	FILE *to = open_memstream(&out, &size);

	if (!to)
		return NULL;
	for (; *text; text += n) {
		len = strspn(text, LETTERS);
		n = prefix_span(text, len, &p);
		if (n)
			prefix_put(v, &p, lengths, to);
		else
			n = fwrite(text, 1, len ? len : 1, to);
		if (!n)
			break;
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
	size_t len;

	for (; *text; text += len ? len : 1) {
		len = strspn(text, LETTERS);
		if (prefix_span(text, len, &p))
			return true;
	}
	return false;
}
