/* SPDX-License-Identifier: BSD-2-Clause */
/* What the verbs share: their arguments, as a client wrote them, and messages that several of them use. See verbs.h. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "addr.h"
#include "banfile.h"
#include "json_text.h"
#include "protocol.h"
#include "value.h"
#include "verbs.h"

const char *arg(const json_t *args, const char *name)
{
	const char *text = json_string_value(json_object_get(args, name));

	return text ? text : "";
}

int bad(struct answer *a)
{
	a->exit = EXIT_BAD;
	return -EINVAL;
}

int time_arg(const json_t *args, const char *name, uint32_t *seconds, struct answer *a)
{
	const char *text = arg(args, name);

	*seconds = 0;
	if (!*text || !seconds_parse(text, seconds))
		return 0;
	diag_add(&a->diag, "--%s: '%s' is not " TIME_IS " or 1d", name, text);
	return bad(a);
}

const struct privacy *eyes(const struct daemon *dm, const struct answer *a)
{
	return a->uid ? dm->privacy : NULL;
}

int address_arg(const json_t *args, struct sluice_addr *out, struct answer *a)
{
	const char *why = NULL;
	int err = address_parse(arg(args, "address"), out, &why);

	if (err == -EINVAL)
		diag_add(&a->diag, "'%s' %s", arg(args, "address"), why);
	return err == -EINVAL ? bad(a) : err;
}

void reason_say(const json_t *args, struct answer *a)
{
	if (strlen(arg(args, "reason")) >= SLUICE_TEXT_LEN)
		diag_add(&a->diag, "the reason is longer than %d bytes: the rest is cut", SLUICE_TEXT_LEN - 1);
}

int prefix_arg(const json_t *args, const char *name, struct prefix *out, struct answer *a)
{
	const char *why = NULL;
	int err = ban_prefix_parse(arg(args, name), out, &why);

	if (err == -EINVAL)
		diag_add(&a->diag, "'%s' %s", arg(args, name), why);
	return err == -EINVAL ? bad(a) : err;
}

json_t *kept_json(const struct daemon *dm)
{
	return json_pack("{s:o, s:o}", "config", json_line(dm->config), "policy",
			 json_line(standing_live(dm->standing)->path));
}

const char *kept_say(const struct daemon *dm)
{
	char real[PATH_MAX];

	return realpath(dm->config, real) && !strcmp(real, standing_live(dm->standing)->path)
		       ? ""
		       : "; it lasts until the next start or reload: --save makes it permanent";
}
