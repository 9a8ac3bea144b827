/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the process that has a listening socket, in /proc: see listener.h. Owns nothing. */
#include "listener.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "netlink.h"
#include "sockets.h"

static void dir_close(DIR *dir)
{
	closedir(dir);
}
DEFINE_CLEANUP(DIR *, dir_close);

/* Whether the process has the socket open. */
static bool process_has(const char *pid, uint32_t inode)
{
	char path[320], want[32], at[32];
	_cleanup_(dir_close) DIR *dir = NULL;
	struct dirent *entry;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	snprintf(want, sizeof(want), "socket:[%u]", inode);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%.20s/fd/%s", pid, entry->d_name);
		n = readlink(path, at, sizeof(at) - 1);
		if (n > 0 && !strncmp(at, want, n) && !want[n])
			return true;
	}
	return false;
}

void listener_owner(uint32_t inode, char name[static LISTENER_NAME])
{
	_cleanup_(dir_close) DIR *dir = opendir("/proc");
	_cleanup_fclose_ FILE *in = NULL;
	struct dirent *entry;
	char path[320];

	snprintf(name, LISTENER_NAME, "?");
	while (dir && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)*entry->d_name) || !process_has(entry->d_name, inode))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		in = fopen(path, "re");
		if (in && fgets(name, LISTENER_NAME, in))
			name[strcspn(name, "\n")] = 0;
		return;
	}
}

bool listener_is_ours(uint16_t port)
{
	_cleanup_free_ struct socket_seen *list = NULL;
	char name[LISTENER_NAME];
	size_t count = 0, i;

	if (sockets_listening(NETLINK_HERE, &list, &count))
		return true;
	for (i = 0; i < count; i++) {
		if (list[i].local_port != port)
			continue;
		listener_owner(list[i].inode, name);
		if (strcmp(name, "sluiced") && strcmp(name, "?"))
			return false;
	}
	return true;
}
