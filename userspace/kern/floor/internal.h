/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of kern/ share. Nothing outside kern/ includes it. */
#ifndef SLUICE_KERN_INTERNAL_H
#define SLUICE_KERN_INTERNAL_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include "cleanup.h"
#include "containers.h"
#include "engine.h"

/* The oldest kernel that the tests run on (docs/kernels.md). The newest features that bpf/ needs came with 6.0, see doctor.c. */
#define LINUX_NEEDED "6.1"

#define BPFFS "/sys/fs/bpf"
#define PINS_ROOT BPFFS "/sluice"
#define PIN_PATH_LEN 320 /* root, instance, and the longest name of a directory entry */
#define PIN_TRACK "link_track" /* the tracepoint's link */
#define PIN_RETRACK "link_retrack"
#define PIN_END "link_end" /* links of a socket's end, also twice */
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
		X(live_bans) X(ban_rows) X(sources) X(known) X(networks) X(rates) X(shared_rates) X(shared_held) X(total_rates) X(due) X(tally) X(shared) X(totals) X(handshakes) X(handshake_load) X(socket_tuples) X(guards) X(stats) X(connections) X(audits) X(sweeper) \
			X(identity) X(names) X(countries) X(admitted_from) X(pressures) X(arrivals) X(suspects) X(stamps) X(sketch) X(fragments) X(no_room) \
				X(cookie_requests) X(syncookies) X(events) X(budgets) X(peaks) X(published) X(halves) X(insides) X(containers) X(locals) X(refusals) X(refusals6) X(answers) X(answer_counts) X(fleet) X(fleet_leases) X(fleet_changes)
/* clang-format on */

enum map_id {
#define X(name) MAP_##name,
	SLUICE_PINNED_MAPS(X)
#undef X
		MAPS
};

/* Programs that only the daemon runs. */
enum program_id { PROGRAM_AUDIT_END, PROGRAM_REAP, PROGRAMS };

struct engine {
	char instance[SLUICE_NAME_LEN];
	int lock; /* flock on the pin directory; -1: opened for reading */
	int map[MAPS];
	int program[PROGRAMS]; /* -1 if it is not open */
	int trie[SLUICE_SLOTS]; /* maps that this process put there, because asking by id takes CAP_SYS_ADMIN; -1: none */
	struct ring_buffer *cookie_requests; /* NULL if nobody listens to it */
	int links; /* netlink socket; -1 if nobody listens to it */
	struct guarded *guarded; /* links.c's */
	struct registry *registry;
	/* Kept by the daemon that holds the lock. */
	struct {
		uint32_t listeners, classes, rules, pages;
	} committed[SLUICE_SLOTS]; /* rows of the slot's policy */
	bool *used_before; /* while a policy is on trial: registry->used of the one before; NULL if another daemon began the trial */
	netns_ask ask; /* NULL: this process enters namespaces itself */
	void *ask_arg;
	struct container_status *containers; /* as the last audit found them */
	size_t containers_count;
	uint64_t netns_seen; /* for engine_netns_moved() */
	uint32_t live_count[2]; /* by enum live_kind; allows as of the last live_expire() */
	uint64_t bans_due_ns, bans_walk_ns; /* the earliest end of a ban: no check is needed before that */
	uint64_t allows_walk_ns;
	unsigned int lane_bits; /* for the lines in use; 0: not known yet */
	struct reaper {
		unsigned int table; /* the one that is being walked */
		bool under_way; /* `token` says how far it is */
		__u64 token[8];
	} reaper;
};

extern const char *const map_names[MAPS];

/* pins.c: paths and life of the pin directory */
void pin_path(const char *instance, const char *name, char path[static PIN_PATH_LEN]);
int pins_mount(struct diag *d);
void pins_missing(const char *instance, int err,
		  struct diag *d); /* says that its pins could not be opened, and what that means */
