/* SPDX-License-Identifier: BSD-2-Clause */
/* Records and checks which build made what is pinned. */
#include <errno.h>
#include <string.h>

#include "load.h"

int identity_read(const char *instance, bool readonly, struct sluice_identity *out)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = readonly ? BPF_F_RDONLY : 0);
	_cleanup_free_ struct sluice_identity *who = NULL;
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), zero = 0;
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_LEN];
	int err;

	pin_path(instance, map_names[MAP_identity], path);
	fd = bpf_obj_get_opts(path, &opts);
	if (fd < 0)
		return fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (err)
		return err;
	who = calloc(1, info.value_size + sizeof(*who));
	if (!who)
		return -ENOMEM;
	err = bpf_map_lookup_elem(fd, &zero, who);
	*out = *who;
	return err;
}

static void maps_close(struct engine *e)
{
	int i;

	for (i = 0; i < MAPS; i++) {
		if (e->map[i] >= 0)
			close(e->map[i]);
		e->map[i] = -1;
	}
}

enum pinned pins_look(struct engine *e, struct diag *d)
{
	struct sluice_identity who = {};

	if (identity_read(e->instance, false, &who) || !who.abi)
		return PINNED_NOTHING;
	if (who.abi == SLUICE_ABI_VERSION && !pins_open_maps(e, false)) {
		if (who.build == object_build() && !programs_open(e))
			return PINNED_OURS;
		if (object_fits(e)) {
			diag_add(d, "instance %s runs the programs of another build: this build replaces them",
				 e->instance);
			return PINNED_PROGRAMS;
		}
	}
	maps_close(e);
	diag_add(d, "instance %s is pinned with ABI %u, this build has %u and replaces it", e->instance, who.abi,
		 SLUICE_ABI_VERSION);
	return PINNED_FOREIGN;
}

int identity_write(const struct engine *e, const char *policy)
{
	struct sluice_identity who = { .abi = SLUICE_ABI_VERSION, .build = object_build() };
	__u32 zero = 0;

	snprintf(who.policy[0], sizeof(who.policy[0]), "%s", policy ? policy : "");
	return bpf_map_update_elem(e->map[MAP_identity], &zero, &who, BPF_ANY);
}

int identity_renew(const struct engine *e)
{
	struct sluice_identity who;
	__u32 zero = 0;
	int err = bpf_map_lookup_elem(e->map[MAP_identity], &zero, &who);

	who.build = object_build();
	return err ? err : bpf_map_update_elem(e->map[MAP_identity], &zero, &who, BPF_ANY);
}
