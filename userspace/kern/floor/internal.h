/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of kern/ share. Nothing outside kern/ includes it. */
#ifndef SLUICE_KERN_INTERNAL_H
#define SLUICE_KERN_INTERNAL_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cleanup.h"
#include "containers.h"
#include "engine.h"

/* The oldest that the tests run on (docs/kernels.md); what bpf/ asks for came last with 6.0, see doctor.c. */
#define LINUX_NEEDED "6.1"

#define BPFFS "/sys/fs/bpf"
#define PINS_ROOT BPFFS "/sluice"
#define PIN_PATH_LEN 320 /* root, instance, and the longest name of a directory entry */
#define PIN_TRACK "link_track" /* the tracepoint's link */
#define PIN_RETRACK "link_retrack"
#define PIN_END "link_end" /* of a socket's end, the same way twice */
#define PIN_REEND "link_reend"
#define PIN_SYNACK "link_synack"
#define PIN_AUDIT "link_audit" /* the iterator's link: reading the pin runs the audit */
#define PIN_REAP "prog_reap"
#define PIN_AUDIT_END "prog_audit_end"
#define PIN_PROBE \
	"prog_gate" /* the gate, attached nowhere: BPF_PROG_TEST_RUN refuses the dispatcher's extension programs */
#define PIN_EXPLAIN "prog_explain"
#define PIN_GATE "gate@" /* gate@INTERFACE: the program attached there */

/* clang-format off */
/* Every pinned map; the name in the object is the name of the pin. */
#define SLUICE_PINNED_MAPS(X)                                                                                   \
	X(control)                                                                                              \
	X(generations) X(ports) X(listeners) X(services) X(classes) X(rules) X(tries) X(live_allows)     \
		X(live_bans) X(ban_rows) X(sources) X(networks) X(rates) X(shared_rates) X(shared_held) X(total_rates) X(due) X(tally) X(shared) X(totals) X(handshakes) X(handshake_load) X(socket_tuples) X(guards) X(stats) X(connections) X(audits) X(sweeper) \
			X(identity) X(names) X(countries) X(admitted_from) X(pressures) X(arrivals) X(suspects) X(stamps) X(sketch) X(fragments) X(no_room) \
				X(cookie_requests) X(tuning) X(events) X(budgets) X(peaks) X(published) X(halves) X(insides) X(containers) X(locals) X(locals_epoch) X(refusals) X(refusals6) X(answers) X(answer_counts) X(fleet) X(fleet_leases) X(fleet_changes)
/* clang-format on */

enum map_id {
#define X(name) MAP_##name,
	SLUICE_PINNED_MAPS(X)
#undef X
		MAPS
};

/* Those that only the daemon runs. */
enum program_id { PROGRAM_AUDIT_END, PROGRAM_REAP, PROGRAMS };

struct engine {
	char instance[SLUICE_NAME_LEN];
	int lock; /* flock on the pin directory; -1: opened for reading */
	int map[MAPS];
	int program[PROGRAMS]; /* -1: not open */
	int trie[SLUICE_SLOTS]; /* maps that this process put there: asking by id takes CAP_SYS_ADMIN; -1: none */
	struct ring_buffer *cookie_requests; /* NULL: not listened to */
	int links; /* netlink socket; -1: not listened to */
	struct guarded *guarded; /* links.c's */
	struct registry *registry;
	/* Kept by the daemon that holds the lock. */
	struct {
		uint32_t listeners, classes, rules, pages;
	} committed[SLUICE_SLOTS]; /* rows of the slot's policy */
	bool *used_before; /* while a policy is on trial: registry->used of the one before; NULL where another daemon began it */
	netns_ask ask; /* NULL: this process enters namespaces itself */
	void *ask_arg;
	struct container_status *containers; /* as the last audit found them */
	size_t containers_count;
	uint64_t netns_seen; /* of engine_netns_moved() */
	uint32_t live_count[2]; /* by enum live_kind; allows as of the last live_expire() */
	uint64_t bans_due_ns, bans_walk_ns; /* the earliest end of a ban; no check is needed before */
	uint64_t allows_walk_ns;
	unsigned int lane_bits; /* of the lines in use; 0: not known yet */
	struct reaper {
		unsigned int table; /* the one that is being looked through */
		bool under_way; /* `token` says how far */
		__u64 token[8];
	} reaper;
};

