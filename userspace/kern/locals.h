/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's own addresses, for those in kern/ that hear of changes. */
#ifndef SLUICE_KERN_LOCALS_H
#define SLUICE_KERN_LOCALS_H

#include <stdbool.h>

struct nlmsghdr;

bool route_is_local(const struct nlmsghdr *message); /* of a message about a route */

#endif
