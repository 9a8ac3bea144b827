/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of doctor about interfaces: which mode each will get, or has, and who will answer there. */
#include <errno.h>
#include <string.h>

#include "answers.h"
#include "doctor.h"
#include "internal.h"
#include "link.h"

#define PAGE_MTU 3498U /* what fits into one page of 4 KB with headroom and tail: most drivers' limit for native XDP */

#define CHECK "interface"

DEFINE_CLEANUP(struct snapshot *, snapshot_free);

/* Whether the driver does native XDP, but nobody knows whether it does if a frame takes several buffers. */
static bool size_is_in_doubt(const struct link_view *l)
{
	return l->mtu > PAGE_MTU && !(l->features & LINK_XDP_SG) && !*link_generic_why(l);
}

/* Before anything is attached: says which mode it will be. */
static void mode_to_come(const char *name, const struct link_view *l, const struct policy *p, struct findings *f)
{
	const char *driver = *l->driver ? l->driver : "unknown", *why = link_generic_why(l);

	if (p->xdp_mode == POLICY_XDP_GENERIC)
		finding_add(f, FINDING_NOTE, CHECK, "use xdp-mode = auto if the driver has native mode",
			    "%s: generic XDP, as the policy asks: slower than native", name);
	else if (!*why && l->features_known && !size_is_in_doubt(l))
		finding_add(f, FINDING_GOOD, CHECK, "", "%s (driver %s): native XDP", name, driver);
	else if (!*why)
		finding_add(f, FINDING_NOTE, CHECK, "nothing: sluiced tries native mode and reports the result",
			    "%s (driver %s): %s drivers do not say whether they have native XDP", name, driver,
			    l->features_known ? "with such an MTU" : "on this kernel");
	else if (p->xdp_mode == POLICY_XDP_NATIVE)
		finding_add(f, FINDING_BAD, CHECK, "xdp-mode = auto, or another interface",
			    "%s (driver %s): no native XDP, which xdp-mode = native asks for: %s", name, driver, why);
	else
		finding_add(f, FINDING_WARNING, CHECK, "attach to the hardware below it, if there is any",
			    "%s (driver %s): no native XDP: generic mode, which is slower: %s", name, driver, why);
}

/* Once a gate is attached, nothing is predicted any more: doctor reports what status reports. */
static void mode_there(const struct interface_status *is, struct findings *f)
{
	if (!strcmp(is->xdp_mode, "native"))
		finding_add(f, FINDING_GOOD, CHECK, "", "%s: native XDP, as attached", is->name);
	else
		finding_add(f, FINDING_WARNING, CHECK,
			    "if the policy asks for it, use xdp-mode = auto; else see the reason",
			    "%s: attached in generic mode, slower than native: %s", is->name, is->mode_why);
}

/* Says who answers there. `is` is NULL if nothing is attached yet. */
static void answers(const char *name, const struct link_view *l, const struct policy *p,
		    const struct interface_status *is, struct findings *f)
{
	bool generic = p->xdp_mode == POLICY_XDP_GENERIC || *link_generic_why(l);
	struct link_places all = {};
	struct sluice_answers plan = {};
	enum sluice_answers_why why;

	if (!is && !links_read(&all))
		answers_plan(l, &all, generic, &plan);
	free(all.item);
	why = is ? is->why : (enum sluice_answers_why)plan.why;
	if (why != SLUICE_ANSWERS_XDP)
		finding_add(
			f, why == SLUICE_ANSWERS_UNHEARD ? FINDING_WARNING : FINDING_NOTE, CHECK, answers_remedy(why),
			"%s: the host answers there, not XDP: floods cost more, and no RST is sent for refusals: %s",
			name, answers_why_text(why));
}

/* `is` is NULL if nothing is attached yet. */
static void size(const char *name, const struct link_view *l, const struct interface_status *is, struct findings *f)
{
	char remedy[96];

	if (!size_is_in_doubt(l) || (is && !strcmp(is->xdp_mode, "native")))
		return;
	snprintf(remedy, sizeof(remedy), "if so: ip link set %s mtu %u, or xdp-mode = generic", name, PAGE_MTU);
	finding_add(f, FINDING_WARNING, CHECK, remedy,
		    "%s: MTU %u: some drivers refuse native XDP if a frame does not fit into one page", name, l->mtu);
}

