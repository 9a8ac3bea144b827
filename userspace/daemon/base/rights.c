/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CAP_BPF and CAP_PERFMON: to load gates and write tables. CAP_NET_ADMIN: to attach, to set tcp_syncookies, to end connections. As user
 * root without CAP_DAC_OVERRIDE sluiced reads and writes what root owns: policies, databases, /run/sluice, the BPF file system.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cap-ng.h>
#include <seccomp.h>

#include "cleanup.h"
#include "rights.h"

#define NOBODY 65534 /* a number without a name: a host may have no user nobody */

static void filter_free(scmp_filter_ctx filter)
{
	seccomp_release(filter);
}
DEFINE_CLEANUP(scmp_filter_ctx, filter_free);

/* clang-format off */
/* Calls that libc, libevent, libbpf, libxdp and jansson make. Those that an architecture does not have are skipped. */
static const char *const calls_of_all[] = {
	/* memory, and the process itself */
	"brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "futex", "rseq", "set_robust_list", "membarrier", "getrandom", "uname",
	"sched_yield", "getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
	"sigaltstack", "restart_syscall", "exit", "exit_group",
	/* time */
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "timerfd_create", "timerfd_settime",
	/* what is open */
	"close", "read", "write", "readv", "writev", "fstat",
	/* waiting, and sockets */
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6",
	"eventfd2", "bind", "connect", "shutdown", "getsockname", "getpeername", "getsockopt", "setsockopt", "sendto", "sendmsg", "recvfrom",
	"recvmsg", NULL,
};
static const char *const calls_of_sluiced[] = {
	/* information about the process, and other calls of libc */
	"sysinfo", "sched_getaffinity", "prlimit64", "getrlimit", "getppid", "tgkill", "wait4",
	/* files */
	"open", "openat", "pread64", "pwrite64", "lseek", "stat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat",
	"faccessat2", "readlink", "readlinkat", "getdents64", "getcwd", "fcntl", "close_range", "dup", "dup2", "dup3", "flock", "fsync",
	"fdatasync", "ftruncate", "rename", "renameat", "renameat2", "unlink", "unlinkat", "memfd_create", "sendfile", "utimensat", "mkdir",
	"mkdirat", "rmdir", "umask", "chmod", "fchmod", "fchmodat", "ioctl",
	/* sockets */
	"pipe", "pipe2", "socketpair", "listen", "accept", "accept4",
	/* the kernel side */
	"bpf", NULL,
};
/*
 * The keeper's own calls: to start sluice-fleet as another user, and what a program needs to begin and to give up the rest (fleet_spawn.h).
 */
static const char *const calls_of_keeper[] = {
	"clone", "execveat", "setgroups", "setresgid", "setresuid", "prctl", "arch_prctl", "set_tid_address", "capget", "capset", "seccomp",
	NULL,
};
/* clang-format on */

static int calls_allow(scmp_filter_ctx filter, const char *const *call)
{
	int err = 0, number;

	for (; *call && !err; call++) {
		number = seccomp_syscall_resolve_name(*call);
		if (number >= 0)
			err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
	}
	return err;
}

/* Allows the call if argument `which` is one of these. */
static int call_allow_with(scmp_filter_ctx filter, int number, int which, const int *value, size_t count)
{
	int err = 0;
	size_t i;

	for (i = 0; i < count && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1, SCMP_CMP(which, SCMP_CMP_EQ, value[i]));
	return err;
}
#define CALL_ALLOW_WITH(filter, name, which, values) \
	call_allow_with(filter, SCMP_SYS(name), which, values, sizeof(values) / sizeof(*(values)))

static int filter_fill(scmp_filter_ctx filter, enum rights left)
{
	/*
	 * AF_UNIX is last: root does without it (see rights.h). fcntl and ioctl may not set a socket's owner, because that can send
	 * signals.
	 */
	static const int domains[] = { AF_INET, AF_INET6, AF_NETLINK, AF_UNIX },
			 bare[] = { AF_INET, AF_INET6, AF_UNIX };
	static const int controls[] = { F_GETFD, F_SETFD, F_GETFL, F_SETFL }, counts[] = { FIONREAD };
	int err = calls_allow(filter, calls_of_all);

	if (!err && left != RIGHTS_NONE)
		err = calls_allow(filter, calls_of_sluiced);
	if (!err && left != RIGHTS_NONE)
		err = CALL_ALLOW_WITH(filter, socket, 0, domains);
	if (!err && left == RIGHTS_NONE)
		err = call_allow_with(filter, SCMP_SYS(socket), 0, bare, geteuid() ? 3 : 2);
	if (!err && left == RIGHTS_NONE)
		err = CALL_ALLOW_WITH(filter, fcntl, 1, controls);
	if (!err && left == RIGHTS_NONE)
		err = CALL_ALLOW_WITH(filter, ioctl, 1, counts);
	if (!err && left == RIGHTS_KEEPER)
		err = calls_allow(filter, calls_of_keeper);
	if (!err && left == RIGHTS_KEEPER) /* it may enter the network namespace of a container, and no other kind */
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setns), 1, SCMP_A1(SCMP_CMP_EQ, CLONE_NEWNET));
	return err;
}

/*
 * All other calls return ENOSYS. That gives an attacker no more than if the process ended. But a future libc that tries a new call falls
 * back to an older one after ENOSYS, while after EPERM or SIGSYS the host would lose its daemon in the middle of the night.
 */
static int calls_drop(enum rights left)
{
	_cleanup_(filter_free) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int err = filter ? filter_fill(filter, left) : -ENOMEM;

#ifdef __SANITIZE_ADDRESS__
	return err; /* LeakSanitizer traces the process when it ends */
#endif
	return err ? err : seccomp_load(filter);
}

static int capabilities_drop(enum rights left)
{
	bool bounds;

	if (capng_get_caps_process())
		return -EPERM;
	bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP); /* otherwise no_new_privs has to suffice */
	capng_clear(CAPNG_SELECT_ALL);
	if (left != RIGHTS_NONE)
		capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, -1);
	if (left == RIGHTS_KEEPER)
		capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID,
			      CAP_KILL, -1);
	return capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT | (bounds ? CAPNG_SELECT_BOUNDS : 0)) ? -EPERM : 0;
}

int rights_become_nobody(void)
{
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		return -errno;
	return 0;
}

/* Whether it is no longer root. The bounding set goes first, because that needs the rights. */
static bool user_drop(void)
{
	if (!capng_get_caps_process() && capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP)) {
		capng_clear(CAPNG_SELECT_BOUNDS);
		capng_apply(CAPNG_SELECT_BOUNDS);
	}
	return geteuid() || !rights_become_nobody();
}

int rights_drop(enum rights left, struct diag *d)
{
	const char *needs =
		left == RIGHTS_NONE
			? "a kernel with seccomp is needed"
			: "sluiced needs CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN, and a kernel "
			  "with seccomp";
	int err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;

	if (!err && left == RIGHTS_NONE)
		(void)user_drop(); /* filter_fill() checks whether it worked */
	if (!err)
		err = capabilities_drop(left);
	if (!err)
		err = calls_drop(left);
	if (err)
		diag_add(d, "cannot drop privileges: %s: %s", strerror(-err), needs);
	return err;
}
