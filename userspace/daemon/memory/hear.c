/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens the kernel's ring of refusals while somebody wants them, and passes them on. Owns the ring and its event in the loop. */
#include "hear.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "events.h"
#include "refusals_memory.h"
#include "tables.h"
#include "watch.h"

/*
 * For each reason, all processors together: a flood of one reason, in which each refusal is of another source, then takes 17 minutes to
 * fill the memory, so that a source refused at 14:05 is still found at 14:20.
 */
#define PER_SECOND 64

struct hear {
	struct events *events;
	struct event *readable;
};

static void on_refusal(const struct sluice_event *event, void *arg)
{
	struct daemon *dm = arg;
	struct sluice_addr who = engine_who(dm->engine, &event->source, NULL);
	char service[SLUICE_NAME_LEN];

	service_name_read(dm->engine, event->service, service);
	refusals_hear(dm, event, service, &who);
	watch_tell(dm, event, service, &who);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *dm = arg;

	(void)fd;
	(void)what;
	events_read(dm->hear->events);
}

void hear_end(struct daemon *dm)
{
	if (!dm->hear)
		return;
	if (dm->hear->readable)
		event_free(dm->hear->readable);
	events_close(dm->hear->events);
	free(dm->hear);
	dm->hear = NULL;
}

static int hear_begin(struct daemon *dm)
{
	int err;

	dm->hear = calloc(1, sizeof(*dm->hear));
	if (!dm->hear)
		return -ENOMEM;
	err = events_open(dm->engine, PER_SECOND, on_refusal, dm, &dm->hear->events);
	if (!err) {
		dm->hear->readable =
			event_new(dm->loop, events_fd(dm->hear->events), EV_READ | EV_PERSIST, on_readable, dm);
		err = dm->hear->readable && !event_add(dm->hear->readable, NULL) ? 0 : -ENOMEM;
	}
	if (err)
		hear_end(dm);
	return err;
}

int hear_follow(struct daemon *dm)
{
	bool wanted = dm->watchers || standing_live(dm->standing)->refusals != POLICY_NO_MEMORY;
	int err = 0;

	if (!dm->loop || !dm->engine) /* it is before the loop, or after its end */
		return 0;
	if (wanted && !dm->hear)
		err = hear_begin(dm);
	if (!wanted)
		hear_end(dm);
	if (err)
		log_say(LOG_ERR, "cannot read refusals from the kernel: %s: they are counted, but not remembered",
			strerror(-err));
	return err;
}

int hear_watch(struct daemon *dm, bool on)
{
	int err;

	dm->watchers = on;
	err = hear_follow(dm);
	dm->watchers = on && !err;
	return err;
}