extern const char *const map_names[MAPS];

/* pins.c: paths and life of the pin directory */
void pin_path(const char *instance, const char *name, char path[static PIN_PATH_LEN]);
int pins_mount(struct diag *d);
int pins_lock(const char *instance, bool create, struct diag *d); /* descriptor or -errno */
/*
 * Waits until no other process attaches or detaches: the keeper of a killed daemon finishes its task. Returns a descriptor, to be closed
 * when done, or -errno; of a wait that had to end -EBUSY with a message.
 */
int pins_turn(struct diag *d);
int pins_open_maps(struct engine *e, bool readonly);
int pins_remove(const char *instance); /* all pins and the directory itself */
/* Calls f(name, path, arg) for each pin, until one fails. */
int pins_each(const char *instance, int (*f)(const char *name, const char *path, void *arg), void *arg);
/* Calls f(interface, path, arg) for each pinned gate. */
int pins_each_gate(const char *instance, int (*f)(const char *interface, const char *path, void *arg), void *arg);

/* identity.c */
/* What stands pinned, against what this build makes. */
enum pinned {
	PINNED_NOTHING, /* or what a load that was cut short has left */
	PINNED_OURS,
	PINNED_PROGRAMS, /* the maps are ours, the programs of another build, or not whole */
	PINNED_FOREIGN, /* other maps */
};

/* Opens the maps where they are ours, and the programs where they are, too. */
enum pinned pins_look(struct engine *e, struct diag *d);
/*
 * Whose pins these are; abi 0: of a load that was cut short. Of another ABI nothing else in *out means anything, and no other map
 * is touched.
 */
int identity_read(const char *instance, bool readonly, struct sluice_identity *out);
/* The last step of a load: from here on the pins count as whole. `policy`: of which file, or NULL. */
int identity_write(const struct engine *e, const char *policy);
int identity_renew(const struct engine *e); /* ... of a load of programs over maps that stand */

/* old.c: the pins of another build, while ours take their place */
#define PIN_OLD "~old" /* behind the instance's name; no instance has a ~ in its own */
#define OLD_NAME_LEN (SLUICE_NAME_LEN + sizeof(PIN_OLD))
void old_name(const char *instance, char name[static OLD_NAME_LEN]);
void old_path(const char *instance, const char *pin, char path[static PIN_PATH_LEN]);
/* Calls f(interface, path, arg) for each gate that is pinned there. */
int old_each_gate(const struct engine *e, int (*f)(const char *interface, const char *path, void *arg), void *arg);

/* takeover.c */
/* Moves the pins out of the way; the lock that is held goes with them. */
int old_make(const struct engine *e, struct diag *d);
void old_unmake(const struct engine *e); /* back to where it was */
/* The same for the pins of programs and links, and for them alone. */
int old_programs_make(const struct engine *e, struct diag *d);
void old_programs_unmake(const struct engine *e);
int old_bury(const char *instance, struct diag *d);
/* Bans and allows of the old kernel side, where they still mean the same. */
int old_lives_carry(struct engine *e);

/* attach.c */
int gates_detach(const char *instance, struct diag *d); /* all that are pinned, and their pins */
const char *gate_mode(const char *interface, const char *pin);

/* links.c */
bool link_is_away(const struct engine *e, const char *interface); /* was guarded, and does not exist now */
/* The interface with a gate that a packet to this address would come by: the address's own, else any; 0: there is none. */
unsigned int link_for(const struct engine *e, const struct sluice_addr *local);
bool link_is_guarded(const struct engine *e, unsigned int index);
void links_forget(struct engine *e);

