/* SPDX-License-Identifier: BSD-2-Clause */
/* rights_drop() is for good: each case tries, in a child that has dropped rights, what it must not be able to do. It needs root. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>
#include <cmocka.h>

#include "../../userspace/daemon/base/rights.h"

enum { CAN = 0, CANNOT_DROP = 200 };

static int error_of(long result)
{
	return result < 0 ? errno : CAN;
}

/* Returns the error with which `try` fails when only these rights are left, or 0 if it succeeds. */
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

/* Skips the test if there is no filter, since nothing shows then what it forbids. */
static void skip_without_filter(void)
{
#ifdef __SANITIZE_ADDRESS__
	print_message(
		"skipped: built with ASan: no seccomp filter, since LeakSanitizer traces the process at its end\n");
	skip();
#endif
}

static void test_the_daemon_cannot_do_what_it_never_does(void **state)
{
	int (*const tries[])(void) = { run_a_program,  mount_something,	     enter_a_namespace, trace_a_process,
				       make_a_process, open_a_packet_socket, become_another,	load_a_module };
	size_t i;

	(void)state;
	skip_without_filter();
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

static void test_the_daemon_can_still_set_the_sysctl(void **state)
{
	(void)state;
	assert_int_equal(with(RIGHTS_DAEMON, set_tcp_syncookies), CAN);
}

static int open_a_file(void)
{
	return error_of(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
}

static int signal_a_process(void)
{
	return error_of(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int have_the_kernel_signal_a_process(void)
{
	return error_of(fcntl(STDERR_FILENO, F_SETOWN, getpid()));
}

static int make_a_unix_socket(void)
{
	return error_of(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int make_a_tcp_socket(void)
{
	return error_of(socket(AF_INET6, SOCK_STREAM, 0));
}

static int be_root(void)
{
	return geteuid();
}

static void test_a_process_that_talks_to_servers_has_sockets_and_nothing_else(void **state)
{
	int (*const tries[])(void) = { run_a_program,
				       mount_something,
				       enter_a_namespace,
				       trace_a_process,
				       make_a_process,
				       open_a_packet_socket,
				       become_another,
				       load_a_module,
				       ask_for_a_program_by_id,
				       set_tcp_syncookies,
				       open_a_file,
				       signal_a_process,
				       have_the_kernel_signal_a_process };
	size_t i;

	(void)state;
	assert_int_equal(with(RIGHTS_NONE, be_root), 65534 & 0xff); /* the part that an exit status shows */
	skip_without_filter();
	for (i = 0; i < sizeof(tries) / sizeof(*tries); i++)
		assert_int_equal(with(RIGHTS_NONE, tries[i]), ENOSYS);
	assert_int_equal(with(RIGHTS_NONE, make_a_tcp_socket), CAN);
	assert_int_equal(with(RIGHTS_NONE, make_a_unix_socket), CAN);
}

/* sluiced's unit gives it no right to become another user. */
static void test_root_that_cannot_become_another_has_no_unix_sockets(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (!child) {
		capng_get_caps_process();
		capng_updatev(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_SETUID, CAP_SETGID, -1);
		capng_apply(CAPNG_SELECT_CAPS);
		_exit(rights_drop(RIGHTS_NONE, &(struct diag){}) ? CANNOT_DROP
		      : make_a_tcp_socket()			 ? CANNOT_DROP
								 : make_a_unix_socket());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	skip_without_filter();
	assert_int_equal(WEXITSTATUS(status), ENOSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_daemon_cannot_do_what_it_never_does),
		cmocka_unit_test(test_only_the_keeper_may_ask_for_programs_by_id),
		cmocka_unit_test(test_the_daemon_can_still_set_the_sysctl),
		cmocka_unit_test(test_a_process_that_talks_to_servers_has_sockets_and_nothing_else),
		cmocka_unit_test(test_root_that_cannot_become_another_has_no_unix_sockets),
	};

	return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}