int pins_lock(const char *instance, bool create, struct diag *d); /* returns a descriptor or -errno */
pid_t flock_holder(const char *path); /* -1: nobody has it; 0: somebody whose number cannot be seen from here */
int pins_open_maps(struct engine *e, bool readonly);
int pins_remove(const char *instance); /* removes all pins and the directory itself */
/* Calls f(name, path, arg) for each pin, until one fails. */
int pins_each(const char *instance, int (*f)(const char *name, const char *path, void *arg), void *arg);
/* Calls f(interface, path, arg) for each pinned gate. */
int pins_each_gate(const char *instance, int (*f)(const char *interface, const char *path, void *arg), void *arg);

/* turn.c */
#define TURN_MS 20000 /* more than an interface takes */
/*
 * Waits until no other process attaches or detaches. Returns a descriptor, to be closed after one interface, or -errno; -EBUSY with a message
 * if the wait was too long, -ECANCELED if the one whom this process serves has gone (engine_turns_while()).
 */
int pins_turn(unsigned int patience_ms, struct diag *d);
/*
 * The same for a detach, which after -EBUSY is done without: no gate may stay in place because something hangs elsewhere, and if somebody
 * changes the same interface at the same time, libxdp notices. A list waits in vain only once; *in_vain is false at its beginning.
 */
int pins_turn_to_detach(bool *in_vain);

/* identity.c */
/* How what is pinned compares with what this build makes. */
enum pinned {
	PINNED_NOTHING, /* or something that a load that was cut short left behind */
	PINNED_OURS,
	PINNED_PROGRAMS, /* the maps are ours, but the programs are of another build, or incomplete */
	PINNED_FOREIGN, /* other maps */
};

/* Opens the maps if they are ours, and the programs if these are ours, too. */
enum pinned pins_look(struct engine *e, struct diag *d);
/*
 * Reads whose pins these are; abi 0: they are of a load that was cut short. For another ABI nothing else in *out has a meaning, and no
 * other map is touched.
 */
int identity_read(const char *instance, bool readonly, struct sluice_identity *out);
/* The last step of a load: from here on the pins count as complete. `policy` is the path of its file, or NULL. */
int identity_write(const struct engine *e, const char *policy);
int identity_renew(const struct engine *e); /* the same for programs that were loaded over existing maps */

/* old.c: the pins of another build, while ours take their place */
#define PIN_OLD "~old" /* follows the instance's name; no instance has a ~ in its own */
#define OLD_NAME_LEN (SLUICE_NAME_LEN + sizeof(PIN_OLD))
void old_name(const char *instance, char name[static OLD_NAME_LEN]);
void old_path(const char *instance, const char *pin, char path[static PIN_PATH_LEN]);
/* Calls f(interface, path, arg) for each gate that is pinned there. */
int old_each_gate(const struct engine *e, int (*f)(const char *interface, const char *path, void *arg), void *arg);

/* takeover.c */
/* Moves the pins out of the way; the lock that is held goes with them. */
int old_make(const struct engine *e, struct diag *d);
void old_unmake(const struct engine *e); /* moves them back to where they were */
/* Does the same for the pins of programs and links alone. */
int old_programs_make(const struct engine *e, struct diag *d);
void old_programs_unmake(const struct engine *e);
/* Carries over bans and allows of the old kernel side that still mean the same. */
int old_lives_carry(struct engine *e);

/* attach.c */
int gates_detach(const char *instance, struct diag *d); /* detaches all that are pinned, and removes their pins */
/* attached.c: returns "native", "generic" or "detached", also where the interface was renamed */
const char *gate_mode(const char *interface, const char *pin);
/* Returns the interface that the gate of this pin is at: the one that the pin is named after, or one that was renamed; 0: none. */
unsigned int gate_place(const char *interface, const char *pin);
/* Returns what the interface is called now that the pin is named after. */
const char *gate_interface(const char *interface, const char *pin, char now[static IF_NAMESIZE]);
void gate_pin(const char *instance, const char *interface, char path[static PIN_PATH_LEN]);
/* Finds the instance, of whatever namespace, whose gate is attached to the interface. */
bool gate_owner(const char *interface, char instance[static SLUICE_NAME_LEN]);
/* Whether the instance has a gate for this interface, which may be absent now, or have lost the gate. */
bool gate_was_at(const char *instance, const char *interface);

