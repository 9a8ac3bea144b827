/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel side of one instance: load or take over, attach, detach, remove. Together with tables.h the only interface to libbpf and
 * libxdp. All functions return 0 or -errno and leave the reason in `d`; none prints.
 */
#ifndef SLUICE_KERN_ENGINE_H
#define SLUICE_KERN_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include "compile.h"
#include "diag.h"
#include "policy.h"

struct engine;

/*
 * Opens an instance for writing: creates the pins, or takes over what an earlier daemon left there (then *resumed is set). Holds an flock
 * on the pin directory until engine_close(); returns -EBUSY if another daemon has it. Starts the accounting; no packet is touched before
 * engine_attach().
 */
int engine_open(const char *instance, const struct policy *p, struct engine **out, bool *resumed, struct diag *d);
/*
 * If the programs were of another build, ours were loaded over the same maps; if the maps were of another ABI, a new kernel side was made
 * beside the old one (*resumed is not set). Either way the old gate continues to judge until engine_exchange(). If there is nothing to
 * replace, these three functions do nothing. After the first commit this one carries the counters over.
 */
int engine_inherit(struct engine *e, struct diag *d);
/* Puts the new gate in the old one's place, interface by interface, without a moment in between. */
int engine_exchange(struct engine *e, struct diag *d);
/* Removes what is left of the old one. */
int engine_bury(const char *instance, struct diag *d);
bool engine_old_stands(const struct engine *e); /* whether engine_exchange() and engine_bury() have something to do */
/* Whether a sluiced holds the instance, even if it does not answer yet. Takes no lock itself. */
bool engine_held(const char *instance);
/* Opens the pins for reading only, without a lock. Returns -ENOENT if nothing is loaded, and -ENODATA if no policy was committed yet. */
int engine_open_readonly(const char *instance, struct engine **out, struct diag *d);
/* Returns -EXDEV with a message if what is pinned belongs to another network namespace. *gone: to one that no longer exists. */
int engine_here(const char *instance, bool *gone, struct diag *d);
/* Opens the pins for writing, beside the daemon that holds the lock, to call engine_attach() on its behalf. */
int engine_open_beside(const char *instance, struct engine **out, struct diag *d);
/*
 * From now on this process attaches and detaches only while the other end of this socket is open: where sluiced was killed, the next one must
 * not find its keeper at work. -1: in any case.
 */
void engine_turns_while(int with);
/* Closes descriptors; programs, maps and links stay pinned and continue to work. NULL is fine. */
void engine_close(struct engine *e);

/*
 * Attaches to every interface of `p` that is not attached yet, and detaches from those that neither `p` nor `also` (NULL: nothing) names.
 */
int engine_attach(struct engine *e, const struct policy *p, const struct policy *also, struct diag *d);
/* Whether engine_attach() would find nothing to do, apart from interfaces that are away. */
bool engine_attached(const struct engine *e, const struct policy *p, const struct policy *also);
/*
 * Notes that an interface is guarded from now on: if it does not exist later it is away, and delays nothing. `index` is what it was before it was
 * attached to: one that came back meanwhile has another, and no gate.
 */
int engine_link_note(struct engine *e, const char *interface, unsigned int index);
bool engine_link_away(const struct engine *e, const char *interface, struct diag *d); /* and says so */
/* Returns a descriptor that is readable when an interface, an address or a route has changed, until engine_links_moved(); or -errno. */
int engine_links(struct engine *e);
/* Reads what that has to say. Returns whether interfaces or this host's own addresses may have changed. */
bool engine_links_moved(struct engine *e);
/*
 * Brings the kernel side's table of this host's own addresses up to date. Call it before engine_attach(), and after each change. If it
 * fails, all addresses count as the host's own, and `d` says so.
 */
int engine_locals(struct engine *e, struct diag *d);
/*
 * Tells the kernel side on which interfaces it may answer packets itself (SYN cookies, RSTs). Call it after each engine_attach(),
 * engine_locals() and change of an interface; without this call, the host answers.
 */
int engine_answers(struct engine *e, struct diag *d);
int engine_local_any(const struct engine *e, bool ipv4,
		     struct sluice_addr *out); /* finds one that a client would ask for; -ENOENT */
/* Whether an interface of `p` went away and has come back, once for each time; `d` says which. It has to be attached to again. */
bool engine_links_back(struct engine *e, const struct policy *p, struct diag *d);
/* Says, once for each time, which interfaces of `p` are there without their gate: somebody detached it, or another program took its place. */
void engine_links_lost(struct engine *e, const struct policy *p, struct diag *d);
/* Detaches everywhere and removes every pin of the instance, even of a half-made one. Works if the daemon is dead. */
int engine_unload(const char *instance, struct diag *d);

