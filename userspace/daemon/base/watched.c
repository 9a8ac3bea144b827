/* SPDX-License-Identifier: BSD-2-Clause */
/* The events that the loop always waits for: see watched.h. */
#include "watched.h"

#include <errno.h>

int watched_add(struct daemon *dm, int number, short what, event_callback_fn f, const struct timeval *every)
{
	size_t i;

	for (i = 0; dm->watched[i]; i++)
		;
	dm->watched[i] = event_new(dm->loop, number, what | EV_PERSIST, f, dm);
	return dm->watched[i] && !event_add(dm->watched[i], every) ? 0 : -ENOMEM;
}

void watched_let_go(struct daemon *dm)
{
	size_t i;

	for (i = 0; dm->watched[i]; i++) {
		if (event_get_events(dm->watched[i]) & EV_READ)
			event_del(dm->watched[i]);
	}
}

void watched_free(struct daemon *dm)
{
	size_t i;

	for (i = 0; dm->watched[i]; i++)
		event_free(dm->watched[i]);
}
