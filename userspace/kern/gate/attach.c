/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaches gates to interfaces next to other programs (libxdp's dispatcher), exchanges and detaches them. The keeper calls it, because it has
 * the necessary rights.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>

#include <xdp/libxdp.h>

#include "attached.h"
#include "link.h"
#include "load.h"

#define GATE_PRIORITY 10 /* in a shared dispatcher, before xdp-filter and the like (50) */

DEFINE_CLEANUP(struct sluice_bpf *, object_free);

static void program_close(struct xdp_program *prog)
{
	xdp_program__close(prog);
}
DEFINE_CLEANUP(struct xdp_program *, program_close);

static bool uses_map(const struct xdp_program *prog, __u32 id)
{
	__u32 ids[MAPS] = {}, len = sizeof(struct bpf_prog_info), i;
	struct bpf_prog_info info = { .nr_map_ids = MAPS, .map_ids = (uintptr_t)ids };

	if (bpf_obj_get_info_by_fd(xdp_program__fd(prog), &info, &len))
		return false;
	for (i = 0; i < info.nr_map_ids && i < MAPS; i++) {
		if (ids[i] == id)
			return true;
	}
	return false;
}

/* The pin stays. An interface that is gone, or a gate that somebody else detached, is no error. */
static int gate_leave(const char *interface, const char *pin, struct diag *d)
{
	unsigned int index = gate_place(interface, pin);
	_cleanup_(multiprog_close) struct xdp_multiprog *mp = multiprog_of(index);
	struct xdp_program *prog = mp ? gate_find(mp, pin) : NULL;
	int err = prog ? xdp_program__detach(prog, index, xdp_multiprog__attach_mode(mp), 0) : 0;

	if (err)
		diag_add(d, "cannot detach from %s: %s", interface, strerror(-err));
	return err;
}

static int gate_detach(const char *interface, const char *pin, struct diag *d)
{
	int err = gate_leave(interface, pin, d);

	return err ? err : unlink(pin) ? -errno : 0;
}

static int gate_detach_in_turn(const char *interface, const char *pin, bool *in_vain, struct diag *d)
{
	_cleanup_close_ int turn = pins_turn_to_detach(in_vain);

	return turn < 0 && turn != -EBUSY ? turn : gate_detach(interface, pin, d);
}

struct detach_all {
	bool in_vain;
	struct diag *diag;
};

static int gate_detach_any(const char *interface, const char *pin, void *arg)
{
	struct detach_all *job = arg;

	return gate_detach_in_turn(interface, pin, &job->in_vain, job->diag);
}

int gates_detach(const char *instance, struct diag *d)
{
	struct detach_all job = { .diag = d };
	int turn = pins_turn_to_detach(&job.in_vain);

	/* The keeper of a daemon that was killed has pinned by now what it attached. */
	if (turn >= 0)
		close(turn);
	else if (turn != -EBUSY)
		return turn;
	return pins_each_gate(instance, gate_detach_any, &job);
}

/* Returns what link_frames() does. */
static int frames_of(const char *interface)
{
	struct link_view l;
	int err = link_view(interface, &l);

	return err ? err : link_frames(&l);
}

/* What has this pin already is no longer attached to the interface that the pin is named after. */
static int gate_pin_anew(const struct xdp_program *gate, const char *pin)
{
	unlink(pin);
	return bpf_obj_pin(xdp_program__fd(gate), pin);
}

/* Makes one attempt in one mode, and leaves the attached program pinned. */
static int gate_attach_mode(const struct engine *e, const char *interface, const char *pin, enum xdp_attach_mode mode)
{
	_cleanup_(object_free) struct sluice_bpf *skel = object_open_gate(e, frames_of(interface));
	_cleanup_(program_close) struct xdp_program *prog = NULL;
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .prog_name = "sluice_gate");
	int err;

	if (!skel)
		return -errno;
	opts.obj = object_of(skel);
	prog = xdp_program__create(&opts);
	err = libxdp_get_error(prog);
	if (err) {
		prog = NULL;
		return err;
	}
	xdp_program__set_run_prio(prog, GATE_PRIORITY);
	xdp_program__set_chain_call_enabled(prog, XDP_PASS, true);
	xdp_program__set_xdp_frags_support(prog,
					   true); /* else the dispatcher has none; it asks the others there, too */
	err = xdp_program__attach(prog, if_nametoindex(interface), mode, 0);
	if (err)
		return err;
	err = gate_pin_anew(prog, pin);
	if (err)
		xdp_program__detach(prog, if_nametoindex(interface), mode, 0);
	return err;
}

/*
 * libxdp attaches the gate before it can be pinned. If the daemon was killed in between, the gate is pinned now. `old` (NULL: none) is the
 * pin of a gate that is known. Returns -ENOENT if there is no other gate.
 */
