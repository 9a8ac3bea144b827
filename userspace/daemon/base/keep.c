/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that outlive the daemon, and their clock: see keep.h. state.c writes its more important file itself. Owns nothing. */
#include "keep.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "instance.h"
#include "text_file.h"

#define AGAIN_SECONDS 10 /* delay after a write that failed */

static const char *keep_path(const struct daemon *dm, const struct keep_kind *kind, char buf[static PATH_MAX])
{
	size_t n = strlen(state_dir(buf));

	snprintf(buf + n, PATH_MAX - n, "/%s.%s", dm->instance, kind->ending);
	return buf;
}

static int64_t clock_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * (int64_t)KEEP_SECOND + now.tv_nsec;
}

uint64_t keep_now(const struct keep *k)
{
	return clock_ns(CLOCK_MONOTONIC) + k->shift_ns;
}

int64_t keep_real_shift(const struct keep *k)
{
	const int64_t second = KEEP_SECOND, half = second / 2;
	int64_t shift = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC) - k->shift_ns;

	return (shift + (shift < 0 ? -half : half)) / second * second;
}

/* If the clock is earlier than the end of the file's second, it is wrong, as in state_left(): then no time has passed since. */
static void clock_begin(struct keep *k, uint64_t saved)
{
	int64_t now = clock_ns(CLOCK_REALTIME), then = saved ? (saved + 1) * KEEP_SECOND : 0;

	k->shift_ns = (now > then ? now : then) - clock_ns(CLOCK_MONOTONIC);
}

void file_set_aside(const char *path, int err, const char *why, const char *lost)
{
	const bool read = err == -EINVAL;
	char aside[PATH_MAX + 8];
	int failed;

	snprintf(aside, sizeof(aside), "%s.%s", path, read ? "torn" : "unread");
	failed = rename(path, aside);
	if (read)
		log_say(LOG_ERR, "%s: %s: %s %s; %s", path, why, failed ? "could not be moved to" : "set aside as",
			aside, lost);
	else
		log_say(LOG_ERR, "%s cannot be read: %s; it %s %s: mend that, stop sluiced, move it back, and start",
			path, lost, failed ? "could not be moved to" : "is kept as", aside);
}

static int content_read(struct daemon *dm, const struct keep_kind *kind, const char *path, uint64_t *saved)
{
	const struct place at = { .file = path };
	const char *why = "it is not text, or too big";
	_cleanup_free_ char *text = NULL;
	struct diag d = {};
	char lost[96];
	int err;

	err = text_file_read_own(path, kind->limit, &at, &text, &d);
	if (!err)
		err = kind->read(dm, text, saved, &why);
	log_diag(LOG_ERR, &d);
	snprintf(lost, sizeof(lost), "%s starts empty", kind->what);
	if (err)
		file_set_aside(path, err, why, lost);
	return err;
}

void keep_load(struct daemon *dm, struct keep *k, const struct keep_kind *kind)
{
	char path[PATH_MAX];
	uint64_t saved = 0;

	if (!access(keep_path(dm, kind, path), F_OK) && content_read(dm, kind, path, &saved))
		saved = 0;
	clock_begin(k, saved);
}

int keep_remove(const struct daemon *dm, const struct keep_kind *kind, struct diag *d)
{
	char path[PATH_MAX];

	return access(keep_path(dm, kind, path), F_OK) ? 0 : text_file_remove(path, d);
}

int keep_write(const struct daemon *dm, struct keep *k, const struct keep_kind *kind, struct diag *d)
{
	char path[PATH_MAX], dir[PATH_MAX];
	_cleanup_free_ char *text = NULL;
	int err = kind->write(dm, &text);

	if (!err && !text)
		err = keep_remove(dm, kind, d);
	if (!err && text) {
		mkdir(state_dir(dir), 0700); /* the next line reports what is wrong with it */
		err = text_file_replace(keep_path(dm, kind, path), text, 0600, d);
	}
	k->dirty = err;
	k->next = clock_ns(CLOCK_MONOTONIC) / KEEP_SECOND + (err ? AGAIN_SECONDS : kind->seconds);
	return err;
}

void keep_tick(const struct daemon *dm, struct keep *k, const struct keep_kind *kind)
{
	struct diag d = {};
	int err;

	if (!k->dirty || clock_ns(CLOCK_MONOTONIC) < k->next * (int64_t)KEEP_SECOND)
		return;
	err = keep_write(dm, k, kind, &d);
	if (err && !k->failed)
		log_say(LOG_ERR, "%s; %s would be lost at a restart until this can be written: make room",
			d.count ? d.item[0].text : strerror(-err), kind->what);
	else if (!err && k->failed)
		log_say(LOG_NOTICE, "%s is saved again", kind->what);
	k->failed = err;
	diag_free(&d);
}

void keep_soon(struct keep *k)
{
	k->dirty = true;
	k->next = 0;
}
