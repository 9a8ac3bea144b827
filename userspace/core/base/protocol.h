/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The protocol between daemon and CLI: one request per connection over a UNIX stream socket. A line of JSON {"verb": V, "args": {...}} is answered by
 * a line {"ok": true, "data": ..., "text": "..."} or {"ok": false, "error": "...", "exit": 1 or 2}.
 * A request from root with "bytes": N is followed by N bytes: a file that belongs to it.
 */
#ifndef SLUICE_CORE_PROTOCOL_H
#define SLUICE_CORE_PROTOCOL_H

#define SLUICE_VERSION "0.1.0"
#define SLUICE_RUN "/run/sluice"
#define SLUICE_STATE "/var/lib/sluice" /* used unless STATE_DIRECTORY (systemd.exec(5)) is set */
#define SLUICE_CONFIG "/etc/sluice/sluice.conf"
#define SLUICE_GROUP "sluice"
#define REQUEST_MAX 65536
#define BODY_MAX (32 << 20) /* 262,144 of the longest lines */

enum { EXIT_DONE, EXIT_FAILED, EXIT_BAD, EXIT_NO_DAEMON };

#endif
