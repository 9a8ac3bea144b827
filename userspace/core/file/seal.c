/* SPDX-License-Identifier: BSD-2-Clause */
/* The checksum behind the lines of a file: see seal.h. Owns nothing. */
#include <errno.h>
#include <string.h>

#include <zlib.h>

#include "cleanup.h"
#include "seal.h"

#define SEAL 13 /* bytes: "end ", eight digits, the end of the line */

int seal_write(void (*write)(const void *what, FILE *out), const void *what, char **out)
{
	_cleanup_free_ char *lines = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&lines, &len);
	int lost;

	if (!to)
		return -ENOMEM;
	write(what, to);
	fflush(to);
	if (lines)
		fprintf(to, "end %08lx\n", crc32(0, (const unsigned char *)lines, len));
	lost = ferror(to);
	if (fclose(to) || lost || !lines)
		return -ENOMEM;
	*out = TAKE_PTR(lines);
	return 0;
}

long seal_check(const char *text)
{
	size_t len = strlen(text);
	unsigned long sum;
	const char *end;
	int n = 0;

	if (len <= SEAL)
		return -1;
	end = text + len - SEAL;
	if (sscanf(end, "end %8lx%n", &sum, &n) != 1 || n != SEAL - 1 || strcmp(end + n, "\n"))
		return -1;
	if (end[-1] != '\n' || crc32(0, (const unsigned char *)text, end - text) != sum)
		return -1;
	return end - text;
}

int seal_open(const char *text, char **lines, const char **why)
{
	long len = seal_check(text);

	*why = "it is torn: its checksum does not match";
	if (len < 0)
		return -EINVAL;
	*lines = strndup(text, len);
	return *lines ? 0 : -ENOMEM;
}
