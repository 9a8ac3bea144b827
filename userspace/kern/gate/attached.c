/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at what is attached to interfaces, and finds the one that a gate is at: see attached.h. Changes nothing. */
#include "attached.h"

#include <dirent.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>

#define DISPATCHED_MAX 10 /* most programs of one dispatcher */

__u32 pinned_id(const char *pin)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts);
	_cleanup_close_ int fd = bpf_obj_get_opts(pin, &opts);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

struct xdp_program *program_find(struct xdp_multiprog *mp, bool (*is)(const struct xdp_program *, __u32), __u32 id,
				 __u32 but)
{
	struct xdp_program *prog = xdp_multiprog__main_prog(mp);

	if (prog && is(prog, id) && xdp_program__id(prog) != but)
		return prog;
	for (prog = xdp_multiprog__next_prog(NULL, mp); prog; prog = xdp_multiprog__next_prog(prog, mp)) {
		if (is(prog, id) && xdp_program__id(prog) != but)
			return prog;
	}
	return NULL;
}

static bool has_id(const struct xdp_program *prog, __u32 id)
{
	return xdp_program__id(prog) == id;
}

struct xdp_program *gate_find(struct xdp_multiprog *mp, const char *pin)
{
	__u32 id = pinned_id(pin);

	return id ? program_find(mp, has_id, id, 0) : NULL;
}

struct xdp_multiprog *multiprog_of(unsigned int index)
{
	struct xdp_multiprog *mp;

	if (!index)
		return NULL;
	mp = xdp_multiprog__get_from_ifindex(index);
	return libxdp_get_error(mp) ? NULL : mp;
}

/*
 * Reads libxdp's pins of the programs under a dispatcher (its protocol.org). Asking the kernel for a program by its id, as libxdp does,
 * takes CAP_SYS_ADMIN, which sluiced has given up. Returns 1 if the gate is one of them, 0 if it is not, -ENOENT if there are no pins.
 */
static int dispatcher_pins(__u32 dispatcher, unsigned int index, __u32 gate)
{
	char path[PIN_PATH_LEN];
	unsigned int i;
	__u32 id = 0;

	for (i = 0; i < DISPATCHED_MAX; i++) {
		snprintf(path, sizeof(path), BPFFS "/xdp/dispatch-%u-%u/prog%u-prog", index, dispatcher, i);
		id = pinned_id(path);
		if (id == gate)
			return 1;
		if (!id)
			break;
	}
	return i ? 0 : -ENOENT;
}

/*
 * Whether a dispatcher runs the gate. libxdp 1.3.1 leaks a descriptor each time it looks at an interface, and status is asked for every
 * second, so this looks at a dispatcher without pins only once. A dispatcher never changes; libxdp replaces it by another.
 */
static bool dispatcher_runs(__u32 dispatcher, unsigned int index, const char *pin)
{
	static struct {
		__u32 dispatcher, gate;
		bool runs;
	} seen[16];
	static unsigned int next;
	_cleanup_(multiprog_close) struct xdp_multiprog *mp = NULL;
	__u32 gate = pinned_id(pin);
	unsigned int i;
	int pinned;

	if (!gate)
		return false;
	for (i = 0; i < sizeof(seen) / sizeof(*seen); i++) {
		if (seen[i].dispatcher == dispatcher && seen[i].gate == gate)
			return seen[i].runs;
	}
	pinned = dispatcher_pins(dispatcher, index, gate);
	if (pinned >= 0)
		return pinned;
	mp = multiprog_of(index);
	i = next++ % (sizeof(seen) / sizeof(*seen));
	seen[i].dispatcher = dispatcher;
	seen[i].gate = gate;
	seen[i].runs = mp && gate_find(mp, pin);
	return seen[i].runs;
}

/* Whether the gate is this program of the interface (0: none), or runs under it. */
static bool gate_runs(__u32 program, unsigned int index, const char *pin)
{
	return program && (program == pinned_id(pin) || dispatcher_runs(program, index, pin));
}

void gate_pin(const char *instance, const char *interface, char path[static PIN_PATH_LEN])
{
	char name[PIN_PATH_LEN / 2];

	snprintf(name, sizeof(name), PIN_GATE "%s", interface);
	pin_path(instance, name, path);
}

bool gate_was_at(const char *instance, const char *interface)
{
	char pin[PIN_PATH_LEN];

	gate_pin(instance, interface, pin);
	return !access(pin, F_OK);
}

/* Returns static text. */
static const char *mode_at(unsigned int index, const char *pin)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, on);

	if (!index || bpf_xdp_query(index, 0, &on))
		return "detached";
	if (gate_runs(on.drv_prog_id, index, pin))
		return "native";
	return gate_runs(on.skb_prog_id, index, pin) ? "generic" : "detached";
}

static bool is_at(unsigned int index, const char *pin)
{
	return strcmp(mode_at(index, pin), "detached");
}

/* Those of another build (old.c) belong to the instance whose name comes before. */
static bool gate_is_of(const char *pins, unsigned int index, const char *interface,
		       char instance[static SLUICE_NAME_LEN])
{
	char pin[PIN_PATH_LEN];

	gate_pin(pins, interface, pin);
	if (!is_at(index, pin))
		return false;
	snprintf(instance, SLUICE_NAME_LEN, "%.*s", (int)strcspn(pins, "~"), pins);
	return true;
}

bool gate_owner(const char *interface, char instance[static SLUICE_NAME_LEN])
{
	unsigned int index = if_nametoindex(interface);
	DIR *dir = index ? opendir(PINS_ROOT) : NULL;
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.' && gate_is_of(entry->d_name, index, interface, instance);
	if (dir)
		closedir(dir);
	return found;
}

static unsigned int gate_search(const char *pin)
{
	struct if_nameindex *all = pinned_id(pin) ? if_nameindex() : NULL, *one;
	unsigned int found = 0;

	for (one = all; one && one->if_index && !found; one++) {
		if (is_at(one->if_index, pin))
			found = one->if_index;
	}
	if (all)
		if_freenameindex(all);
	return found;
}

unsigned int gate_place(const char *interface, const char *pin)
{
	unsigned int index = if_nametoindex(interface);

	return is_at(index, pin) ? index : gate_search(pin);
}

const char *gate_interface(const char *interface, const char *pin, char now[static IF_NAMESIZE])
{
	unsigned int index = if_nametoindex(interface) ? 0 : gate_search(pin);

	if (!index || !if_indextoname(index, now))
		snprintf(now, IF_NAMESIZE, "%.15s", interface);
	return now;
}

/* If another interface has the name now, that is the one which has to be guarded. */
const char *gate_mode(const char *interface, const char *pin)
{
	unsigned int index = if_nametoindex(interface);

	return mode_at(index ? index : gate_search(pin), pin);
}