/*
 * Compiles `p`, fills the idle generation, flips to it, and counts live sockets anew where they belong now. On failure the old one is in
 * force; what fails after the flip is reported in `d`, and is no failure.
 */
int engine_commit(struct engine *e, const struct policy *p, struct diag *d);

/*
 * A commit on trial: unless engine_confirm() is called within `ms`, the kernel side goes back to the previous generation, by its own clock.
 * Until engine_confirm() or engine_revert(), every other commit returns -EBUSY.
 */
int engine_try(struct engine *e, const struct policy *p, unsigned int ms, struct diag *d);
enum trial { TRIAL_NONE, TRIAL_AWAITED, TRIAL_OVER /* the previous generation is in force again */ };
/* *ms is the time left; `ms` may be NULL. */
enum trial engine_trial(const struct engine *e, unsigned int *ms);
/* Returns -ENOENT if nothing awaits it, and -ETIME if it is too late. */
int engine_confirm(struct engine *e, struct diag *d);
/* Puts the previous generation in force for good, before the deadline or after, and cleans up. Returns -ENOENT as above. */
int engine_revert(struct engine *e, struct diag *d);
/* Reads which file the policy in force was read from or, with `other`, the one that is not in force; PATH_LEN bytes. */
int engine_policy_path(const struct engine *e, bool other, char path[static SLUICE_PATH_LEN]);

/* Lets everything pass once `seconds` have passed, by the gate's own clock. */
int engine_stand_open_in(struct engine *e, unsigned int seconds);
int engine_stand_guard(struct engine *e); /* takes that back */
/* Returns in how many seconds the gate of a sluiced that was stopped lets everything pass; 0: it does; -1: it was not stopped. */
int engine_opens_in(const struct engine *e);
int instance_opens_in(const char *instance); /* the same; -1 also if nothing is loaded */
/* Runs geo_check() on what `p` was made from, against what the generation in force was made from. */
int engine_geo_check(const struct engine *e, const struct policy *p, struct diag *d);
/*
 * Compares counters with sockets, adopts what is not counted yet and, at the second audit, gives back what no longer has a socket. *drift
 * is the sum of the remaining differences that no change meanwhile explains; 0 if all is right.
 */
int engine_audit(struct engine *e, long *drift, struct diag *d);
/*
 * Returns whether there are more sockets than the filter of their 4-tuples has room for, so that many SYNs at a full limit go the long way.
 * Two audits make it larger: the first counts, the second fills. Each wants to be made soon.
 */
bool engine_audit_hurries(const struct engine *e);
/*
 * Frees the counters of sources that were idle for longer than the retention time, rates whose interval is over, and what is no longer in
 * force: a limited part of the tables in each call. Returns 1 if there is more, and it wants to be called again soon; 0 if a round is over;
 * or -errno.
 */
int engine_reap(struct engine *e);

/*
 * Sets net.ipv4.tcp_syncookies to what the kernel side wants now: 2 while it answers SYNs by cookies, otherwise what it was before. Call it
 * at each cookie request, and once a second.
 */
int engine_tune(struct engine *e, bool *raised, struct diag *d);
int engine_untune(struct engine *e, struct diag *d); /* restores it in any case */
/* Returns a descriptor that is readable when engine_tune() is wanted, until engine_cookie_requests_clear(); or -errno. */
int engine_cookie_requests(struct engine *e);
void engine_cookie_requests_clear(struct engine *e);

/*
 * Runs one frame through the gate without sending it (BPF_PROG_TEST_RUN, which changes counters as a real packet would).
 * `out` (at least *out_len bytes) gets the frame as the gate left it. Returns the XDP verdict, or -errno. With repeat > 1,
 * *ns is the mean time of one run; `ns` may be NULL.
 */
int engine_probe(const struct engine *e, const void *frame, size_t len, void *out, size_t *out_len, unsigned int repeat,
		 unsigned int *ns);

/*
 * What would become of this SYN right now, and what judges it: this runs the gate's own code over the live tables. It changes nothing
 * there: no slot, no event, no counter of packets.
 */
int engine_explain(const struct engine *e, const struct sluice_tuple *syn, struct sluice_explanation *out);

/* Messages of libbpf and libxdp go here: NULL drops them. */
void engine_set_log(void (*log)(const char *line));

#endif
