/* SPDX-License-Identifier: BSD-2-Clause */
/* An instance's directory of pins: its path, its lock, opening what is pinned, and removing all of it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "internal.h"

#ifndef BPF_FS_MAGIC
#define BPF_FS_MAGIC 0xcafe4a11
#endif

const char *const map_names[MAPS] = {
#define X(name) [MAP_##name] = #name,
	SLUICE_PINNED_MAPS(X)
#undef X
};

static void dir_close(DIR *dir)
{
	closedir(dir);
}
DEFINE_CLEANUP(DIR *, dir_close);

void pin_path(const char *instance, const char *name, char path[static PIN_PATH_LEN])
{
	snprintf(path, PIN_PATH_LEN, PINS_ROOT "/%s%s%s", instance, *name ? "/" : "", name);
}

/* Mounts the BPF file system, as systemd, bpftool and iproute2 do it. */
int pins_mount(struct diag *d)
{
	struct statfs fs;

	if (!statfs(BPFFS, &fs) && (unsigned int)fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (mkdir(BPFFS, 0755) && errno != EEXIST) {
		diag_add(d, BPFFS ": %s: mount sysfs on /sys first", strerror(errno));
		return -errno;
	}
	if (mount("bpf", BPFFS, "bpf", 0, "mode=0700")) {
		diag_add(d, "cannot mount the BPF file system on " BPFFS ": %s: are you root?", strerror(errno));
		return -errno;
	}
	return 0;
}

static int make_dir(const char *path, struct diag *d)
{
	if (!mkdir(path, 0700) || errno == EEXIST)
		return 0;
	diag_add(d, "cannot make %s: %s", path, strerror(errno));
	return -errno;
}

void pins_missing(const char *instance, int err, struct diag *d)
{
	char path[PIN_PATH_LEN];

	pin_path(instance, "", path);
	if (err == -EACCES || err == -EPERM)
		diag_add(d, "whether anything is loaded for instance %s is not known: %s: %s: run this as root",
			 instance, path, strerror(-err));
	else
		diag_add(d, "nothing is loaded for instance %s (%s: %s)", instance, path, strerror(-err));
}

int pins_lock(const char *instance, bool create, struct diag *d)
{
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_LEN];
	int err = 0, lock;

	pin_path(instance, "", path);
	if (create)
		err = make_dir(PINS_ROOT, d);
	if (create && !err)
		err = make_dir(path, d);
	if (err)
		return err;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		pins_missing(instance, err, d);
		return err;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		diag_add(d, "instance %s is in use by another sluiced: stop it, or choose another with -i", instance);
		return -EBUSY;
	}
	lock = fd;
	fd = -1;
	return lock;
}

pid_t flock_holder(const char *path)
{
	_cleanup_fclose_ FILE *locks = fopen("/proc/locks", "re");
	char want[64], line[256];
	struct stat dir;
	int pid;

	if (!locks || stat(path, &dir))
		return -1;
	snprintf(want, sizeof(want), " %02x:%02x:%lu ", major(dir.st_dev), minor(dir.st_dev),
		 (unsigned long)dir.st_ino);
	while (fgets(line, sizeof(line), locks)) {
		if (strstr(line, "FLOCK") && strstr(line, want))
			return sscanf(line, "%*s FLOCK %*s %*s %d", &pid) == 1 ? pid : 0;
	}
	return -1;
}

bool engine_held(const char *instance)
{
	char path[PIN_PATH_LEN];

	pin_path(instance, "", path);
	return flock_holder(path) >= 0;
}

int pins_open_maps(struct engine *e, bool readonly)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = readonly ? BPF_F_RDONLY : 0);
	char path[PIN_PATH_LEN];
	int i;

	for (i = 0; i < MAPS; i++) {
		pin_path(e->instance, map_names[i], path);
		e->map[i] = bpf_obj_get_opts(path, &opts);
		if (e->map[i] < 0)
			return e->map[i];
	}
	return 0;
}

int pins_each(const char *instance, int (*f)(const char *name, const char *path, void *arg), void *arg)
{
	_cleanup_(dir_close) DIR *dir = NULL;
	char path[PIN_PATH_LEN];
	struct dirent *entry;
	int err = 0;

	pin_path(instance, "", path);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		pin_path(instance, entry->d_name, path);
		err = f(entry->d_name, path, arg);
	}
	return err;
}

static int pin_remove(const char *name, const char *path, void *arg)
{
	(void)name;
	(void)arg;
	return unlink(path) ? -errno : 0;
}

int pins_remove(const char *instance)
{
	char path[PIN_PATH_LEN];
	int err = pins_each(instance, pin_remove, NULL);

	pin_path(instance, "", path);
	return err ? err : rmdir(path) ? -errno : 0;
}

struct gate_visit {
	int (*f)(const char *interface, const char *path, void *arg);
	void *arg;
};

static int gate_visit(const char *name, const char *path, void *arg)
{
	const struct gate_visit *v = arg;

	return strncmp(name, PIN_GATE, strlen(PIN_GATE)) ? 0 : v->f(name + strlen(PIN_GATE), path, v->arg);
}

int pins_each_gate(const char *instance, int (*f)(const char *interface, const char *path, void *arg), void *arg)
{
	struct gate_visit v = { f, arg };

	return pins_each(instance, gate_visit, &v);
}
