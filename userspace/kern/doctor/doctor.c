/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks the host before anything is attached, and lists its findings: see doctor.h. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <linux/magic.h>

#include "doctor.h"
#include "internal.h"
#include "list.h"
#include "prove.h"
#include "sockets.h"
#include "value.h"

static void btf_free(struct btf *btf)
{
	btf__free(btf);
}
DEFINE_CLEANUP(struct btf *, btf_free);

void findings_free(struct findings *f)
{
	size_t i;

	for (i = 0; i < f->count; i++) {
		free(f->item[i].what);
		free(f->item[i].remedy);
	}
	free(f->item);
	*f = (struct findings){};
}

void finding_add(struct findings *f, enum finding_level level, const char *check, const char *remedy, const char *what,
		 ...)
{
	struct finding new = { .level = level, .check = check, .remedy = strdup(remedy) }, *more = NULL;
	va_list ap;
	int n;

	va_start(ap, what);
	n = vasprintf(&new.what, what, ap);
	va_end(ap);
	if (n < 0)
		new.what = NULL;
	else if (new.remedy)
		more = LIST_ADD(f);
	if (!more) {
		free(new.what);
		free(new.remedy);
		return;
	}
	*more = new;
}

void doctor_gate(const char *instance, struct findings *f)
{
	static const char start[] = "start sluiced: systemctl start sluiced";
	const int left = instance_opens_in(instance);
	struct sluice_identity who;

	if (!left)
		finding_add(f, FINDING_BAD, "gate", start, "sluiced was stopped, and everything passes");
	else if (left > 0)
		finding_add(f, FINDING_WARNING, "gate", start, "sluiced was stopped: in %d s everything passes", left);
	else if (!identity_read(instance, true, &who) && !engine_held(instance))
		finding_add(
			f, FINDING_BAD, "gate", start,
			"sluiced does not run: the gate stays in force, but nobody can change it, and live settings do not end");
}

struct feature {
	const char *name; /* NULL marks the end */
	enum bpf_prog_type program;
	int id; /* of the helper, or of the type of map */
	const char *since;
};

/* The newest kernel features of all that bpf/ needs; docs.ebpf.io says since when they exist. */
static const struct feature helpers[] = {
	{ "bpf_tcp_raw_gen_syncookie_ipv4", BPF_PROG_TYPE_XDP, BPF_FUNC_tcp_raw_gen_syncookie_ipv4, "6.0" },
	{ "bpf_tcp_raw_gen_syncookie_ipv6", BPF_PROG_TYPE_XDP, BPF_FUNC_tcp_raw_gen_syncookie_ipv6, "6.0" },
	{ "bpf_tcp_gen_syncookie", BPF_PROG_TYPE_XDP, BPF_FUNC_tcp_gen_syncookie, "5.4" },
	{ "bpf_tcp_check_syncookie", BPF_PROG_TYPE_XDP, BPF_FUNC_tcp_check_syncookie, "5.2" },
	{ "bpf_skc_lookup_tcp", BPF_PROG_TYPE_XDP, BPF_FUNC_skc_lookup_tcp, "5.2" },
	{ "bpf_xdp_load_bytes", BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_load_bytes, "5.18" },
	{ "bpf_timer_init", BPF_PROG_TYPE_SK_LOOKUP, BPF_FUNC_timer_init, "5.15" },
	{ "bpf_for_each_map_elem", BPF_PROG_TYPE_SK_LOOKUP, BPF_FUNC_for_each_map_elem, "5.13" },
	{},
};

static const struct feature programs[] = {
	{ "XDP", BPF_PROG_TYPE_XDP, 0, "4.8" },
	{ "sk_lookup", BPF_PROG_TYPE_SK_LOOKUP, 0, "5.9" },
	{},
};

static const struct feature tables[] = {
	{ "LRU hash", 0, BPF_MAP_TYPE_LRU_HASH, "4.10" },
	{ "LPM trie", 0, BPF_MAP_TYPE_LPM_TRIE, "4.11" },
	{ "array of maps", 0, BPF_MAP_TYPE_ARRAY_OF_MAPS, "4.12" },
	{ "ring buffer", 0, BPF_MAP_TYPE_RINGBUF, "5.8" },
	{},
};

static int helper_probe(const struct feature *x)
{
	return libbpf_probe_bpf_helper(x->program, x->id, NULL);
}

static int program_probe(const struct feature *x)
{
	return libbpf_probe_bpf_prog_type(x->program, NULL);
}

static int table_probe(const struct feature *x)
{
	return libbpf_probe_bpf_map_type(x->id, NULL);
}

