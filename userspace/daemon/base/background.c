/* SPDX-License-Identifier: BSD-2-Clause */
/* Without -f: the command that the operator typed ends once the daemon has started or failed, with that result. */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "daemon.h"
#include "protocol.h"

/* Returns the exit status of the child's start: the one that came over the pipe or, if the child ended before that, its own. */
static int child_await(pid_t child, int from)
{
	unsigned char said;
	int status;

	if (read(from, &said, 1) == 1)
		return said;
	if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status))
		return WEXITSTATUS(status);
	return EXIT_FAILED;
}

int background_begin(struct daemon *dm)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (child) {
		close(ends[1]);
		_exit(child_await(child, ends[0]));
	}
	close(ends[0]);
	dm->starter = ends[1];
	return setsid() < 0 ? -errno : 0;
}

void background_ready(struct daemon *dm)
{
	const unsigned char done = EXIT_DONE;
	int null;

	sd_notify(0, "READY=1");
	if (dm->starter < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
	log_open(false, dm->verbose);
	if (write(dm->starter, &done, 1) != 1)
		log_say(LOG_WARNING, "the command that started sluiced did not wait for the result");
	close(dm->starter);
	dm->starter = -1;
}
