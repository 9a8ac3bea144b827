/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands ban, unban, bans and kill: their words and files as one question to the daemon. */
#include <errno.h>
#include <string.h>

#include "cli.h"

/* All of a file, or of standard input. 0, or the exit status with a message. */
static int file_read(const struct call *c, const char *path, char **out, size_t *size)
{
	bool here = !strcmp(path, "-");
	_cleanup_fclose_ FILE *file = here ? NULL : fopen(path, "re");
	FILE *in = here ? stdin : file;
	_cleanup_free_ char *bytes = malloc(BODY_MAX + 1);
	size_t n;

	if (!in)
		return complain(EXIT_FAILED, "%s: %s: %s", c->command->name, path, strerror(errno));
	if (!bytes)
		return complain(EXIT_FAILED, "%s: no memory left", c->command->name);
	n = fread(bytes, 1, BODY_MAX + 1, in);
	if (ferror(in))
		return complain(EXIT_FAILED, "%s: %s: %s", c->command->name, path, strerror(errno));
	if (n > BODY_MAX)
		return complain(EXIT_BAD, "%s: %s: longer than %d MB: split it", c->command->name, path,
				BODY_MAX >> 20);
	*out = TAKE_PTR(bytes);
	*size = n;
	return EXIT_DONE;
}

static json_t *order_pack(const struct call *c)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b}", "prefix", c->words ? c->word[0] : "", "for",
			 option_text(c, OPTION_FOR), "reason", option_text(c, OPTION_REASON), "by",
			 option_text(c, OPTION_BY), "session", session_peer(), "force", c->option[OPTION_FORCE] != NULL,
			 "observe", c->option[OPTION_OBSERVE] != NULL, "all_owners",
			 c->option[OPTION_ALL_OWNERS] != NULL, "tolerant", c->option[OPTION_TOLERANT] != NULL);
}

/* With the file that the order names, or without one. Takes over `args`. */
static int order_send(const struct call *c, json_t *args)
{
	_cleanup_free_ char *body = NULL;
	size_t size = 0;
	int status = EXIT_DONE;

	if (c->option[OPTION_FILE])
		status = file_read(c, c->option[OPTION_FILE], &body, &size);
	if (status == EXIT_DONE)
		return write_verb_with(c, c->command->name, args, body, size);
	json_decref(args);
	return status;
}

static int usage(const struct call *c)
{
	return complain(EXIT_BAD, "usage: sluicectl %s %s", c->command->name, c->command->args);
}

/* With --kill --dry-run: whose connections it would end. */
int cmd_ban(const struct call *c)
{
	bool kill = c->option[OPTION_KILL], try = c->option[OPTION_DRY_RUN];
	json_t *args;

	if (c->words + (c->option[OPTION_FILE] != NULL) != 1)
		return usage(c);
	if (try && (!kill || c->option[OPTION_FILE]))
		return complain(EXIT_BAD, "ban: --dry-run goes with --kill and an address: it lists the connections "
					  "that would end");
	args = order_pack(c);
	json_object_set_new(args, "kill", json_boolean(kill));
	json_object_set_new(args, "dry_run", json_boolean(try));
	return try ? read_verb(c, "ban", args, show_ends, false) : order_send(c, args);
}

int cmd_unban(const struct call *c)
{
	json_t *args;

	if (c->words + (c->option[OPTION_FILE] != NULL) + (c->option[OPTION_ALL] != NULL) != 1)
		return usage(c);
	if (c->option[OPTION_BY] && c->option[OPTION_ALL_OWNERS])
		return complain(EXIT_BAD, "unban: --by names one owner, --all-owners means all: take one of them");
	args = order_pack(c);
	json_object_set_new(args, "all", json_boolean(c->option[OPTION_ALL]));
	return order_send(c, args);
}

int cmd_bans(const struct call *c)
{
	return read_verb(c, "bans",
			 json_pack("{s:s, s:s}", "prefix", c->words ? c->word[0] : "", "by", option_text(c, OPTION_BY)),
			 show_bans, true);
}

int cmd_kill(const struct call *c)
{
	bool try = c->option[OPTION_DRY_RUN];
	json_t *args = order_pack(c);

	json_object_set_new(args, "service", json_string(option_text(c, OPTION_SERVICE)));
	json_object_set_new(args, "dry_run", json_boolean(try));
	return try ? read_verb(c, "kill", args, show_ends, false) : write_verb(c, "kill", args);
}
