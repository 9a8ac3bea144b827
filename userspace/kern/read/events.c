/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the ring in which the gate reports refusals, within a budget for each reason: see events.h. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "events.h"
#include "internal.h"

struct events {
	struct engine *engine;
	struct ring_buffer *ring;
	void (*tell)(const struct sluice_event *event, void *arg);
	void *arg;
	bool draining; /* what is left from an earlier watch is not reported */
};

/* Gives each watch a new number, so that counts of an earlier one are not reported; 0: nobody watches. */
static int epoch_write(struct engine *e, __u64 epoch, __u64 gap_ns)
{
	int err = CONTROL_STORE(e, event_gap_ns, gap_ns);

	return err ? err : CONTROL_STORE(e, event_epoch, epoch);
}

int events_off(struct engine *e)
{
	return epoch_write(e, 0, 0);
}

static int budgets_clear(struct engine *e)
{
	_cleanup_free_ struct sluice_budget *zero = calloc(possible_cpus(), sizeof(*zero));
	int err = 0;
	__u32 why;

	if (!zero)
		return -ENOMEM;
	for (why = 0; why < SLUICE_REASONS && !err; why++)
		err = bpf_map_update_elem(e->map[MAP_budgets], &why, zero, BPF_ANY);
	return err;
}

static int on_event(void *arg, void *data, size_t size)
{
	struct events *v = arg;

	if (size >= sizeof(struct sluice_event) && !v->draining)
		v->tell(data, v->arg);
	return 0;
}

void events_close(struct events *v)
{
	if (!v)
		return;
	events_off(v->engine);
	ring_buffer__free(v->ring);
	free(v);
}
DEFINE_CLEANUP(struct events *, events_close);

int events_open(struct engine *e, unsigned int per_second, void (*tell)(const struct sluice_event *event, void *arg),
		void *arg, struct events **out)
{
	_cleanup_(events_close) struct events *v = calloc(1, sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	*v = (struct events){ .engine = e, .tell = tell, .arg = arg, .draining = true };
	v->ring = ring_buffer__new(e->map[MAP_events], on_event, v, NULL);
	if (!v->ring)
		return -errno;
	err = events_read(v);
	v->draining = false;
	if (!err)
		err = budgets_clear(e);
	if (!err)
		err = epoch_write(e, clock_ns(), possible_cpus() * 1000000000ULL / per_second);
	if (err)
		return err;
	*out = TAKE_PTR(v);
	return 0;
}

int events_fd(const struct events *v)
{
	return ring_buffer__epoll_fd(v->ring);
}

int events_read(struct events *v)
{
	int got = ring_buffer__consume(v->ring);

	return got < 0 ? got : 0;
}