static void offloads(const char *name, const struct link_view *l, struct findings *f)
{
	char remedy[96];

	if (!l->lro)
		return;
	snprintf(remedy, sizeof(remedy), "ethtool -K %s lro off", name);
	finding_add(f, FINDING_WARNING, CHECK, remedy,
		    "%s: LRO is on: drivers then refuse native XDP, or hand over merged packets", name);
}

static void queues(const char *name, const struct link_view *l, struct findings *f)
{
	unsigned int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	bool can = l->queues < l->queues_max;
	char remedy[96];

	if (!l->queues || l->queues >= cpus)
		return;
	if (can)
		snprintf(remedy, sizeof(remedy), "ethtool -L %s combined %u (or rx %u)", name,
			 l->queues_max < cpus ? l->queues_max : cpus, l->queues_max < cpus ? l->queues_max : cpus);
	else
		snprintf(remedy, sizeof(remedy),
			 "ethtool cannot help: there are no more; a hypervisor may provide some");
	finding_add(
		f, can ? FINDING_WARNING : FINDING_NOTE, CHECK, remedy,
		"%s: receive queues: %u, processors: %u: the other processors cannot help in a flood; some drivers want a queue for "
		"each before they enable native XDP",
		name, l->queues, cpus);
}

static void place(const char *name, const struct link_view *l, struct findings *f)
{
	if (!strcmp(l->kind, "vlan"))
		finding_add(f, FINDING_WARNING, CHECK, "name the interface below it: the gate reads VLAN tags",
			    "%s is a VLAN device: only generic XDP there, after the kernel has built its own packet",
			    name);
	if (!strcmp(l->kind, "bond"))
		finding_add(f, FINDING_NOTE, CHECK, "name the bond in the policy, not its ports",
			    "%s is a bond: native XDP needs a driver with native mode at each port", name);
	if (!strcmp(l->kind, "bridge"))
		finding_add(f, FINDING_WARNING, CHECK, "name the ports that traffic comes from",
			    "%s is a bridge: only generic XDP there", name);
	if (!strcmp(l->kind, "macvlan"))
		finding_add(
			f, FINDING_NOTE, CHECK, "name that device, too, or set its arp_ignore to 1",
			"%s is a macvlan device: if the device below it is in this network namespace, it answers ARP for the same "
			"addresses, and what comes in there is not judged",
			name);
	if (!strcmp(l->port_of, "bond"))
		finding_add(f, FINDING_BAD, CHECK, "name the bond in `interfaces`",
			    "%s is a port of the bond %s, which gets its packets", name, l->master);
	if (!strcmp(l->port_of, "bridge"))
		finding_add(f, FINDING_NOTE, CHECK, "nothing: what is not for an address of this host is not judged",
			    "%s is a port of the bridge %s: packets for other hosts pass there, too", name, l->master);
	if (!strcmp(l->port_of, "vrf"))
		finding_add(f, FINDING_NOTE, CHECK, "nothing: limits hold there",
			    "%s is in the VRF %s, whose connections the gate cannot look up: a limit that is full of "
			    "unanswered handshakes is full, on all interfaces",
			    name, l->master);
	if (!l->up)
		finding_add(f, FINDING_WARNING, CHECK, "ip link set it up; sluiced attaches anyway", "%s is down",
			    name);
}

static void program_name(unsigned int id, char name[static BPF_OBJ_NAME_LEN])
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		snprintf(name, BPF_OBJ_NAME_LEN, "unknown");
	else
		snprintf(name, BPF_OBJ_NAME_LEN, "%s", info.name);
}

