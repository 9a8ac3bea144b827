/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts and ends sluice-fleet for the keeper: see fleet_spawn.h. Owns the process. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "fleet_program.h"
#include "fleet_spawn.h"
#include "fleet_wire.h"
#include "rights.h"

static pid_t started; /* 0: none */

/* The child. It inherits nothing from the keeper but its end of the socket and the output for messages. */
_Noreturn static void run(int program, int end, pid_t keeper)
{
	char *const argv[] = { (char[]){ FLEET_PROGRAM }, NULL }, *const env[] = { NULL };
	const int kept = FLEET_FD + 1;

	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	program = fcntl(program, F_DUPFD_CLOEXEC, kept);
	if (program < 0 || (end == FLEET_FD ? fcntl(end, F_SETFD, 0) : dup2(end, FLEET_FD)) < 0)
		_exit(1);
	if (program > kept)
		close_range(kept, program - 1, 0);
	close_range(program + 1, ~0U, 0);
	if (rights_become_nobody() || prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != keeper)
		_exit(1);
	syscall(SYS_execveat, program, "", argv, env, AT_EMPTY_PATH);
	_exit(1);
}

void fleet_spawn_end(void)
{
	if (!started)
		return;
	syscall(SYS_tgkill, started, started, SIGKILL); /* kill(2) is not among the calls that are left */
	waitpid(started, NULL, 0);
	started = 0;
}

int fleet_spawn(struct diag *d)
{
	_cleanup_close_ int program = fleet_program_open(d);
	pid_t keeper = getpid();
	int ends[2];

	fleet_spawn_end();
	if (program < 0)
		return program;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
		diag_add(d, "cannot start " FLEET_PROGRAM ": %s", strerror(errno));
		return -errno;
	}
	started = fork();
	if (!started)
		run(program, ends[0], keeper);
	close(ends[0]);
	if (started > 0)
		return ends[1];
	diag_add(d, "cannot start " FLEET_PROGRAM ": %s", strerror(errno));
	close(ends[1]);
	started = 0;
	return -EAGAIN;
}
