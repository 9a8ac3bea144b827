/* SPDX-License-Identifier: BSD-2-Clause */
/* rights_drop() is for good: each case tries, in a child that has dropped, what it must not be able to do. As root. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../userspace/daemon/base/rights.h"

enum { CAN = 0, CANNOT_DROP = 200 };

static int error_of(long result)
{
	return result < 0 ? errno : CAN;
}

/* What `try` fails with (0: it does not), once these rights are left. */
static int with(enum rights left, int (*try)(void))
{
	struct diag d = {};
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child)
		_exit(rights_drop(left, &d) ? CANNOT_DROP : try());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), CANNOT_DROP);
	return WEXITSTATUS(status);
}

static int run_a_program(void)
{
	char *argv[] = { "/bin/true", NULL };

	return error_of(execv(argv[0], argv));
}

static int mount_something(void)
{
	return error_of(mount("none", "/mnt", "tmpfs", 0, NULL));
}

static int enter_a_namespace(void)
{
	return error_of(unshare(CLONE_NEWNS));
}

static int trace_a_process(void)
{
	return error_of(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int make_a_process(void)
{
	return error_of(syscall(SYS_fork));
}

static int open_a_packet_socket(void)
{
	return error_of(socket(AF_PACKET, SOCK_RAW, 0));
}

static int become_another(void)
{
	return error_of(setuid(65534));
}

static int load_a_module(void)
{
	return error_of(syscall(SYS_init_module, NULL, 0, ""));
}

static int ask_for_a_program_by_id(void)
{
	struct {
		uint32_t id, next, flags, rest[20];
	} attr = { .id = UINT32_MAX };

	return error_of(syscall(SYS_bpf, 13 /* BPF_PROG_GET_FD_BY_ID */, &attr, sizeof(attr)));
}

static int set_tcp_syncookies(void)
{
	int fd = open("/proc/sys/net/ipv4/tcp_syncookies", O_WRONLY | O_CLOEXEC);

	return error_of(fd);
}

static void test_what_the_daemon_never_does_it_cannot_do(void **state)
{
	int (*const tries[])(void) = { run_a_program,  mount_something,	     enter_a_namespace, trace_a_process,
				       make_a_process, open_a_packet_socket, become_another,	load_a_module };
	size_t i;

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	print_message(
		"skipped: built with ASan: no seccomp filter, since LeakSanitizer traces the process at its end\n");
	skip();
#endif
	for (i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		assert_int_equal(with(RIGHTS_DAEMON, tries[i]), ENOSYS);
		assert_int_equal(with(RIGHTS_KEEPER, tries[i]), ENOSYS);
	}
}

static void test_only_the_keeper_may_ask_for_programs_by_id(void **state)
{
	(void)state;
	assert_int_equal(with(RIGHTS_DAEMON, ask_for_a_program_by_id), EPERM);
	assert_int_equal(with(RIGHTS_KEEPER, ask_for_a_program_by_id), ENOENT);
}

static void test_the_sysctl_stays_in_reach(void **state)
{
	(void)state;
	assert_int_equal(with(RIGHTS_DAEMON, set_tcp_syncookies), CAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_daemon_never_does_it_cannot_do),
		cmocka_unit_test(test_only_the_keeper_may_ask_for_programs_by_id),
		cmocka_unit_test(test_the_sysctl_stays_in_reach),
	};

	return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}