static void features(struct findings *f, const char *kind, const struct feature *x,
		     int (*probe)(const struct feature *))
{
	size_t before = f->count, n = 0;
	int has;

	for (; x->name; x++, n++) {
		has = probe(x);
		if (has == 0)
			finding_add(f, FINDING_BAD, "kernel",
				    "boot Linux " LINUX_NEEDED " or newer, with CONFIG_BPF_SYSCALL and CONFIG_BPF_JIT",
				    "no %s %s, which Linux has since %s", kind, x->name, x->since);
		else if (has < 0)
			finding_add(f, FINDING_WARNING, "kernel", "run this as root",
				    "cannot find out whether there is the %s %s: %s", kind, x->name, strerror(-has));
	}
	if (f->count == before)
		finding_add(f, FINDING_GOOD, "kernel", "", "all %zu %ss work, by probe", n, kind);
}

/* What a tracing program attaches to, by the kernel's own types. For each, a program that does nothing is loaded, and attached nowhere. */
static const struct {
	const char *type, *what;
	unsigned int kind;
	enum bpf_attach_type attach;
} anchors[] = {
	{ "btf_trace_inet_sock_set_state", "tp_btf program at inet_sock_set_state", BTF_KIND_TYPEDEF,
	  BPF_TRACE_RAW_TP },
	{ "btf_trace_tcp_destroy_sock", "tp_btf program at tcp_destroy_sock", BTF_KIND_TYPEDEF, BPF_TRACE_RAW_TP },
	{ "btf_trace_tcp_retransmit_synack", "tp_btf program at tcp_retransmit_synack", BTF_KIND_TYPEDEF,
	  BPF_TRACE_RAW_TP },
	{ "bpf_iter_tcp", "iterator over TCP sockets", BTF_KIND_FUNC, BPF_TRACE_ITER },
};

static int anchor_probe(const struct btf *btf, size_t i)
{
	const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = anchors[i].attach);
	_cleanup_close_ int fd = -1;
	int id = btf__find_by_name_kind(btf, anchors[i].type, anchors[i].kind);

	if (id < 0)
		return id;
	opts.attach_btf_id = id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "sluice_doctor", "GPL", nothing, 2, &opts);
	return fd < 0 ? fd : 0;
}

static void types(struct findings *f)
{
	_cleanup_(btf_free) struct btf *btf = btf__load_vmlinux_btf();
	size_t i;
	int err;

	if (!btf) {
		finding_add(f, FINDING_BAD, "kernel", "boot a kernel with CONFIG_DEBUG_INFO_BTF (Debian's have it)",
			    "no BTF in /sys/kernel/btf/vmlinux: %s", strerror(errno));
		return;
	}
	finding_add(f, FINDING_GOOD, "kernel", "", "BTF");
	for (i = 0; i < sizeof(anchors) / sizeof(*anchors); i++) {
		err = anchor_probe(btf, i);
		if (err)
			finding_add(f, FINDING_BAD, "kernel",
				    "boot Linux " LINUX_NEEDED " or newer, with CONFIG_BPF_EVENTS", "no %s: %s",
				    anchors[i].what, strerror(-err));
		else
			finding_add(f, FINDING_GOOD, "kernel", "", "%s", anchors[i].what);
	}
}

static void bpf_files(struct findings *f)
{
	struct statfs fs;

	if (statfs(BPFFS, &fs) || (unsigned int)fs.f_type != BPF_FS_MAGIC)
		finding_add(f, FINDING_NOTE, "kernel", "nothing: sluiced mounts it", "no BPF file system on " BPFFS);
	else
		finding_add(f, FINDING_GOOD, "kernel", "", "BPF file system on " BPFFS);
}

static void compiler(struct findings *f)
{
	_cleanup_fclose_ FILE *in = fopen("/proc/sys/net/core/bpf_jit_enable", "re");
	int on;

	if (in && fscanf(in, "%d", &on) == 1 && !on)
		finding_add(f, FINDING_WARNING, "kernel", "sysctl -w net.core.bpf_jit_enable=1",
			    "net.core.bpf_jit_enable is 0: programs are interpreted, which is several times slower");
}

static void ends(struct findings *f)
{
	int err = sockets_can_end();

	if (err == -EOPNOTSUPP)
		finding_add(f, FINDING_NOTE, "kernel", "boot a kernel with CONFIG_INET_DIAG_DESTROY to have it",
			    "no SOCK_DESTROY: `ban --kill` will not work; bans will");
}

void doctor_metrics(const struct policy *p, const char *instance, struct findings *f)
{
	const char *why = metrics_why_not(p, instance, NULL);
	char where[LISTEN_TEXT_LEN];

	if (why)
		finding_add(f, FINDING_WARNING, "metrics",
			    "change metrics { listen = ... }, or stop what listens there",
			    "no metrics will be served at %s: %s", listen_format(&p->metrics, where), why);
}

void doctor_kernel(struct findings *f)
{
	if (geteuid()) {
		finding_add(f, FINDING_WARNING, "kernel", "run this as root",
			    "not root: what the kernel supports, and who owns the sockets, is unknown");
	} else {
		features(f, "program type", programs, program_probe);
		features(f, "map type", tables, table_probe);
		features(f, "helper", helpers, helper_probe);
		types(f);
		ends(f);
	}
	bpf_files(f);
	compiler(f);
}
