/* SPDX-License-Identifier: BSD-2-Clause */
/* `import`: prints another program's connection limits as a policy. It needs neither a daemon nor root; userspace/import/ does the work. */
#include <errno.h>
#include <net/if.h>

#include "cli.h"
#include "diag.h"
#include "import.h"
#include "json_text.h"

void import_help(void)
{
	size_t i;

	puts("\nFormats:");
	for (i = 0; i < import_formats_count; i++)
		printf("  %-9s %s\n      sluicectl import %s %s\n", import_formats[i].name, import_formats[i].files,
		       import_formats[i].name, import_formats[i].example);
}

/* Guesses the interface: that of the default route, or eth0 without one. */
static void interface_guess(char out[static IF_NAMESIZE])
{
	_cleanup_fclose_ FILE *routes = fopen("/proc/net/route", "re");
	char line[256], name[IF_NAMESIZE];
	unsigned int to;

	snprintf(out, IF_NAMESIZE, "eth0");
	while (routes && fgets(line, sizeof(line), routes)) {
		if (sscanf(line, "%15s %x", name, &to) != 2 || to)
			continue;
		snprintf(out, IF_NAMESIZE, "%s", name);
		return;
	}
}

static json_t *left_json(const struct import *m)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < m->left.count; i++)
		json_array_append_new(
			list, json_pack("{s:o, s:i, s:o, s:o}", "file", json_line(m->left.item[i].from->file), "line",
					(int)m->left.item[i].from->number, "text",
					json_line(m->left.item[i].from->text), "why", json_line(m->left.item[i].why)));
	return list;
}

static int policy_show(const struct call *c, const struct import *m)
{
	_cleanup_free_ char *text = NULL;
	char interface[IF_NAMESIZE];
	json_t *answer;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	interface_guess(interface);
	if (out)
		import_write(m, interface, out);
	if (!out || fclose(out))
		return complain(EXIT_FAILED, "import: out of memory");
	if (!c->json)
		return fputs(text, stdout) < 0 ? EXIT_FAILED : EXIT_DONE;
	answer = json_pack("{s:b, s:o, s:o}", "ok", 1, "policy", json_lines(text), "left", left_json(m));
	show_json(answer);
	json_decref(answer);
	return EXIT_DONE;
}

/* The list of verbs has the formats, so what arrives here is one of them. */
int cmd_import(const struct call *c)
{
	struct import m = { .format = import_format(c->word[0]) };
	_cleanup_diag_ struct diag d = {};
	int i, err = 0, status;

	for (i = 1; i < c->words && !err; i++)
		err = import_file(&m, c->word[i], &d);
	if (!err)
		err = import_run(&m);
	if (err == -ENOENT)
		diag_add(&d, "%s: nothing in it limits connections in the way of %s: is it the right file? %s",
			 c->word[1], m.format->name, m.format->files);
	if (err == -E2BIG)
		diag_add(&d, "%s: more services and sets than a policy can have: import only a part of it", c->word[1]);
	status = err ? policy_refused(c, &d) : policy_show(c, &m);
	import_free(&m);
	return status;
}