static int gate_adopt(const struct engine *e, const char *interface, const char *pin, const char *old)
{
	_cleanup_(multiprog_close) struct xdp_multiprog *mp = multiprog_of(if_nametoindex(interface));
	struct bpf_map_info control = {};
	struct xdp_program *gate = NULL;
	__u32 len = sizeof(control);

	if (mp && !bpf_obj_get_info_by_fd(e->map[MAP_control], &control, &len))
		gate = program_find(mp, uses_map, control.id, old ? pinned_id(old) : 0);
	return gate ? gate_pin_anew(gate, pin) : -ENOENT;
}

/* Says why one mode failed for an interface that exists, and what helps. */
static void refusal_tell(const char *interface, enum xdp_attach_mode mode, int err, bool falls_back, struct diag *d)
{
	char owner[SLUICE_NAME_LEN];

	if ((err == -EBUSY || err == -EEXIST) && gate_owner(interface, owner))
		diag_add(
			d,
			"interface %s: the gate of instance %s is attached and does not share: `sluicectl -i %s unload` removes it, or "
			"name another interface",
			interface, owner, owner);
	else if (err == -EBUSY || err == -EEXIST)
		diag_add(d,
			 "interface %s: another XDP program is attached and does not share: `bpftool net` names it, "
			 "`ip link set dev %s xdp off` removes it",
			 interface, interface);
	else if (mode == XDP_MODE_SKB)
		diag_add(d, "interface %s: cannot attach: %s", interface, strerror(-err));
	else
		diag_add(d, "interface %s: the driver refuses native XDP (%s): %s", interface, strerror(-err),
			 falls_back ? "using generic mode, which is slower"
				    : "xdp-mode = auto would use generic mode, which is slower");
}

/* Returns the mode of other programs there, or native if there are none. */
static enum xdp_attach_mode mode_there(const char *interface)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, on);

	if (bpf_xdp_query(if_nametoindex(interface), 0, &on))
		return XDP_MODE_NATIVE;
	return on.skb_prog_id ? XDP_MODE_SKB : XDP_MODE_NATIVE;
}

/* Replaces one program by another, in one exchange in the kernel. */
static int gate_replace(const struct engine *e, const char *interface, const char *pin, const char *old, __u32 flags)
{
	_cleanup_(object_free) struct sluice_bpf *skel = object_open_gate(e, frames_of(interface));
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	_cleanup_close_ int before = bpf_obj_get(old);
	int err, gate;

	if (!skel || before < 0)
		return -errno;
	err = bpf_object__load(object_of(skel));
	if (err)
		return err;
	gate = bpf_program__fd(bpf_object__find_program_by_name(object_of(skel), "sluice_gate"));
	err = bpf_obj_pin(gate, pin);
	if (err)
		return err;
	opts.old_prog_fd = before;
	err = bpf_xdp_attach(if_nametoindex(interface), gate, flags, &opts);
	if (err)
		unlink(pin);
	return err;
}

struct exchange {
	const struct engine *engine;
	struct diag *diag;
};

/*
 * A gate that is no longer attached is not exchanged: whether the interface is guarded is the policy's business. The pin keeps the name that
 * the interface had.
 */
