/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens an instance, by making its pins or taking over what an earlier daemon left, and closes and unloads it. The daemon calls it at its
 * start, the CLI when it reads or removes what is pinned.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <xdp/libxdp.h>

#include "bans.h"
#include "internal.h"
#include "load.h"

static void (*log_line)(const char *line);

#define LOG_TAIL 16384 /* bytes: the verifier's log can be megabytes, and only its end says why */

static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	_cleanup_free_ char *text = NULL;
	char *at, *line;
	int len;

	if (!log_line || level == LIBBPF_DEBUG)
		return 0;
	len = vasprintf(&text, fmt, ap);
	if (len < 0) {
		text = NULL;
		return 0;
	}
	at = text + (len > LOG_TAIL ? len - LOG_TAIL : 0);
	while ((line = strsep(&at, "\n"))) {
		if (*line)
			log_line(line);
	}
	return 0;
}

static int print_libxdp(enum libxdp_print_level level, const char *fmt, va_list ap)
{
	return print_libbpf(level == LIBXDP_DEBUG ? LIBBPF_DEBUG : LIBBPF_WARN, fmt, ap);
}

void engine_set_log(void (*log)(const char *line))
{
	log_line = log;
	libbpf_set_print(print_libbpf);
	libxdp_set_print(print_libxdp);
}

struct engine *engine_new(const char *instance)
{
	struct engine *e = calloc(1, sizeof(*e));
	int i;

	if (!e)
		return NULL;
	snprintf(e->instance, sizeof(e->instance), "%s", instance);
	e->lock = e->links = -1;
	for (i = 0; i < PROGRAMS; i++)
		e->program[i] = -1;
	for (i = 0; i < MAPS; i++)
		e->map[i] = -1;
	for (i = 0; i < SLUICE_SLOTS; i++)
		e->trie[i] = -1;
	e->registry = calloc(1, sizeof(*e->registry));
	if (!e->registry) {
		free(e);
		return NULL;
	}
	return e;
}

void engine_close(struct engine *e)
{
	int i;

	if (!e)
		return;
	for (i = 0; i < MAPS; i++) {
		if (e->map[i] >= 0)
			close(e->map[i]);
	}
	for (i = 0; i < SLUICE_SLOTS; i++) {
		if (e->trie[i] >= 0)
			close(e->trie[i]);
	}
	ring_buffer__free(e->cookie_requests);
	links_forget(e);
	for (i = 0; i < PROGRAMS; i++) {
		if (e->program[i] >= 0)
			close(e->program[i]);
	}
	if (e->lock >= 0)
		close(e->lock);
	free(e->used_before);
	free(e->containers);
	free(e->registry);
	free(e);
}

/* Reads the names that an earlier daemon gave its counters. */
static int registry_read(struct engine *e)
{
	int err = 0;
	__u32 i;

	for (i = 1; i < SLUICE_MAX_TOTALS && !err; i++)
		err = bpf_map_lookup_elem(e->map[MAP_names], &i, e->registry->name[i]);
	return err;
}

static int control_init(const struct engine *e, struct diag *d)
{
	struct sluice_control control = {
		.abi = SLUICE_ABI_VERSION,
		.sockets = SLUICE_SOCKETS(0, SLUICE_SOCKETS_BITS_LEAST, SLUICE_SOCKETS_BITS_LEAST),
	};
	__u32 zero = 0;
	int err;

	err = netns_cookie(&control.netns);
	if (err) {
		diag_add(d,
			 "cannot tell which network namespace this is: %s: Linux " LINUX_NEEDED " or newer is needed",
			 strerror(-err));
		return err;
	}
	if (getrandom(&control.seed, sizeof(control.seed), 0) < 0 ||
	    getrandom(control.secret, sizeof(control.secret), 0) < 0)
		return -errno;
	err = lane_factor(&control.lane_factor);
	return err ?: bpf_map_update_elem(e->map[MAP_control], &zero, &control, BPF_ANY);
}

/* Takes over what an earlier daemon left. */
static int engine_resume(struct engine *e)
{
	int err;

	tries_keep(e);
	err = registry_read(e);
	if (!err)
		err = lane_shut(e);
	if (!err)
		err = bans_recover(e);
	lane_open(e);
	return err;
}

static int programs_renew(struct engine *e, const struct policy *p, struct diag *d)
{
	int err = old_programs_make(e, d);

	if (err)
		return err;
	err = object_load(e, p, d);
	if (!err)
		err = programs_open(e);
	if (!err)
		err = identity_renew(e);
	if (err)
		old_programs_unmake(e);
	return err ? err : engine_resume(e);
}

/* Makes everything anew, and carries over what the programs of another build kept. */
static int engine_make(struct engine *e, const struct policy *p, struct diag *d)
{
	int err;

	close(e->lock);
	e->lock = pins_lock(e->instance, true, d);
	if (e->lock < 0)
		return e->lock;
	err = object_load(e, p, d);
	if (!err)
		err = control_init(e, d);
	if (!err)
		err = programs_open(e);
	if (!err)
		err = identity_write(e, p->path);
	if (!err)
		err = old_lives_carry(e);
	if (err) {
		pins_remove(e->instance);
		old_unmake(e);
	}
	return err;
}

