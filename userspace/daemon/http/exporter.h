/* SPDX-License-Identifier: BSD-2-Clause */
/* /metrics, /healthz and the status page, on libevent's HTTP. It only reads, and a failure here never stops anything else. */
#ifndef SLUICE_DAEMON_EXPORTER_H
#define SLUICE_DAEMON_EXPORTER_H

#include "value.h"

struct daemon;

/* Listens where the policy in force says, or reports (once) why it cannot, and tries again when it is called again. */
void exporter_follow(struct daemon *dm);
/* Once a second: cuts all connections when there are too many. */
void exporter_tick(struct daemon *dm);
/* Writes "127.0.0.1:9798", or "" while it does not listen. Returns buf. */
const char *exporter_where(const struct daemon *dm, char buf[static LISTEN_TEXT_LEN]);
void exporter_free(struct daemon *dm);

#endif
