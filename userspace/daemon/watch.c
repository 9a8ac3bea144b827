/* SPDX-License-Identifier: BSD-2-Clause */
/* From the kernel's ring to everybody who watches, with addresses as the policy shows them, also to root: lines get kept. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "daemon.h"
#include "events.h"
#include "reason.h"
#include "tables.h"

#define PER_SECOND 20 /* of each reason, all processors together */

struct watch {
	struct events *events;
	struct event *readable;
};

/* Seconds of the epoch at a moment of CLOCK_MONOTONIC. */
static double moment_of(uint64_t ns)
{
	struct timespec real, mono;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return real.tv_sec - mono.tv_sec + (real.tv_nsec - mono.tv_nsec) / 1e9 + ns / 1e9;
}

static void on_refusal(const struct sluice_event *event, void *arg)
{
	struct daemon *dm = arg;
	const struct prefix source = { engine_who(dm->engine, &event->source, NULL), 128 };
	char name[SLUICE_NAME_LEN], text[ADDR_TEXT_LEN];
	json_t *line;

	service_name_read(dm->engine, event->service, name);
	line = json_pack("{s:f, s:s, s:s, s:s, s:s, s:i, s:I}", "time", moment_of(event->when_ns), "service", name,
			 "reason", reason_label(event->reason), "verdict", verdict_label(event->verdict), "source",
			 privacy_show(dm->privacy, &source, text), "port", event->local_port, "sampled",
			 (json_int_t)event->stands_for);
	control_publish(dm, line);
	json_decref(line);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *dm = arg;

	(void)fd;
	(void)what;
	events_read(dm->watch->events);
}

void watch_end(struct daemon *dm)
{
	if (!dm->watch)
		return;
	if (dm->watch->readable)
		event_free(dm->watch->readable);
	events_close(dm->watch->events);
	free(dm->watch);
	dm->watch = NULL;
}

int watch_begin(struct daemon *dm)
{
	int err;

	if (dm->watch)
		return 0;
	dm->watch = calloc(1, sizeof(*dm->watch));
	if (!dm->watch)
		return -ENOMEM;
	err = events_open(dm->engine, PER_SECOND, on_refusal, dm, &dm->watch->events);
	if (!err) {
		dm->watch->readable =
			event_new(dm->loop, events_fd(dm->watch->events), EV_READ | EV_PERSIST, on_readable, dm);
		err = dm->watch->readable && !event_add(dm->watch->readable, NULL) ? 0 : -ENOMEM;
	}
	if (err)
		watch_end(dm);
	return err;
}