static void others(const char *name, const char *instance, const struct link_view *l, struct findings *f)
{
	char there[BPF_OBJ_NAME_LEN], pin[PIN_PATH_LEN], remedy[96], owner[SLUICE_NAME_LEN];
	LIBBPF_OPTS(bpf_xdp_query_opts, on);
	unsigned int id;

	gate_pin(instance, name, pin);
	if (bpf_xdp_query(l->index, 0, &on))
		return;
	id = on.drv_prog_id ? on.drv_prog_id : on.skb_prog_id ? on.skb_prog_id : on.hw_prog_id;
	if (!id)
		return;
	program_name(id, there);
	snprintf(remedy, sizeof(remedy),
		 "ip link set %s xdp off, or load that program with xdp-loader, so that both share", name);
	if (strcmp(gate_mode(name, pin), "detached"))
		finding_add(f, FINDING_GOOD, CHECK, "", "%s: sluice is attached", name);
	else if (!strcmp(there, "xdp_dispatcher"))
		finding_add(f, FINDING_NOTE, CHECK, "xdp-loader status shows the order; sluice has priority 10",
			    "%s: other XDP programs are attached, under libxdp's dispatcher: sluice joins them", name);
	else if (gate_owner(name, owner))
		finding_add(
			f, FINDING_BAD, CHECK,
			"stop that sluiced and unload it (sluicectl -i NAME unload), or name another interface",
			"%s: the gate of instance %s is attached, without libxdp's dispatcher: there is no room for a second",
			name, owner);
	else
		finding_add(
			f, FINDING_BAD, CHECK, remedy,
			"%s: another XDP program is attached (%s, id %u), without libxdp's dispatcher: there is no room for a second",
			name, there, id);
}

/* Returns NULL if no gate is attached there. */
static const struct interface_status *attached_find(const struct snapshot *s, const char *name)
{
	size_t i;

	for (i = 0; s && i < s->interfaces.count; i++) {
		if (!strcmp(s->interfaces.item[i].name, name) && strcmp(s->interfaces.item[i].xdp_mode, "detached"))
			return &s->interfaces.item[i];
	}
	return NULL;
}

static void absent(const char *name, const char *instance, int err, struct findings *f)
{
	char pin[PIN_PATH_LEN], now[IF_NAMESIZE], remedy[96];

	gate_pin(instance, name, pin);
	gate_interface(name, pin, now);
	snprintf(remedy, sizeof(remedy), "write %s in `interfaces`, then: sluicectl -i %s reload", now, instance);
	if (err == -ENODEV && strcmp(now, name))
		finding_add(f, FINDING_WARNING, CHECK, remedy, "%s is called %s now, and is still guarded", name, now);
	else if (err == -ENODEV && gate_was_at(instance, name))
		finding_add(f, FINDING_WARNING, CHECK, "nothing, if it comes back; else take it out of `interfaces`",
			    "%s is absent: it will be guarded when it comes back", name);
	else
		finding_add(f, FINDING_BAD, CHECK, "`ip link` lists the interfaces: name one in `interfaces`", "%s: %s",
			    name, err == -ENODEV ? "no such interface" : strerror(-err));
}

/* Says if a gate that was attached there no longer is. */
static void lost(const char *name, const char *instance, struct findings *f)
{
	char remedy[96];

	if (!gate_was_at(instance, name))
		return;
	snprintf(remedy, sizeof(remedy), "sluicectl -i %s reload", instance);
	finding_add(f, FINDING_BAD, CHECK, remedy, "%s: the gate is not attached any more: nothing is judged there",
		    name);
}

/* `s` is NULL if nothing is loaded. */
static void interface(const char *name, const char *instance, const struct policy *p, const struct snapshot *s,
		      struct findings *f)
{
	const struct interface_status *is;
	struct link_view l;
	int err = link_view(name, &l);

	if (err) {
		absent(name, instance, err, f);
		return;
	}
	is = attached_find(s, name);
	if (!is)
		lost(name, instance, f);
	if (is)
		mode_there(is, f);
	else if (*link_unguarded_why(&l))
		finding_add(f, FINDING_BAD, CHECK, "name the interface where its packets arrive",
			    "%s: %s: sluiced refuses to guard it", name, link_unguarded_why(&l));
	else
		mode_to_come(name, &l, p, f);
	answers(name, &l, p, is, f);
	size(name, &l, is, f);
	offloads(name, &l, f);
	queues(name, &l, f);
	place(name, &l, f);
	others(name, instance, &l, f);
}

void doctor_interfaces(const struct policy *p, const char *instance, struct findings *f)
{
	_cleanup_(engine_close) struct engine *e = NULL;
	_cleanup_(snapshot_free) struct snapshot *s = NULL;
	struct diag d = {};
	size_t i;

	if (!engine_open_readonly(instance, &e, &d))
		snapshot_take(e, &s);
	diag_free(&d);
	for (i = 0; i < p->interfaces.count; i++)
		interface(p->interfaces.item[i], instance, p, s, f);
}
