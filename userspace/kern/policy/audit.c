/* SPDX-License-Identifier: BSD-2-Clause */
/* Compares counters with sockets. Reading the iterator's pin visits every TCP socket of the network namespace where it was opened. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "gone.h"
#include "internal.h"

#define AUDIT_TRIES 5 /* sockets come and go while we look */

static int walk(int fd, __u32 owned[SLUICE_MAX_SERVICES])
{
	struct sluice_audit_record record[512];
	ssize_t got, i;

	while ((got = read(fd, record, sizeof(record))) > 0) {
		for (i = 0; i < got / (ssize_t)sizeof(*record); i++)
			owned[record[i].service % SLUICE_MAX_SERVICES]++;
	}
	return got < 0 ? -errno : 0;
}

/* Visits the host's namespace, and those of the containers that the policy in force names. */
static int audit_read(struct engine *e, __u32 owned[SLUICE_MAX_SERVICES], struct diag *d)
{
	_cleanup_netns_ struct netns_fds spaces = {};
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_LEN];
	size_t i;
	int err;

	pin_path(e->instance, PIN_AUDIT, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = engine_netns(e, NETNS_AUDIT, &spaces, d);
	if (!err)
		err = walk(fd, owned);
	for (i = 0; i < spaces.count && !err; i++)
		err = walk(spaces.item[i].fd, owned);
	return err;
}

/* Reads those that wait in an accept queue for the application: they have no socket that an audit finds. */
static int waiting_read(const struct engine *e, __u32 owned[SLUICE_MAX_SERVICES])
{
	__u64 waiting[SLUICE_MAX_SERVICES];
	int err = percpu_sums(e->map[MAP_tally], SLUICE_TALLY_WAITING, SLUICE_MAX_SERVICES, 1, waiting);
	__u32 i;

	for (i = 0; i < SLUICE_MAX_SERVICES && !err; i++)
		owned[i] += waiting[i];
	return err;
}

/* Returns the sum of the services' differences, except for what connections that came and went meanwhile explain. */
static int drift_read(struct engine *e, long *drift, struct diag *d)
{
	__u32 owned[SLUICE_MAX_SERVICES] = {};
	uint64_t before = 0, after = 0;
	struct sluice_counter counter;
	long sum = 0, held;
	__u32 i;
	int err;

	err = tally_read(e, SLUICE_TALLY_CHANGES, &before);
	if (!err)
		err = audit_read(e, owned, d);
	if (!err)
		err = waiting_read(e, owned);
	for (i = 1; i < SLUICE_MAX_SERVICES && !err; i++) {
		err = bpf_map_lookup_elem(e->map[MAP_totals], &i, &counter);
		held = (long)counter.held - counter.reserved;
		sum += labs(held - (long)owned[i]);
	}
	if (!err)
		err = tally_read(e, SLUICE_TALLY_CHANGES, &after);
	sum -= (long)(after - before);
	if (!err)
		*drift = sum > 0 ? sum : 0;
	return err;
}

/* Gives back those of these connections that are gone. Returns how many, or -errno. */
static int gone_close(const struct engine *e, const __u64 *cookie, const struct sluice_connection *c, size_t count)
{
	_cleanup_free_ struct sluice_due *list = calloc(count + 1, sizeof(*list));
	struct sluice_control control;
	__u64 now = clock_ns();
	size_t n = 0, i;
	int err;

	if (!list)
		return -ENOMEM;
	err = control_read(e, &control);
	for (i = 0; i < count && !err; i++) {
		if (connection_gone(&c[i], SLUICE_SOCKETS_AUDIT(control.sockets), now))
			list[n++] = (struct sluice_due){ .cookie = cookie[i], .table = SLUICE_DUE_CONNECTION };
	}
	return err ? err : due_free(e, list, n);
}

/* Follows an audit that visited every socket: gives back what it did not find, returns how many or -errno, and begins the next. */
static int audit_end(const struct engine *e)
{
	_cleanup_free_ void *cookies = NULL, *connections = NULL;
	size_t count = 0;
	int err, closed;

	closed = table_read(e->map[MAP_connections], sizeof(__u64), sizeof(struct sluice_connection), &cookies,
			    &connections, &count);
	if (!closed)
		closed = gone_close(e, cookies, connections, count);
	if (closed < 0)
		return closed;
	err = program_ask(e->program[PROGRAM_AUDIT_END]);
	return err < 0 ? err : closed;
}

bool engine_audit_hurries(const struct engine *e)
{
	struct sluice_control control;
	struct sluice_audits audits;
	const __u32 zero = 0;
	__u32 bits;

	if (control_read(e, &control) || bpf_map_lookup_elem(e->map[MAP_audits], &zero, &audits))
		return false;
	bits = SLUICE_SOCKETS_READ_BITS(control.sockets);
	return SLUICE_SOCKETS_FILL_BITS(control.sockets) > bits || socket_bits_for(audits.tuples) > bits;
}

int engine_audit(struct engine *e, long *drift, struct diag *d)
{
	long now = 0;
	int err = 0, i;

	for (i = 0; i < AUDIT_TRIES && !err; i++) {
		err = drift_read(e, &now, d);
		if (!now)
			break;
	}
	if (!err)
		err = audit_end(e);
	if (err > 0)
		err = drift_read(e, &now, d);
	if (err) {
		diag_add(d, "cannot visit the live connections: %s", strerror(-err));
		return err;
	}
	*drift = now;
	return 0;
}
