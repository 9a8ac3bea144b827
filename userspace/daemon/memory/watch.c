/* SPDX-License-Identifier: BSD-2-Clause */
/* Sends refusals to all clients that watch, with addresses as the policy shows them, even to root: lines may be kept. */
#include <string.h>
#include <time.h>

#include "clients.h"
#include "reason.h"
#include "watch.h"

/* Returns a moment of CLOCK_MONOTONIC in seconds of the epoch. */
static double moment_of(uint64_t ns)
{
	struct timespec real, mono;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return real.tv_sec - mono.tv_sec + (real.tv_nsec - mono.tv_nsec) / 1e9 + ns / 1e9;
}

void watch_tell(struct daemon *dm, const struct sluice_event *event, const char *service, const struct sluice_addr *who)
{
	const struct prefix source = { *who, 128 };
	char text[ADDR_TEXT_LEN];
	json_t *line;

	if (!dm->watchers)
		return;
	line = json_pack("{s:f, s:s, s:s, s:s, s:s, s:i, s:I}", "time", moment_of(event->when_ns), "service", service,
			 "reason", reason_label(event->reason), "verdict", verdict_label(event->verdict), "source",
			 privacy_show(dm->privacy, &source, text), "port", event->local_port, "sampled",
			 (json_int_t)event->stands_for);
	clients_publish(dm, line);
	json_decref(line);
}
