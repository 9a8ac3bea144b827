/* SPDX-License-Identifier: BSD-2-Clause */
/* How policies, lists, databases and the state file are opened: see files.h. Nothing here keeps a descriptor or any state. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "cleanup.h"
#include "files.h"

#define OWNER \
	"sluiced reads as the owner root, and cannot override permissions: chown it to root, or let others read it"

static bool is_null(const struct stat *s)
{
	return S_ISCHR(s->st_mode) && s->st_rdev == makedev(1, 3);
}

int file_open(const char *path, const char **why)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat is;
	int taken;

	*why = "name a readable file";
	if (fd < 0 || fstat(fd, &is)) {
		*why = errno == EACCES ? OWNER : *why;
		return -errno;
	}
	if (S_ISDIR(is.st_mode))
		return -EISDIR;
	if (!S_ISREG(is.st_mode) && !is_null(&is)) {
		*why = "not a regular file: a pipe or device could block; write its content into a file";
		return -EINVAL;
	}
	taken = fd;
	fd = -1;
	return taken;
}

bool file_is_as_before(const struct stat *before, const struct stat *now)
{
	return before->st_size == now->st_size && before->st_mtim.tv_sec == now->st_mtim.tv_sec &&
	       before->st_mtim.tv_nsec == now->st_mtim.tv_nsec;
}

int file_refuse_changed(const char *path, const struct place *at, struct diag *d)
{
	diag_at(d, at, "%s changed while it was read: write it under another name, and rename that", path);
	return -EINVAL;
}

static int folder_check(const char *path, bool listed, const struct place *at, struct diag *d)
{
	struct stat is;

	if (stat(path, &is) ? errno != EACCES : !S_ISDIR(is.st_mode))
		return 0;
	if (!faccessat(AT_FDCWD, path, X_OK | (listed ? R_OK : 0), AT_EACCESS))
		return 0;
	diag_at(d, at, "cannot read the folder %s: %s: %s", path, strerror(errno), OWNER);
	return -EINVAL;
}

/* Checks all folders that the first `len` bytes of the pattern match; the rest says whether their names will be listed. */
static int level_check(const char *pattern, size_t len, const struct place *at, struct diag *d)
{
	size_t next = strcspn(pattern + len + 1, "/");
	char level[PATH_MAX], name[PATH_MAX];
	glob_t found = {};
	int err = 0;
	size_t i;

	if (len >= sizeof(level) || next >= sizeof(name)) {
		diag_at(d, at, "include: a path longer than %d bytes", PATH_MAX);
		return -EINVAL;
	}
	snprintf(level, sizeof(level), "%.*s", len ? (int)len : 1, pattern);
	snprintf(name, sizeof(name), "%.*s", (int)next, pattern + len + 1);
	if (glob(level, GLOB_NOSORT, NULL, &found) == GLOB_NOSPACE)
		err = -ENOMEM;
	for (i = 0; i < found.gl_pathc && !err; i++)
		err = folder_check(found.gl_pathv[i], strpbrk(name, "*?["), at, d);
	globfree(&found);
	return err;
}

int folders_check(const char *pattern, const struct place *at, struct diag *d)
{
	const char *slash;
	int err = 0;

	for (slash = strchr(pattern, '/'); slash && !err; slash = strchr(slash + 1, '/'))
		err = level_check(pattern, slash - pattern, at, d);
	return err;
}

#define PASS_OVER (1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH)

static int capabilities(struct __user_cap_data_struct has[static _LINUX_CAPABILITY_U32S_3], bool write)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };

	return syscall(write ? SYS_capset : SYS_capget, &head, has) ? -errno : 0;
}

int files_as_owner(void)
{
	struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3] = {};
	int err = capabilities(has, false);

	has[0].effective &= ~PASS_OVER;
	has[0].permitted &= ~PASS_OVER;
	has[0].inheritable &= ~PASS_OVER;
	return err ? err : capabilities(has, true);
}

int files_owner_only(bool only)
{
	struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3] = {};
	int err = capabilities(has, false);

	if (only)
		has[0].effective &= ~PASS_OVER;
	else
		has[0].effective |= has[0].permitted & PASS_OVER;
	return err ? err : capabilities(has, true);
}
