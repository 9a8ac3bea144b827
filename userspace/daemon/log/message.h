/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages between sluiced and its keeper: JSON in packets, accompanied by descriptors of network namespaces. */
#ifndef SLUICE_DAEMON_MESSAGE_H
#define SLUICE_DAEMON_MESSAGE_H

#include <jansson.h>

#include "containers.h"

/*
 * Takes over `message`. `spaces` are the namespaces whose descriptors go with it; NULL: none. Returns 0, or -EPIPE if nobody receives it.
 */
int message_send(int to, json_t *message, const struct netns_fds *spaces);
/*
 * Returns NULL if the other end is gone, or (errno EAGAIN) says nothing within the socket's time limit. The *count descriptors that come
 * with it are the caller's.
 */
json_t *message_read(int from, int fd[static NETNS_MAX], size_t *count);

#endif
