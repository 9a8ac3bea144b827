/* SPDX-License-Identifier: BSD-2-Clause */
/* What the exporter serves, made from one snapshot of the kernel's tables. It contains no addresses. */
#ifndef SLUICE_DAEMON_FIGURES_H
#define SLUICE_DAEMON_FIGURES_H

#include "daemon.h"
#include "metrics.h"

/* Each returns 0 or -errno; -ENODEV after `unload`. */
int figures_text(const struct daemon *dm, enum metrics_format format, FILE *out);
int figures_json(const struct daemon *dm, FILE *out); /* for the page: see docs/metrics.md */
/* Writes one line. *healthy: everything that should be attached is, and the counters agree with the sockets. */
int figures_health(const struct daemon *dm, FILE *out, bool *healthy);

#endif
