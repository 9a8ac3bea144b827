/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads FLEET_CONFIG: see fleet_config.h. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/un.h>

#include <jansson.h>

#include "cleanup.h"
#include "fleet_config.h"
#include "fleet_wire.h"
#include "list.h"

#define SPACE_DIGITS 16
#define DIGITS "0123456789"

static bool is_of(const char *text, const char *characters, size_t most)
{
	size_t length = strlen(text);

	return length && length <= most && strspn(text, characters) == length;
}

/* Reads HOST:PORT or [ADDRESS]:PORT. */
static bool place_read(const char *text, struct server *out)
{
	const char *colon = strrchr(text, ':');
	const char *begin = text, *end = colon;
	unsigned long port;

	if (!colon || !is_of(colon + 1, DIGITS, 5))
		return false;
	if (*begin == '[' && end > begin + 1 && end[-1] == ']') {
		begin++;
		end--;
	}
	port = strtoul(colon + 1, NULL, 10);
	out->port = port;
	out->host = end > begin && port && port <= UINT16_MAX ? strndup(begin, end - begin) : NULL;
	return out->host;
}

static bool path_read(const char *text, struct server *out)
{
	struct sockaddr_un room;

	out->host = strlen(text) < sizeof(room.sun_path) ? strdup(text) : NULL;
	return out->host;
}

static bool server_add(struct config *c, const char *text)
{
	struct server *s = text ? LIST_ADD(c) : NULL;

	if (!s)
		return false;
	*s = (struct server){ .text = strdup(text) };
	return s->text && (*text == '/' ? path_read(text, s) : place_read(text, s));
}

static const char *servers_read(const json_t *list, struct config *out)
{
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		if (!server_add(out, json_string_value(json_array_get(list, i))))
			return "a server is neither HOST:PORT nor the path of a socket";
	}
	return out->count ? NULL : "no servers";
}

/* Nothing is kept of a text that is left out. Returns whether there was memory. */
static bool text_keep(const char *text, char **out)
{
	*out = text ? strdup(text) : NULL;
	return *out || !text;
}

static const char *object_read(json_t *root, struct config *out)
{
	const char *name = "", *space = "", *user = NULL, *password = NULL;
	int lease = 10000, beat = 50, bans = 0;
	json_t *servers = NULL;

	if (json_unpack(root, "{s:o, s:s, s:s, s?s, s?s, s?i, s?i, s?b}", "servers", &servers, "name", &name, "space",
			&space, "user", &user, "password", &password, "lease_ms", &lease, "beat_ms", &beat, "bans",
			&bans))
		return "a part is missing or of another type";
	if (!is_of(name, FLEET_NAME_LETTERS, FLEET_NAME_MAX))
		return "the name is not good";
	if (!is_of(space, "0123456789abcdef", SPACE_DIGITS) || strlen(space) != SPACE_DIGITS)
		return "the space is not 16 hexadecimal digits";
	if (beat < 5 || beat > 10000 || lease < 4 * beat || lease > 600000)
		return "the times are not good";
	if (!text_keep(name, &out->name) || !text_keep(space, &out->space) || !text_keep(user, &out->user) ||
	    !text_keep(password, &out->password))
		return "no memory";
	out->lease_ms = lease;
	out->beat_ms = beat;
	out->bans = bans;
	return servers_read(servers, out);
}

int config_read(const char *text, size_t length, struct config *out, const char **why)
{
	json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);

	*out = (struct config){};
	*why = root ? object_read(root, out) : "it is not JSON";
	json_decref(root);
	if (*why)
		config_free(out);
	return *why ? -EINVAL : 0;
}

void config_free(struct config *c)
{
	size_t i;

	for (i = 0; i < c->count; i++) {
		free(c->item[i].text);
		free(c->item[i].host);
	}
	free(c->item);
	free(c->name);
	free(c->space);
	free(c->user);
	free(c->password);
	*c = (struct config){};
}
