/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.ipv4.tcp_syncookies of this network namespace. Listeners allow cookies only while it is 2. sluiced raises it
 * while the kernel side wants cookies. The old value is first recorded in a pinned map, so that any successor can restore
 * it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "internal.h"

#define SYNCOOKIES "/proc/sys/net/ipv4/tcp_syncookies"
#define ALWAYS '2'

static int syncookies_read(char *value)
{
	_cleanup_close_ int fd = open(SYNCOOKIES, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return read(fd, value, 1) == 1 ? 0 : -EIO;
}

static int syncookies_write(char value)
{
	_cleanup_close_ int fd = open(SYNCOOKIES, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, &value, 1) == 1 ? 0 : -errno;
}

static int syncookies_note(const struct engine *e, __u32 raised, __u32 original)
{
	struct sluice_syncookies t = { .raised = raised, .original = original };
	__u32 zero = 0;

	return bpf_map_update_elem(e->map[MAP_syncookies], &zero, &t, BPF_ANY);
}

static int syncookies_noted(const struct engine *e, struct sluice_syncookies *out)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(e->map[MAP_syncookies], &zero, out);
}

static int syncookies_raise(const struct engine *e)
{
	char value;
	int err = syncookies_read(&value);

	if (err || value == ALWAYS)
		return err;
	err = syncookies_note(e, 1, value);
	return err ? err : syncookies_write(ALWAYS);
}

/* If somebody has set another value meanwhile, that one stays. */
static int syncookies_lower(const struct engine *e, const struct sluice_syncookies *t)
{
	char value;
	int err = syncookies_read(&value);

	if (!err && value == ALWAYS)
		err = syncookies_write((char)t->original);
	return err ? err : syncookies_note(e, 0, 0);
}

int syncookies_restore(const struct engine *e, struct diag *d)
{
	struct sluice_syncookies t = {};
	struct sluice_control control;
	__u64 here = 0;
	int err;

	err = syncookies_noted(e, &t);
	if (err || !t.raised)
		return err;
	err = control_read(e, &control);
	if (!err)
		err = netns_cookie(&here);
	if (!err && here != control.netns)
		err = -EXDEV;
	if (!err)
		err = syncookies_lower(e, &t);
	if (err)
		diag_add(d,
			 "net.ipv4.tcp_syncookies stays at 2 (it was %c): %s: set it in the namespace of instance %s",
			 (char)t.original, strerror(-err), e->instance);
	return err;
}

static int cookies_wanted(const struct engine *e, bool *wanted)
{
	struct sluice_pressure p;
	__u64 now = clock_ns();
	int err = 0;
	__u32 i;

	*wanted = false;
	for (i = 1; i < SLUICE_MAX_SERVICES && !err && !*wanted; i++) {
		err = bpf_map_lookup_elem(e->map[MAP_pressures], &i, &p);
		*wanted = !err && p.want_until_ns > now;
	}
	return err;
}

int engine_tune(struct engine *e, bool *raised, struct diag *d)
{
	struct sluice_syncookies t = {};
	bool wanted = false;
	int err;

	err = cookies_wanted(e, &wanted);
	if (!err && !wanted) {
		*raised = false;
		return syncookies_restore(e, d);
	}
	if (!err)
		err = syncookies_raise(e);
	if (!err)
		err = syncookies_noted(e, &t);
	if (err)
		diag_add(d, "cannot set net.ipv4.tcp_syncookies to 2: %s: the host itself must answer the SYNs",
			 strerror(-err));
	else
		*raised = t.raised;
	return err;
}

int engine_untune(struct engine *e, struct diag *d)
{
	return syncookies_restore(e, d);
}

static int request_heard(void *arg, void *data, size_t size)
{
	(void)arg;
	(void)data;
	(void)size;
	return 0;
}

int engine_cookie_requests(struct engine *e)
{
	if (!e->cookie_requests)
		e->cookie_requests = ring_buffer__new(e->map[MAP_cookie_requests], request_heard, NULL, NULL);
	return e->cookie_requests ? ring_buffer__epoll_fd(e->cookie_requests) : -errno;
}

void engine_cookie_requests_clear(struct engine *e)
{
	ring_buffer__consume(e->cookie_requests);
}
