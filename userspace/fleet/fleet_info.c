/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the answer to INFO: see fleet_info.h. */
#include <stdlib.h>
#include <string.h>

#include "fleet_info.h"
#include "plain.h"

/* Returns the value of "NAME:VALUE\r\n", or "" if there is no such line, or its value is longer than `size`. */
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

static uint64_t number(const char *text, const char *name)
{
	char value[24];

	return strtoull(field(text, name, value, sizeof(value)), NULL, 10);
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
	out->memory = number(text, "used_memory");
	out->memory_most = number(text, "maxmemory");
	out->appends = number(text, "aof_enabled");
	out->snapshots = number(text, "rdb_saves"); /* Redis 6.2 does not report this */
	/* Records have a time to live, so each policy except noeviction may evict them. */
	out->evicts = out->memory_most && strcmp(field(text, "maxmemory_policy", value, sizeof(value)), "noeviction");
	return NULL;
}
