/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is pinned outlives the process that made it, and belongs to one network namespace: its gates are attached there, and the sockets
 * that it counts are there. Starts and unloads first check here whether that is their own namespace. If it is not, this looks for it
 * among all visible namespaces, so that the message can name it, or the pins of a namespace that is gone can be swept away.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "internal.h"
#include "list.h"

int netns_cookie(__u64 *out)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*out);

	return fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, out, &len) ? -errno : 0;
}

struct search {
	__u64 cookie;
	int home;
	struct inodes {
		ino_t *item;
		size_t count, room;
	} seen, /* namespaces */
		nets, /* /proc/net of each: every namespace has its own, which anybody may look at */
		shy; /* /proc/net of processes that we may not follow */
	bool blind; /* some namespace could not be looked at */
	char where[PIN_PATH_LEN]; /* "": not found */
};

static bool inodes_have(const struct inodes *list, ino_t inode)
{
	size_t i;

	for (i = 0; i < list->count && list->item[i] != inode; i++)
		;
	return i < list->count;
}

static void inodes_add(struct inodes *list, ino_t inode)
{
	ino_t *more = LIST_ADD(list);

	if (more)
		*more = inode;
}

static void net_note(struct inodes *list, const char *path)
{
	struct stat is;

	if (!stat(path, &is))
		inodes_add(list, is.st_ino);
}

/* Returns -EACCES or -EPERM if we may not look at it, and -ENOTRECOVERABLE if this thread could not come back and can do nothing more. */
static int path_look(struct search *s, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	__u64 cookie = 0;
	struct stat is;

	if (fd < 0 || fstat(fd, &is))
		return (errno == EACCES || errno == EPERM) ? -errno : 0;
	if (inodes_have(&s->seen, is.st_ino))
		return 0;
	inodes_add(&s->seen, is.st_ino);
	if (setns(fd, CLONE_NEWNET))
		return errno == EINVAL ? 0 : -EPERM;
	net_note(&s->nets, "/proc/thread-self/net/dev");
	if (!netns_cookie(&cookie) && cookie == s->cookie)
		snprintf(s->where, sizeof(s->where), "%s", path);
	return setns(s->home, CLONE_NEWNET) ? -ENOTRECOVERABLE : 0;
}

/* Looks at namespaces with a name, as `ip netns add` and containers make them. */
static int mounts_look(struct search *s)
{
	_cleanup_fclose_ FILE *in = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	char path[PIN_PATH_LEN];
	size_t size = 0;
	int err = 0;

	while (in && !err && !*s->where && getline(&line, &size, in) > 0) {
		if (sscanf(line, "%*d %*d %*s net:[%*u] %300s", path) == 1)
			err = path_look(s, path);
		s->blind |= err && err != -ENOTRECOVERABLE;
		err = err == -ENOTRECOVERABLE ? err : 0;
	}
	return err;
}

static int processes_look(struct search *s)
{
	DIR *dir = opendir("/proc");
	char path[PIN_PATH_LEN];
	struct dirent *entry;
	int err = 0;

	s->blind |= !dir;
	while (dir && !err && !*s->where && (entry = readdir(dir))) {
		if (*entry->d_name < '1' || *entry->d_name > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		err = path_look(s, path);
		if (!err || err == -ENOTRECOVERABLE)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/net/dev", entry->d_name);
		net_note(&s->shy, path);
		err = 0;
	}
	if (dir)
		closedir(dir);
	return err;
}

/* Without these rights, other users' processes are hidden, or cannot be followed. */
static bool sees_all(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3] = {};
	const __u32 need = 1U << CAP_SYS_PTRACE | 1U << CAP_SYS_ADMIN;

	return !syscall(SYS_capget, &head, has) && (has[0].effective & need) == need;
}

static int netns_search(struct search *s)
{
	size_t i;
	int err;

	s->home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (s->home < 0)
		return -errno;
	s->blind = !sees_all();
	err = mounts_look(s);
	if (!err && !*s->where)
		err = processes_look(s);
	for (i = 0; i < s->shy.count; i++)
		s->blind |= !inodes_have(&s->nets, s->shy.item[i]);
	close(s->home);
	free(s->seen.item);
	free(s->nets.item);
	free(s->shy.item);
	return err;
}

/* Returns 0 if nothing is known of it, or a build with another control row made it. */
static __u64 owner_of(const char *instance)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), zero = 0;
	struct sluice_control control = {};
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_LEN];

	pin_path(instance, map_names[MAP_control], path);
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) || info.value_size != sizeof(control) ||
	    bpf_map_lookup_elem(fd, &zero, &control))
		return 0;
	return control.netns;
}

int netns_check(const char *instance, bool *gone, struct diag *d)
{
	struct search s = { .cookie = owner_of(instance) };
	__u64 here = 0;
	int err = s.cookie ? netns_cookie(&here) : 0;

	*gone = false;
	if (err || here == s.cookie || !s.cookie)
		return err;
	err = netns_search(&s);
	if (err)
		return err;
	*gone = !*s.where && !s.blind;
	if (*gone)
		return 0;
	if (*s.where)
		diag_add(
			d,
			"instance %s is loaded in another network namespace (%s): run there, choose another instance with -i, or "
			"remove it: nsenter --net=%s sluicectl -i %s unload",
			instance, s.where, s.where, instance);
	else
		diag_add(d,
			 "instance %s is loaded in another network namespace, and only root with all rights can tell "
			 "whether that still exists: if it does not, sluicectl -i %s unload removes the leftovers",
			 instance, instance);
	return -EXDEV;
}
