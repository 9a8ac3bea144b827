/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of instances, and the paths of their sockets and files. Daemon and CLI call this. */
#ifndef SLUICE_CORE_INSTANCE_H
#define SLUICE_CORE_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

/* 1 to 31 letters, digits, '_', '.' or '-', not beginning with '.': it becomes a file name. */
bool instance_is_good(const char *name);
/* Returns buf with the folder where sluiced keeps what outlives it. */
const char *state_dir(char buf[static 4096]);
void instance_socket(const char *name, struct sockaddr_un *out);

#endif
