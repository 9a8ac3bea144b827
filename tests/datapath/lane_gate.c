/* SPDX-License-Identifier: BSD-2-Clause */
/* The set-up and the steps that the express lane's tests share: see lane_gate.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "internal.h"
#include "lane_gate.h"
#include "space.h"

int lane_listener = -1;

int lane_gate_open(void **state, const struct lane_hosts *hosts, const char *policy)
{
	struct gate *g = calloc(1, sizeof(*g));
	static bool prepared;

	assert_int_equal(netns_enter_one(NULL, 0), 0);
	space_leave_closed(25);
	space_leave_closed(143);
	if (hosts->prepare && !prepared)
		assert_int_equal(system(hosts->prepare), 0);
	prepared = true;
	lane_listener = pair_listen(hosts->here, 25);
	gate_open(g, policy);
	*state = g;
	return 0;
}

int lane_gate_close(void **state)
{
	gate_close(*state);
	close(lane_listener);
	free(*state);
	return 0;
}

enum sluice_reason lane_syn(struct gate *g, const struct lane_hosts *hosts, const char *from)
{
	const struct frame f = { .from = from, .to = hosts->deaf, .from_port = 2000, .to_port = 25, .flags = SYN };

	return gate_reason(g, &f);
}

unsigned int lane_fill(struct gate *g, const struct lane_hosts *hosts, struct pair *p, struct word *w)
{
	*p = pair_open(lane_listener, hosts->source, 3000);
	assert_int_equal(lane_syn(g, hosts, hosts->source), SLUICE_SOURCE_CONNECTIONS);
	return words_find(g, w);
}

struct word lane_word_of_nothing(struct gate *g, const struct lane_hosts *hosts)
{
	struct word w = {};
	struct pair p;

	assert_int_equal(lane_fill(g, hosts, &p, &w), 1);
	pair_close(&p);
	word_put(g, &w);
	assert_int_equal(lane_syn(g, hosts, hosts->source), SLUICE_SOURCE_CONNECTIONS);
	return w;
}

void lane_epochs_pass(struct gate *g, const struct lane_hosts *hosts)
{
	struct word w = lane_word_of_nothing(g, hosts), again;
	__u32 epoch = SLUICE_LANE_EPOCH(w.word), i;

	for (i = 0; i < SLUICE_LANE_EPOCHS; i++) {
		assert_int_equal(lane_shut(g->engine), 0);
		lane_open(g->engine);
		assert_int_equal(words_find(g, &again), 0);
	}
	assert_int_equal(SLUICE_LANE_EPOCH(lane_of(g)), epoch);
	assert_int_equal(lane_syn(g, hosts, hosts->source), SLUICE_NO_LISTENER);
}

void lane_passes_by(struct gate *g, const struct lane_hosts *hosts, const struct lane_frame *others, size_t count)
{
	struct word w = lane_word_of_nothing(g, hosts);
	size_t i;

	for (i = 0; i < count; i++) {
		if (gate_reason(g, &others[i].frame) != others[i].why)
			fail_msg("frame %zu: %s", i, reason_label(gate_reason(g, &others[i].frame)));
	}
	assert_int_equal(lane_syn(g, hosts, hosts->source), SLUICE_SOURCE_CONNECTIONS);
	word_put(g, &w);
}
