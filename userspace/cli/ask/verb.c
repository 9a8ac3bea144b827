/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs one verb of the daemon, as most commands do, and shows its answer as a table, as a sentence, or as JSON. */
#include <string.h>

#include "cli.h"
#include "moment.h"

int read_verb(const struct call *c, const char *verb, json_t *args, void (*show)(const json_t *), bool pins)
{
	json_t *answer = NULL, *data = NULL;
	int status = ask(c, verb, args, &answer);

	if (status == EXIT_DONE)
		data = json_incref(json_object_get(answer, "data"));
	else if (status == EXIT_NO_DAEMON && pins)
		status = pins_report(c, verb, &data);
	else if (status == EXIT_NO_DAEMON)
		complain_no_daemon(c);
	if (data && c->json)
		show_json(data);
	else if (data)
		show(data);
	json_decref(data);
	json_decref(answer);
	return status;
}

/* What `dump` prints is a policy, byte for byte. */
static void text_print(const char *verb, const char *text)
{
	_cleanup_free_ char *said = strcmp(verb, "dump") ? moments_say(text) : NULL;

	puts(said ? said : text);
}

int write_verb_with(const struct call *c, const char *verb, json_t *args, const char *body, size_t size)
{
	json_t *answer = NULL;
	int status = ask_with(c, verb, args, body, size, &answer);
	const char *text;

	if (status == EXIT_NO_DAEMON)
		return complain_no_daemon(c);
	if (status != EXIT_DONE)
		return status;
	text = json_string_value(json_object_get(answer, "text"));
	if (c->json)
		show_json(answer);
	else if (!text || !*text)
		puts("done");
	else
		text_print(verb, text);
	json_decref(answer);
	return EXIT_DONE;
}

int write_verb(const struct call *c, const char *verb, json_t *args)
{
	return write_verb_with(c, verb, args, NULL, 0);
}