/* Depending on what is pinned, resumes it, gives it new programs, or begins anew. */
static int engine_fill(struct engine *e, const struct policy *p, bool *resumed, struct diag *d)
{
	const char *instance = e->instance;
	enum pinned pinned = PINNED_NOTHING;
	bool gone = false;
	int err;

	err = netns_check(instance, &gone, d);
	if (!err && gone)
		err = engine_bury(instance, d);
	if (err)
		return err;
	if (!gone)
		pinned = pins_look(e, d);
	*resumed = pinned == PINNED_OURS || pinned == PINNED_PROGRAMS;
	if (pinned == PINNED_OURS) {
		err = engine_resume(e);
	} else if (pinned == PINNED_PROGRAMS) {
		err = programs_renew(e, p, d);
	} else if (pinned == PINNED_FOREIGN) {
		err = old_make(e, d);
		if (!err)
			err = engine_make(e, p, d);
	} else {
		/* What a load that was cut short left behind, or a namespace that is gone, contains nothing worth keeping. */
		gates_detach(instance, d);
		pins_remove(instance);
		err = engine_make(e, p, d);
	}
	return err;
}

/*
 * The keeper of a daemon that was killed finishes the interface that it is at. After this it takes no other. A first start has to attach, so it
 * fails now if it cannot; one that may have nothing to attach does not depend on what hangs elsewhere.
 */
static int keeper_await(const char *instance, struct diag *d)
{
	_cleanup_diag_ struct diag why = {};
	_cleanup_close_ int turn = pins_turn(TURN_MS, &why);
	struct sluice_identity who;

	if (turn >= 0 || (turn == -EBUSY && !identity_read(instance, true, &who)))
		return 0;
	diag_move(d, &why);
	return turn;
}

int engine_open(const char *instance, const struct policy *p, struct engine **out, bool *resumed, struct diag *d)
{
	_cleanup_(engine_close) struct engine *e = engine_new(instance);
	char path[PIN_PATH_LEN];
	int err;

	if (!e)
		return -ENOMEM;
	err = pins_mount(d);
	if (err)
		return err;
	e->lock = pins_lock(instance, true, d);
	if (e->lock < 0)
		return e->lock;
	err = keeper_await(instance, d);
	if (!err)
		err = engine_fill(e, p, resumed, d);
	if (!err)
		err = links_recall(e);
	if (!err) {
		*out = TAKE_PTR(e);
		return 0;
	}
	pin_path(instance, "", path);
	rmdir(path); /* succeeds if there is nothing in it */
	return err;
}

/* Opens what is pinned, no matter who holds the lock. */
static int engine_look(const char *instance, bool readonly, struct engine **out, struct diag *d)
{
	_cleanup_(engine_close) struct engine *e = engine_new(instance);
	int err;

	if (!e)
		return -ENOMEM;
	err = pins_open_maps(e, readonly);
	if (err) {
		pins_missing(instance, err, d);
		return err;
	}
	*out = TAKE_PTR(e);
	return 0;
}

/* Returns false between the moment when all is loaded and the first commit. A daemon that is killed then leaves it so. */
static bool has_policy(const struct engine *e)
{
	struct sluice_generation g;

	return generation_read(e, &g) && g.number;
}

int engine_open_readonly(const char *instance, struct engine **out, struct diag *d)
{
	_cleanup_(engine_close) struct engine *e = NULL;
	struct sluice_identity who;
	int err;

	if (!identity_read(instance, true, &who) && who.abi != SLUICE_ABI_VERSION) {
		diag_add(d, "instance %s is pinned with ABI %u, this build has %u", instance, who.abi,
			 SLUICE_ABI_VERSION);
		return -EPROTO;
	}
	err = engine_look(instance, true, &e, d);
	if (err)
		return err;
	if (!has_policy(e)) {
		diag_add(
			d,
			"instance %s has no policy yet: its start is under way, or was cut short. What was loaded before still judges. Start sluiced",
			instance);
		return -ENODATA;
	}
	*out = TAKE_PTR(e);
	return 0;
}

int instance_opens_in(const char *instance)
{
	_cleanup_(engine_close) struct engine *e = NULL;
	_cleanup_diag_ struct diag ignored = {};

	return engine_open_readonly(instance, &e, &ignored) ? -1 : engine_opens_in(e);
}

int engine_here(const char *instance, bool *gone, struct diag *d)
{
	return netns_check(instance, gone, d);
}

int engine_open_beside(const char *instance, struct engine **out, struct diag *d)
{
	return engine_look(instance, false, out, d);
}

/*
 * A half-made instance has nothing to restore. What cannot be restored is reported, and stops nothing. A gate that is not found any more (its
 * interface has moved to another namespace) outlives its pins, and refuses nothing from here on: nobody counts for it.
 */
static void unload_untune(const char *instance, struct diag *d)
{
	_cleanup_(engine_close) struct engine *e = engine_new(instance);

	if (!e || pins_open_maps(e, false))
		return;
	syncookies_restore(e, d);
	engine_stand_open_in(e, 0);
}

int engine_unload(const char *instance, struct diag *d)
{
	_cleanup_close_ int lock = -1;
	bool gone = false;
	int err;

	lock = pins_lock(instance, false, d);
	if (lock < 0)
		return lock;
	err = netns_check(instance, &gone, d);
	if (!err)
		err = gates_detach(instance, d);
	if (err)
		return err;
	if (!gone)
		unload_untune(instance, d);
	err = engine_bury(instance, d);
	if (!err)
		err = pins_remove(instance);
	if (err)
		diag_add(d, "cannot remove the pins of instance %s: %s", instance, strerror(-err));
	return err;
}
