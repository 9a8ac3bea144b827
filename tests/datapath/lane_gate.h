/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the express lane share, whichever family their sources are of: a gate on lo with a listener, a source that a connection
 * fills, SYNs of it, and the word that notes its refusal.
 */
#ifndef SLUICE_TESTS_LANE_GATE_H
#define SLUICE_TESTS_LANE_GATE_H

#include "gate.h"
#include "pair.h"
#include "reason.h"
#include "words.h"

/* Who speaks to whom, in tests of one family. */
struct lane_hosts {
	const char *here; /* has a listener at port 25 */
	const char *deaf; /* ours, and nobody listens there: a SYN that the order lets pass takes nothing */
	const char *source; /* limited to one connection */
	const char *prepare; /* a command that gives this host such addresses, or NULL */
};

extern int lane_listener;

/* For cmocka: *state becomes a gate under this policy, in a namespace of its own. */
int lane_gate_open(void **state, const struct lane_hosts *hosts, const char *policy);
int lane_gate_close(void **state);

enum sluice_reason lane_reason(struct gate *g, const struct frame *f);
/* Of a SYN from there to the deaf address. */
enum sluice_reason lane_syn(struct gate *g, const struct lane_hosts *hosts, const char *from);

/* The source is full, by *p, and has been refused: how many words say so. */
unsigned int lane_fill(struct gate *g, const struct lane_hosts *hosts, struct pair *p, struct word *w);
/* The word of a source that is full no more: what it refuses, the lane refuses. */
struct word lane_word_of_nothing(struct gate *g, const struct lane_hosts *hosts);
/* All epochs pass, and in none of them the word of the first one is true again. */
void lane_epochs_pass(struct gate *g, const struct lane_hosts *hosts);

struct lane_frame {
	struct frame frame;
	enum sluice_reason why;
};

/* The order judges each of these while the lane would refuse a plain SYN of the source. */
void lane_passes_by(struct gate *g, const struct lane_hosts *hosts, const struct lane_frame *others, size_t count);

#endif