/* links.c */
bool link_is_away(const struct engine *e, const char *interface); /* whether it was guarded, and does not exist now */
/* Returns the interface with a gate that a packet to this address would come by: the address's own, else any; 0: there is none. */
unsigned int link_for(const struct engine *e, const struct sluice_addr *local);
bool link_is_guarded(const struct engine *e, unsigned int index);
void links_forget(struct engine *e);
int links_recall(struct engine *e); /* notes the interfaces that an earlier daemon guarded */

/* program.c */
int programs_open(struct engine *e); /* returns 0 or -ENOENT */
int program_ask(int fd); /* runs one of them through its descriptor; returns 1 (it said PASS), 0 or -errno */

/* sources.c: finds the keys of an address at a service. If network->bits is 0, its network has no limits there. */
int source_key(const struct engine *e, const struct sluice_addr *a, unsigned int service,
	       struct sluice_source_key *source, struct sluice_source_key *network);

/* reap.c */
/* Has the kernel side free those of `list` that are idle. Returns how many were freed, or -errno. */
int due_free(const struct engine *e, const struct sluice_due *list, size_t count);

/* syncookies.c */
int syncookies_restore(const struct engine *e,
		       struct diag *d); /* what net.ipv4.tcp_syncookies was before it was raised */

/* netns.c */
int netns_cookie(__u64 *out); /* for the namespace this process is in */
/*
 * Returns -EXDEV with a message if the instance's pins belong to another network namespace. *gone: to one that no longer exists, so nothing
 * of them is attached anywhere.
 */
int netns_check(const char *instance, bool *gone, struct diag *d);

__u64 clock_ns(void); /* CLOCK_MONOTONIC, as the kernel side reads it */
__u64 clock_shift(
	void); /* what the wall clock is ahead of it: together they say when something was or will be, and twice the same */

/* slot.c: the row of `control` */
int control_read(const struct engine *e, struct sluice_control *out);
int control_store(const struct engine *e, size_t offset, __u64 value);
/* Writes one word of it, and touches no other. Whatever goes with it must be in place before. */
#define CONTROL_STORE(e, field, value) control_store(e, offsetof(struct sluice_control, field), value)
int control_count(const struct engine *e, size_t offset, __u64 *before); /* adds 1 to a word, atomically */
int slot_read(const struct engine *e, __u32 *slot); /* reads the one in force */
bool generation_read(const struct engine *e, struct sluice_generation *g); /* of that slot; false: unreadable */

/* lane.c: around each change of what verdicts depend on */
int lane_shut(const struct engine *e);
void lane_open(struct engine *e);
int force_store(struct engine *e, __u64 force); /* puts a slot in force */
unsigned int lane_bits(uint64_t sources); /* lines that this many sources need, as a power of two */
int lane_factor(__u64 *out); /* factor.c: draws control.lane_factor. Returns 0 or -errno */

/* commit.c */
/* Rates with other intervals than before begin anew in `peaks`; `row` has SLUICE_MAX_SERVICES elements. */
int peaks_write(const struct engine *e, const struct sluice_service *row);
int registry_retire(struct engine *e);

/* origins.c */
/* For services that are counted by country from now on, notes when that began. */
int origins_begin(const struct engine *e);

/* containers_find.c */
/* Finds the namespaces of the slot's containers, and brings `published` up to date. */
int containers_write(struct engine *e, __u32 slot);

/* trie_map.c */
struct trie;
/* Puts a new trie into the slot. When it returns, nobody reads the slot's old content any more. */
int trie_replace(struct engine *e, __u32 slot, const struct trie *t);
/* Frees the memory of an idle slot's trie. */
int trie_drop(struct engine *e, __u32 slot);
void tries_keep(struct engine *e); /* opens those of an earlier daemon, while this process may still ask by id */
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
 * Reads rows [first, first + count) of a per-CPU array whose values are `words` 64-bit counters, each summed over all processors, in one
 * system call. `out` has room for count * words.
 */
int percpu_sums(int fd, __u32 first, __u32 count, __u32 words, __u64 *out);

struct engine *engine_new(const char *instance);
DEFINE_CLEANUP(struct engine *, engine_close);

#endif
