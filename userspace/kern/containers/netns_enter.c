/* SPDX-License-Identifier: BSD-2-Clause */
/* Enters network namespaces and comes back; needs CAP_SYS_ADMIN. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <netinet/in.h>
#include <linux/netlink.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "containers.h"
#include "files.h"
#include "internal.h"
#include "list.h"

void netns_fds_free(struct netns_fds *s)
{
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (s->item[i].fd >= 0)
			close(s->item[i].fd);
	}
	free(s->item);
	*s = (struct netns_fds){};
}

int netns_fds_add(struct netns_fds *s, uint64_t cookie, int fd)
{
	struct netns_fd *more = LIST_ADD(s);

	if (!more) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	*more = (struct netns_fd){ cookie, fd };
	return 0;
}

/* Whether the address belongs to the namespace that this thread is in. */
static bool address_is_here(const struct sluice_addr *a)
{
	struct sockaddr_in6 at6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = a->word[3] };
	bool ipv4 = addr_is_ipv4(a);
	_cleanup_close_ int fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(&at6.sin6_addr, a, sizeof(*a));
	return fd >= 0 && !(ipv4 ? bind(fd, (const void *)&at, sizeof(at)) : bind(fd, (const void *)&at6, sizeof(at6)));
}

static bool is_here(const struct sluice_container *c)
{
	__u32 i;

	for (i = 0; i < c->addresses_count && !address_is_here(&c->addresses[i]); i++)
		;
	return i < c->addresses_count || !c->addresses_count;
}

static int what_open(const char *instance, enum netns_opens what)
{
	char path[PIN_PATH_LEN];
	int fd;

	pin_path(instance, PIN_AUDIT, path);
	fd = what == NETNS_AUDIT ? open(path, O_RDONLY | O_CLOEXEC)
				 : socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	return fd < 0 ? -errno : fd;
}

/* Opens what is wanted, while this thread is in the namespace. */
static int netns_open(const char *instance, const struct sluice_container *c, enum netns_opens what,
		      struct netns_fds *out)
{
	uint64_t cookie;
	__u64 number = 0;
	int fd = -1, err;

	err = netns_cookie(&number);
	cookie = number;
	if (!err && is_here(c)) {
		fd = what_open(instance, what);
		err = fd < 0 ? fd : 0;
	}
	return err ? err : netns_fds_add(out, cookie, fd);
}

/* Returns 0 if this thread is there; 1 if it is not, which `d` reports unless the path is gone; or -errno. */
static int netns_enter_one(const char *path, struct diag *d)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int err = fd < 0 || setns(fd, CLONE_NEWNET) ? errno : 0;

	if (!err || err == ENOENT)
		return err ? 1 : 0;
	if (err == EINVAL)
		diag_add(d, "%s is not a network namespace", path);
	else if (err == EACCES || err == EPERM)
		diag_add(d, "%s: %s: give it a name with ip netns attach NAME PID, then use /run/netns/NAME", path,
			 strerror(err));
	else
		return -err;
	return 1;
}

int netns_enter(const char *instance, const struct sluice_container *c, enum netns_opens what, struct netns_fds *out,
		struct diag *d)
{
	_cleanup_close_ int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	glob_t found = {};
	int err = home < 0 ? -errno : 0, entered;
	size_t i;

	folders_check(c->netns, NULL, d); /* says which of them hides its content */
	if (!err && glob(c->netns, 0, NULL, &found) == GLOB_NOSPACE)
		err = -ENOMEM;
	if (found.gl_pathc > NETNS_MAX)
		diag_add(d, "%zu namespaces match %s, but only %d are checked: write a narrower pattern",
			 found.gl_pathc, c->netns, NETNS_MAX);
	for (i = 0; i < found.gl_pathc && i < NETNS_MAX && !err; i++) {
		entered = netns_enter_one(found.gl_pathv[i], d);
		err = entered < 0 ? entered : entered ? 0 : netns_open(instance, c, what, out);
		if (!entered && setns(home, CLONE_NEWNET))
			err = -ENOTRECOVERABLE;
	}
	globfree(&found);
	return err;
}
