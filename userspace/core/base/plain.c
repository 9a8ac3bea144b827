/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes text valid UTF-8, without anything that a terminal would obey: see plain.h. Nothing here allocates, so nothing can fail. */
#include <stdint.h>
#include <string.h>

#include "plain.h"

/*
 * Returns the length of the character that begins here, or 0 if it is none. Over-long forms, surrogates and values above U+10FFFF are none.
 */
static size_t utf8_next(const unsigned char *at, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = *at < 0x80 ? 1 : *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : *at >= 0xc0 ? 2 : 0, i;
	uint32_t c = len == 1 ? *at : *at & (0x7f >> len);

	for (i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (at[i] & 0x3f);
	}
	if (!len || *at > 0xf4 || c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*out = c;
	return len;
}

static bool is_obeyed(uint32_t c, bool lines)
{
	if (lines && (c == '\n' || c == '\t'))
		return false;
	return c < ' ' || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

bool utf8_is_good(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	uint32_t c;
	size_t n;

	while (*at) {
		n = utf8_next(at, &c);
		if (!n)
			return false;
		at += n;
	}
	return true;
}

char *plain_make(char *text, bool lines)
{
	const unsigned char *at = (const unsigned char *)text;
	char *to = text;
	uint32_t c = 0;
	size_t n;

	while (*at) {
		n = utf8_next(at, &c);
		if (!n || is_obeyed(c, lines)) {
			*to++ = n ? ' ' : '?';
			at += n ? n : 1;
			continue;
		}
		memmove(to, at, n);
		to += n;
		at += n;
	}
	*to = 0;
	return text;
}

/* Returns where the text ends if it may have `most` bytes and no character is cut. */
static size_t whole_length(const char *text, size_t most)
{
	size_t len = strnlen(text, most + 1), back;

	if (len <= most)
		return len;
	for (back = 0; back < 4 && back < most && ((unsigned char)text[most - back] & 0xc0) == 0x80; back++)
		;
	return most - (back < 4 ? back : 0);
}

bool plain_copy(char *out, size_t size, const char *text)
{
	size_t len = whole_length(text, size - 1);

	memcpy(out, text, len);
	memset(out + len, 0, size - len);
	plain_make(out, false);
	return text[len];
}
