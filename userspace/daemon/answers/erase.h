/* SPDX-License-Identifier: BSD-2-Clause */
/* What is erased of an address where another host of the fleet was asked to: docs/privacy.md. */
#ifndef SLUICE_DAEMON_ERASE_H
#define SLUICE_DAEMON_ERASE_H

#include "daemon.h"

/*
 * Erases everything that `erase` would erase here, except that the other hosts are not told. What is open stays, and what goes wrong is in
 * the log.
 */
void privacy_erase(struct daemon *dm, const struct sluice_addr *a);

#endif
