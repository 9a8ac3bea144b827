/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CAP_BPF and CAP_PERFMON: to load gates and write tables. CAP_NET_ADMIN: to attach, to set tcp_syncookies, to end connections. As user
 * root without CAP_DAC_OVERRIDE sluiced reads and writes what root owns: policies, databases, /run/sluice, the BPF file system.
 */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cap-ng.h>
#include <seccomp.h>

#include "cleanup.h"
#include "rights.h"

static void filter_free(scmp_filter_ctx filter)
{
	seccomp_release(filter);
}
DEFINE_CLEANUP(scmp_filter_ctx, filter_free);

/* clang-format off */
/* By what libc, libevent, libbpf, libxdp and jansson ask for. What one architecture does not have is passed over. */
static const char *const calls[] = {
	/* memory, and the process itself */
	"brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "futex", "rseq", "set_robust_list", "membarrier", "getrandom", "uname",
	"sysinfo", "sched_yield", "sched_getaffinity", "prlimit64", "getrlimit", "getpid", "gettid", "getppid", "getuid", "geteuid",
	"getgid", "getegid", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall", "tgkill", "wait4", "exit",
	"exit_group",
	/* time */
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "timerfd_create", "timerfd_settime",
	/* files */
	"open", "openat", "close", "read", "write", "pread64", "pwrite64", "readv", "writev", "lseek", "stat", "lstat", "fstat",
	"newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64", "getcwd",
	"fcntl", "close_range", "dup", "dup2", "dup3", "flock", "fsync", "fdatasync", "ftruncate", "rename", "renameat", "renameat2", "unlink",
	"unlinkat", "memfd_create", "sendfile", "utimensat", "mkdir", "mkdirat", "rmdir", "umask", "chmod", "fchmod", "fchmodat", "ioctl",
	/* waiting, and sockets */
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6",
	"eventfd2", "pipe", "pipe2", "socketpair", "bind", "listen", "accept", "accept4", "connect", "shutdown", "getsockname", "getpeername", "getsockopt",
	"setsockopt", "sendto", "sendmsg", "recvfrom", "recvmsg",
	/* the kernel side */
	"bpf",
};
/* clang-format on */

static const int domains[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

static int filter_fill(scmp_filter_ctx filter)
{
	int err = 0, number;
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls) && !err; i++) {
		number = seccomp_syscall_resolve_name(calls[i]);
		if (number >= 0)
			err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
	}
	for (i = 0; i < sizeof(domains) / sizeof(*domains) && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, domains[i]));
	return err;
}

/*
 * The rest is answered by ENOSYS. It gives an attacker no more than an end of the process would; but a libc of tomorrow that tries a call
 * of tomorrow falls back to an older one after ENOSYS, and after EPERM or SIGSYS the host would be without its daemon in the night.
 */
static int calls_drop(enum rights left)
{
	_cleanup_(filter_free) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int err = filter ? filter_fill(filter) : -ENOMEM;

	if (!err && left == RIGHTS_KEEPER) /* into the network namespace of a container, and into no other kind */
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setns), 1, SCMP_A1(SCMP_CMP_EQ, CLONE_NEWNET));

#ifdef __SANITIZE_ADDRESS__
	return err; /* LeakSanitizer traces the process at its end */
#endif
	return err ? err : seccomp_load(filter);
}

static int capabilities_drop(enum rights left)
{
	bool bounds;

	if (capng_get_caps_process())
		return -EPERM;
	bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP); /* else no_new_privs has to do */
	capng_clear(CAPNG_SELECT_ALL);
	capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, -1);
	if (left == RIGHTS_KEEPER)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_SYS_ADMIN);
	return capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT | (bounds ? CAPNG_SELECT_BOUNDS : 0)) ? -EPERM : 0;
}

int rights_drop(enum rights left, struct diag *d)
{
	int err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;

	if (!err)
		err = capabilities_drop(left);
	if (!err)
		err = calls_drop(left);
	if (err)
		diag_add(
			d,
			"cannot give up rights: %s: sluiced needs CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN, and a kernel "
			"with seccomp",
			strerror(-err));
	return err;
}
