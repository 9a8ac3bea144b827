/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands ban and unban: checks which options go together, and sends their file after the request. */
#include <errno.h>
#include <string.h>

#include "cli.h"

static int unread(const struct call *c, const char *path)
{
	return complain(EXIT_FAILED, "%s: cannot read %s: %s: name a file that can be read, or - for standard input",
			c->command->name, path, strerror(errno));
}

/* Reads all of a file, or of standard input. Returns 0, or the exit status with a message. */
static int file_read(const struct call *c, const char *path, char **out, size_t *size)
{
	bool here = !strcmp(path, "-");
	_cleanup_fclose_ FILE *file = here ? NULL : fopen(path, "re");
	FILE *in = here ? stdin : file;
	_cleanup_free_ char *bytes = malloc(BODY_MAX + 1);
	size_t n;

	if (!in)
		return unread(c, path);
	if (!bytes)
		return complain(EXIT_FAILED, "%s: out of memory", c->command->name);
	n = fread(bytes, 1, BODY_MAX + 1, in);
	if (ferror(in))
		return unread(c, path);
	if (n > BODY_MAX)
		return complain(EXIT_BAD, "%s: %s is longer than %d MB: split it", c->command->name, path,
				BODY_MAX >> 20);
	*out = TAKE_PTR(bytes);
	*size = n;
	return EXIT_DONE;
}

/* Sends it with the file that the order names, or without one. */
static int order_send(const struct call *c)
{
	_cleanup_free_ char *body = NULL;
	size_t size = 0;
	int status = EXIT_DONE;

	if (option(c, "file"))
		status = file_read(c, option(c, "file"), &body, &size);
	return status == EXIT_DONE ? write_verb_with(c, c->command->name, request_args(c), body, size) : status;
}

/* With --kill --dry-run, shows whose connections it would end. */
int cmd_ban(const struct call *c)
{
	if (!option(c, "dry-run"))
		return order_send(c);
	if (!option(c, "kill") || option(c, "file"))
		return complain(EXIT_BAD, "ban: --dry-run needs --kill and an address: it lists the connections "
					  "that would end");
	return read_verb(c, "ban", request_args(c), show_ends, false);
}

int cmd_unban(const struct call *c)
{
	if (option(c, "by") && option(c, "all-owners"))
		return complain(EXIT_BAD, "unban: --by names one owner, --all-owners means all: use only one of them");
	return order_send(c);
}
