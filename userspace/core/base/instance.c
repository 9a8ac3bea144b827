/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of instances, and the paths of their sockets and files: see instance.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "abi.h"
#include "instance.h"
#include "protocol.h"

bool instance_is_good(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n && !name[n] && n < SLUICE_NAME_LEN && *name != '.';
}

const char *state_dir(char buf[static 4096])
{
	const char *from = getenv("STATE_DIRECTORY");

	if (!from || *from != '/')
		from = SLUICE_STATE;
	snprintf(buf, 4096, "%.*s", (int)strcspn(from, ":"), from);
	return buf;
}

void instance_socket(const char *name, struct sockaddr_un *out)
{
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	snprintf(out->sun_path, sizeof(out->sun_path), SLUICE_RUN "/%s.sock", name);
}