static int gate_exchange(const char *named, const char *old, void *arg)
{
	unsigned int index = gate_place(named, old);
	_cleanup_(multiprog_close) struct xdp_multiprog *mp = multiprog_of(index);
	enum xdp_attach_mode mode = mp ? xdp_multiprog__attach_mode(mp) : XDP_MODE_UNSPEC;
	char pin[PIN_PATH_LEN], interface[IF_NAMESIZE] = "";
	const struct exchange *x = arg;
	int err;

	gate_pin(x->engine->instance, named, pin);
	if (!mp || !if_indextoname(index, interface) || !gate_find(mp, old) || gate_find(mp, pin))
		return 0;
	unlink(pin); /* left by an exchange that was cut short */
	if (xdp_multiprog__is_legacy(mp))
		err = gate_replace(x->engine, interface, pin, old,
				   mode == XDP_MODE_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	else if ((err = gate_adopt(x->engine, interface, pin, old)) == -ENOENT)
		err = gate_attach_mode(x->engine, interface, pin, mode);
	if (err)
		diag_add(x->diag, "interface %s: the gate of the previous build cannot be replaced: %s", interface,
			 strerror(-err));
	return err;
}

static int gate_exchange_in_turn(const char *interface, const char *old, void *arg)
{
	const struct exchange *x = arg;
	_cleanup_close_ int turn = pins_turn(TURN_MS, x->diag);

	return turn < 0 ? turn : gate_exchange(interface, old, arg);
}

/* Every packet meets one of the two; under a dispatcher it meets both, until the old one is buried. */
int engine_exchange(struct engine *e, struct diag *d)
{
	struct exchange x = { e, d };

	return engine_old_stands(e) ? old_each_gate(e, gate_exchange_in_turn, &x) : 0;
}

static int gate_attach(const struct engine *e, const char *interface, const char *pin, enum policy_xdp_mode wanted,
		       struct diag *d)
{
	enum xdp_attach_mode mode = wanted == POLICY_XDP_GENERIC ? XDP_MODE_SKB : XDP_MODE_NATIVE;
	bool falls_back;
	int err;

	if (!if_nametoindex(interface)) {
		diag_add(d, "interface %s: no such interface: `ip link` lists them", interface);
		return -ENODEV;
	}
	if (frames_of(interface) == -EOPNOTSUPP) {
		diag_add(
			d,
			"interface %s: its packets begin with a header that sluice does not read, so nothing can be judged "
			"there: name the interface where they arrive",
			interface);
		return -EOPNOTSUPP;
	}
	if (!gate_adopt(e, interface, pin, NULL))
		return 0;
	if (wanted == POLICY_XDP_AUTO)
		mode = mode_there(interface);
	err = gate_attach_mode(e, interface, pin, mode);
	if (!err)
		return 0;
	falls_back = wanted == POLICY_XDP_AUTO && mode == XDP_MODE_NATIVE && err != -EBUSY && err != -EEXIST;
	refusal_tell(interface, mode, err, falls_back, d);
	if (!falls_back)
		return err;
	err = gate_attach_mode(e, interface, pin, XDP_MODE_SKB);
	if (err)
		refusal_tell(interface, XDP_MODE_SKB, err, false, d);
	return err;
}

static bool names_interface(const struct policy *p, const char *interface)
{
	size_t i;

	for (i = 0; i < p->interfaces.count; i++) {
		if (!strcmp(p->interfaces.item[i], interface))
			return true;
	}
	return false;
}

static bool is_spared(const char *interface, const struct policy *p, const struct policy *also)
{
	return also && !names_interface(p, interface) && names_interface(also, interface);
}

struct detach_others {
	const struct policy *policy, *also;
	bool in_vain;
	struct diag *diag;
};

/* Whether the gate is at an interface that the policy names as it is called now. */
static bool is_named_there(const struct policy *p, const char *interface, const char *pin)
{
	unsigned int index = gate_place(interface, pin);
	char now[IF_NAMESIZE];

	return index && if_indextoname(index, now) && names_interface(p, now);
}

/* Where a policy follows an interface that was renamed, interface_guard() finds the gate that is there. */
static int detach_other(const char *interface, const char *pin, void *arg)
{
	struct detach_others *job = arg;

	if (names_interface(job->policy, interface) || is_spared(interface, job->policy, job->also))
		return 0;
	if (is_named_there(job->policy, interface, pin))
		return unlink(pin) ? -errno : 0;
	return gate_detach_in_turn(interface, pin, &job->in_vain, job->diag);
}

struct attached {
	const struct engine *engine;
	const struct policy *policy, *also;
	size_t count;
};

static int attached_count(const char *interface, const char *pin, void *arg)
{
	struct attached *a = arg;

	if (is_spared(interface, a->policy, a->also))
		return 0;
	if (names_interface(a->policy, interface) && link_is_away(a->engine, interface))
		return 0;
	if (!names_interface(a->policy, interface) || !strcmp(gate_mode(interface, pin), "detached"))
		return -ESTALE;
	a->count++;
	return 0;
}

bool engine_attached(const struct engine *e, const struct policy *p, const struct policy *also)
{
	struct attached a = { .engine = e, .policy = p, .also = also };
	size_t i, want = 0;

	for (i = 0; i < p->interfaces.count; i++)
		want += !link_is_away(e, p->interfaces.item[i]);
	return !pins_each_gate(e->instance, attached_count, &a) && a.count == want;
}

/*
 * A pin whose gate is not attached there stays until there is another gate: `status` tells by it that nothing is judged there. If its gate is at an
 * interface that was renamed, and another one has the name now, it is detached there.
 */
static int interface_guard(const struct engine *e, const char *interface, const struct policy *p, struct diag *d)
{
	_cleanup_close_ int turn = -1;
	char pin[PIN_PATH_LEN];
	int err = 0;

	gate_pin(e->instance, interface, pin);
	if (strcmp(gate_mode(interface, pin), "detached"))
		return 0;
	turn = pins_turn(TURN_MS, d);
	if (turn < 0)
		return turn;
	if (!is_named_there(p, interface, pin))
		err = gate_leave(interface, pin, d);
	return err ? err : gate_attach(e, interface, pin, p->xdp_mode, d);
}

int engine_attach(struct engine *e, const struct policy *p, const struct policy *also, struct diag *d)
{
	struct detach_others job = { .policy = p, .also = also, .diag = d };
	size_t i;
	int err;

	err = pins_each_gate(e->instance, detach_other, &job);
	for (i = 0; i < p->interfaces.count && !err; i++)
		err = interface_guard(e, p->interfaces.item[i], p, d);
	return err;
}
