/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the address that the operator's SSH session comes from. */
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define VARIABLE "SSH_CONNECTION="
#define ANCESTORS 16

/* Reads the variable's first word from another process's environment; "" if it has none, or may not be read. */
static void peer_read(pid_t pid, char out[static 64])
{
	_cleanup_fclose_ FILE *in = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	in = fopen(path, "re");
	while (in && getdelim(&text, &size, 0, in) > 0) {
		if (!strncmp(text, VARIABLE, strlen(VARIABLE)))
			sscanf(text + strlen(VARIABLE), "%63[^ %]", out); /* without the zone of a link-local address */
	}
}

static pid_t parent_of(pid_t pid)
{
	_cleanup_fclose_ FILE *in = NULL;
	char line[256], path[64];
	pid_t parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	in = fopen(path, "re");
	while (in && fgets(line, sizeof(line), in) && sscanf(line, "PPid: %d", &parent) != 1)
		;
	return parent;
}

/* sudo and su remove the variable, but then some ancestor of ours still has it. */
const char *session_peer(void)
{
	static char peer[64];
	pid_t pid = getpid();
	int i;

	for (i = 0; i < ANCESTORS && pid > 1 && !*peer; i++) {
		peer_read(pid, peer);
		pid = parent_of(pid);
	}
	return peer;
}
