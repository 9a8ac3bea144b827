/* SPDX-License-Identifier: BSD-2-Clause */
/* What sluiced tells of the store in FLEET_CONFIG (fleet_wire.h): where it is, who asks there and in which space of names. */
#ifndef SLUICE_FLEET_CONFIG_H
#define SLUICE_FLEET_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server {
	char *text; /* as written */
	char *host; /* or the path of a socket */
	uint16_t port; /* 0: `host` is a path */
};

/* All 0 before first use; freed by config_free(). */
struct config {
	struct server *item;
	size_t count, room; /* of servers: there is at least one */
	char *name, *space;
	char *user, *password; /* NULL: none */
	unsigned lease_ms, beat_ms;
	bool bans; /* are shared */
};

/* Returns 0, or -EINVAL with *why (static): then `out` holds nothing. */
int config_read(const char *text, size_t length, struct config *out, const char **why);
void config_free(struct config *c);

#endif
