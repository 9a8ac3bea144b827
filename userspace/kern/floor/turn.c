/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The turn: a process that attaches a program to an interface, or detaches one, does so alone on this machine. libxdp serialises what it does
 * with its own pins, but it looks at an interface before it changes it, and so do we. It tries again only if it has found a dispatcher there: of
 * two instances that come to a bare interface at once, one would fail. A turn lasts for one interface, so nobody waits for the list of another.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

#define STEP_MS 2 /* between two tries */
#define GAP_MS 5 /* between two turns of one process: more than a step, so that those who wait are not passed over */

static int served = -1;

static void rest(long ms)
{
	const struct timespec t = { 0, ms * 1000000 };

	nanosleep(&t, NULL);
}

void engine_turns_while(int with)
{
	served = with;
}

static bool is_served(void)
{
	struct pollfd other_end = { .fd = served };

	return served < 0 || poll(&other_end, 1, 0) <= 0 || !(other_end.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void turn_refused(struct diag *d)
{
	pid_t holder = flock_holder(PINS_ROOT);

	if (holder > 0)
		diag_add(
			d,
			"process %d has been attaching or detaching for more than %d seconds: `ps -fp %d` shows what it is. "
			"If it hangs, end it (`kill -9 %d`), then try again",
			holder, TURN_MS / 1000, holder, holder);
	else
		diag_add(
			d,
			"another sluiced or sluicectl has been attaching or detaching for more than %d seconds: if it hangs, "
			"end it, then try again",
			TURN_MS / 1000);
}

int pins_turn(unsigned int patience_ms, struct diag *d)
{
	_cleanup_close_ int fd = open(PINS_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const __u64 end = clock_ns() + patience_ms * 1000000ULL;
	static bool had_one;
	int turn;

	if (fd < 0)
		return -errno;
	if (had_one)
		rest(GAP_MS);
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (!is_served())
			return -ECANCELED;
		if (clock_ns() >= end) {
			turn_refused(d);
			return -EBUSY;
		}
		rest(STEP_MS);
	}
	had_one = true;
	if (!is_served())
		return -ECANCELED;
	turn = fd;
	fd = -1;
	return turn;
}

int pins_turn_to_detach(bool *in_vain)
{
	_cleanup_diag_ struct diag ignored = {};
	int turn = pins_turn(*in_vain ? 0 : TURN_MS, &ignored);

	if (turn == -EBUSY)
		*in_vain = true;
	return turn;
}
