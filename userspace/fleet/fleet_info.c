/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the answer to INFO: see fleet_info.h. */
#include <string.h>

#include "fleet_info.h"
#include "plain.h"

/* The value of "NAME:VALUE\r\n"; "": there is no such line, or it is longer than `size`. */
static const char *field(const char *text, const char *name, char *out, size_t size)
{
	size_t length = strlen(name), value;
	const char *line;

	out[0] = '\0';
	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, length) || line[length] != ':')
			continue;
		value = strcspn(line + length + 1, "\r\n");
		if (value < size)
			plain_make(strcpy(out, strndupa(line + length + 1, value)), false);
		break;
	}
	return out;
}

const char *info_read(const redisReply *answer, struct server_info *out)
{
	const char *text = answer->str;
	char value[64];

	*out = (struct server_info){};
	if (answer->type != REDIS_REPLY_STRING)
		return "it does not say what it is";
	if (!*field(text, "run_id", out->run, sizeof(out->run)))
		return "it does not say what it is";
	if (strcmp(field(text, "role", value, sizeof(value)), "master"))
		return "it is a replica";
	if (!strcmp(field(text, "loading", value, sizeof(value)), "1"))
		return "it still loads its data";
	if (*field(text, "valkey_version", value, 24))
		snprintf(out->version, sizeof(out->version), "valkey %.20s", value);
	else
		snprintf(out->version, sizeof(out->version), "redis %.20s", field(text, "redis_version", value, 24));
	/* Records have a time to live: each policy but noeviction may take them. */
	out->evicts = strcmp(field(text, "maxmemory", value, sizeof(value)), "0") &&
		      strcmp(field(text, "maxmemory_policy", value, sizeof(value)), "noeviction");
	return NULL;
}
