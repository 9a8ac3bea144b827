/* SPDX-License-Identifier: BSD-2-Clause */
/* What setting_value.c (single values) and setting_list.c (lists) share: see setting.h. */
#include "setting.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

int setting_refuse(const struct asked *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->why, a->size, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int setting_path(const struct asked *a, const char *text, const char *noun, char **out)
{
	if (!*text)
		return setting_refuse(a, "the name is empty: write the path of a %s", noun);
	if (*text == '/' || !a->dir)
		*out = strdup(text);
	else if (asprintf(out, "%s/%s", a->dir, text) < 0)
		*out = NULL;
	return *out ? 0 : -ENOMEM;
}

/* The reader takes ${NAME} for a variable of the environment, and refuses control bytes. */
void quoted_write(const char *text, FILE *out)
{
	const unsigned char *at = (const unsigned char *)text;

	fputc('"', out);
	for (; *at; at++) {
		if (strchr("\"\\$", *at))
			fprintf(out, "\\%c", *at);
		else if (*at < ' ' || *at >= 0x7f)
			fprintf(out, "\\x%02x", *at);
		else
			fputc(*at, out);
	}
	fputc('"', out);
}
