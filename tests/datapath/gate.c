/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads an engine, and runs frames through its gate: see gate.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "../policy_text.h"
#include "gate.h"
#include "internal.h"
#include "space.h"

#define SERVICES 16 /* more than any test names */
#define OPENED 64 /* more gates than any program has open at once, even if each of its tests fails */

/* What it takes to unload the gates that are open. A failed assertion jumps past gate_close(), and the gate may have been on that stack. */
static struct opened {
	char instance[SLUICE_NAME_LEN]; /* empty: a free place */
	struct engine *engine;
} opened[OPENED];
static pid_t opener;

static void fail_with(struct diag *d, int err, const char *what)
{
	char *text = diag_text(d);

	fail_msg("%s: %s: %s", what, strerror(-err), text ? text : "");
}

/* Opens real sockets for the gate to find, whatever the host has. */
static void listeners_open(const struct policy *p)
{
	unsigned int port;
	size_t i;

	for (i = 0; i < p->services.count; i++)
		for (port = 0; port < p->services.item[i].ports_count; port++)
			assert_int_equal(space_listen(p->services.item[i].ports[port]), 0);
}

static struct opened *opened_find(const char *instance)
{
	size_t i;

	for (i = 0; i < OPENED; i++) {
		if (!strcmp(opened[i].instance, instance))
			return &opened[i];
	}
	fail_msg("no gate is remembered as '%s'", instance);
	return NULL;
}

/*
 * Unloads the gates that are still open when the program ends. Their engines are only unlocked, because threads of a test that failed may
 * still use them. A child that exits leaves its parent's gates alone.
 */
static void opened_unload(void)
{
	struct diag d = {};
	struct opened *o;

	if (getpid() != opener)
		return;
	for (o = opened; o < opened + OPENED; o++) {
		if (o->engine)
			flock(o->engine->lock, LOCK_UN);
		if (*o->instance)
			engine_unload(o->instance, &d);
	}
	diag_free(&d);
}

/* Remembers a gate that is about to be opened. */
static struct opened *opened_add(const char *instance)
{
	struct opened *o = opened_find("");

	if (!opener)
		assert_int_equal(atexit(opened_unload), 0);
	opener = getpid();
	strcpy(o->instance, instance);
	return o;
}

void gate_open(struct gate *g, const char *policy_text)
{
	static int number;
	struct opened *o;
	struct policy *p = policy_of(policy_text);
	struct diag d = {};
	bool resumed;
	int err;

	memset(g, 0, sizeof(*g));
	listeners_open(p);
	snprintf(g->instance, sizeof(g->instance), "dp%d-%d", getpid(), number++);
	o = opened_add(g->instance);
	err = engine_open(g->instance, p, &g->engine, &resumed, &d);
	o->engine = g->engine;
	if (!err)
		err = engine_commit(g->engine, p, &d);
	if (err)
		fail_with(&d, err, "engine");
	diag_free(&d);
	policy_free(p);
}

void gate_apply(struct gate *g, const char *policy_text)
{
	struct policy *p = policy_of(policy_text);
	struct diag d = {};
	int err = engine_commit(g->engine, p, &d);

	if (err)
		fail_with(&d, err, "commit");
	diag_free(&d);
	policy_free(p);
}

void gate_close(struct gate *g)
{
	struct opened *o = opened_find(g->instance);
	struct diag d = {};
	int err;

	engine_close(g->engine);
	g->engine = o->engine = NULL;
	err = engine_unload(g->instance, &d);
	if (err)
		fail_with(&d, err, "unload");
	*o->instance = 0;
	diag_free(&d);
}

int gate_teardown(void **state)
{
	gate_close(*state);
	return 0;
}

/* Reads the packets counted so far for each reason, of the first SERVICES services together; not by a snapshot, which visits every source. */
static void packets_read(struct gate *g, uint64_t out[SLUICE_REASONS])
{
	__u32 count = SERVICES * SLUICE_REASONS, i, token, cpus = libbpf_num_possible_cpus(), cpu;
	struct sluice_stat *rows = calloc((size_t)count * cpus, sizeof(*rows));
	__u32 *keys = calloc(count, sizeof(*keys));
	char path[PIN_PATH_LEN];
	int fd;

	pin_path(g->instance, map_names[MAP_stats], path);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0 && rows && keys);
	assert_int_equal(bpf_map_lookup_batch(fd, NULL, &token, keys, rows, &count, NULL), 0);
	close(fd);
	memset(out, 0, SLUICE_REASONS * sizeof(*out));
	for (i = 0; i < count; i++) {
		for (cpu = 0; cpu < cpus; cpu++)
			out[keys[i] % SLUICE_REASONS] += rows[(size_t)i * cpus + cpu].packets;
	}
	free(rows);
	free(keys);
}

/* As if the frame came in by the interface g->in. */
static int probe_in(struct gate *g, const uint8_t *frame, size_t len)
{
	struct xdp_md in = { .data_end = len, .ingress_ifindex = g->in };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len, .data_out = g->answer,
		    .data_size_out = g->answer_len, .ctx_in = &in, .ctx_size_in = sizeof(in), .repeat = 1);
	char path[PIN_PATH_LEN];
	int fd, err;

	pin_path(g->instance, PIN_PROBE, path);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	err = bpf_prog_test_run_opts(fd, &opts);
	close(fd);
	g->answer_len = opts.data_size_out;
	return err ? err : (int)opts.retval;
}

int gate_send(struct gate *g, const struct frame *f, enum sluice_reason *why)
{
	uint64_t before[SLUICE_REASONS], after[SLUICE_REASONS];
	uint8_t frame[FRAME_ROOM];
	size_t len = frame_build(f, frame), i, moved = 0;
	int verdict;

	packets_read(g, before);
	g->answer_len = sizeof(g->answer);
	verdict = g->in ? probe_in(g, frame, len)
			: engine_probe(g->engine, frame, len, g->answer, &g->answer_len, 1, NULL);
	assert_true(verdict >= 0);
	packets_read(g, after);
	for (i = 0; i < SLUICE_REASONS; i++) {
		moved += after[i] - before[i];
		if (after[i] != before[i])
			*why = i;
	}
	assert_int_equal(moved, 1);
	return verdict;
}

struct service_status gate_service(struct gate *g, const char *service)
{
	struct service_status found = {};
	struct snapshot *s = NULL;
	size_t i;

	assert_int_equal(snapshot_take(g->engine, &s), 0);
	for (i = 0; i < s->services_count; i++) {
		if (!strcmp(s->services[i].row.name, service))
			found = s->services[i];
	}
	snapshot_free(s);
	return found;
}

enum sluice_reason gate_reason(struct gate *g, const struct frame *f)
{
	enum sluice_reason why = SLUICE_REASONS;

	gate_send(g, f, &why);
	return why;
}

struct sluice_stat gate_stat(struct gate *g, const char *service, enum sluice_reason why)
{
	return gate_service(g, service).stats[why];
}

uint64_t gate_sources(struct gate *g)
{
	struct snapshot *s = NULL;
	uint64_t n;

	assert_int_equal(snapshot_take(g->engine, &s), 0);
	n = s->sources_tracked;
	snapshot_free(s);
	return n;
}