/* program.c */
int programs_open(struct engine *e); /* 0 or -ENOENT */
int program_ask(int fd); /* runs one of them, on its descriptor: 1 (it said PASS), 0 or -errno */

/* sources.c: the keys of an address at a service. network->bits 0: its network has no limits there. */
int source_key(const struct engine *e, const struct sluice_addr *a, unsigned int service,
	       struct sluice_source_key *source, struct sluice_source_key *network);

/* reap.c */
/* Has the kernel side free those of `list` that are idle: how many were, or -errno. */
int due_free(const struct engine *e, const struct sluice_due *list, size_t count);

/* syncookies.c */
int syncookies_restore(const struct engine *e,
		       struct diag *d); /* what net.ipv4.tcp_syncookies was before it was raised */

/* netns.c */
int netns_cookie(__u64 *out); /* of the namespace this process is in */
/*
 * -EXDEV with a message where the instance's pins belong to another network namespace than this; *gone: to one that exists no more, so
 * that nothing of them is attached anywhere.
 */
int netns_check(const char *instance, bool *gone, struct diag *d);

__u64 clock_ns(void); /* CLOCK_MONOTONIC, as the kernel side reads it */

/* slot.c: the row of `control` */
int control_read(const struct engine *e, struct sluice_control *out);
int control_store(const struct engine *e, size_t offset, __u64 value);
/* Writes one word of it, and touches no other: what goes with it must stand in its place before. */
#define CONTROL_STORE(e, field, value) control_store(e, offsetof(struct sluice_control, field), value)
int control_count(const struct engine *e, size_t offset, __u64 *before); /* adds 1 to a word, whoever else does */
int slot_read(const struct engine *e, __u32 *slot); /* the one in force */
bool generation_read(const struct engine *e, struct sluice_generation *g); /* of that slot; false: it cannot be read */

/* lane.c: around each change of what verdicts depend on */
int lane_shut(const struct engine *e);
void lane_open(struct engine *e);
int force_store(struct engine *e, __u64 force); /* puts a slot in force */
unsigned int lane_bits(uint64_t sources); /* lines that so many need, as a power of two */

/* commit.c */
/* Rates of other intervals than before begin anew in `peaks`; `row` has SLUICE_MAX_SERVICES. */
int peaks_write(const struct engine *e, const struct sluice_service *row);
int registry_retire(struct engine *e);

/* origins.c */
int origins_begin(const struct engine *e); /* of services that are counted by country from now on, notes since when */

/* containers_find.c */
/* Finds the namespaces of the slot's containers, and brings `published` in line. */
int containers_write(struct engine *e, __u32 slot);

/* trie_map.c */
struct trie;
/* Puts a new trie into the slot; when it returns nothing reads the slot's old content. */
int trie_replace(struct engine *e, __u32 slot, const struct trie *t);
/* Gives back the memory of an idle slot's trie. */
int trie_drop(struct engine *e, __u32 slot);
void tries_keep(struct engine *e); /* opens those of a daemon before, while this process may still ask by id */
struct trie_view {
	const __u32 *cell; /* mapped */
	size_t pages;
};
int trie_view_open(const struct engine *e, __u32 slot, struct trie_view *out);
void trie_view_close(struct trie_view *v);
/* usage.c: sources_tracked, reservations and `usage` */
struct snapshot;
int usage_read(const struct engine *e, __u32 slot, struct snapshot *s);

/* rows.c */
/* Reads a whole hash or LPM table; *keys and *values are freed with free(). */
int table_read(int fd, size_t key_size, size_t value_size, void **keys, void **values, size_t *count);
int possible_cpus(void);
int tally_read(const struct engine *e, __u32 row, uint64_t *out); /* by enum sluice_tally_row */
/*
 * Of a per-CPU array whose values are `words` 64-bit counters: rows [first, first + count), each summed over all processors,
 * in one system call. `out` has room for count * words.
 */
int percpu_sums(int fd, __u32 first, __u32 count, __u32 words, __u64 *out);

struct engine *engine_new(const char *instance);
DEFINE_CLEANUP(struct engine *, engine_close);

#endif
