/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the express lane share, for sources of either family: a gate on lo with a listener, a source that a connection fills, SYNs
 * from it, and the word that notes its refusal.
 */
#ifndef SLUICE_TESTS_LANE_GATE_H
#define SLUICE_TESTS_LANE_GATE_H

#include "gate.h"
#include "pair.h"
#include "reason.h"
#include "words.h"

/* Which addresses connect to which, in tests of one family. */
struct lane_hosts {
	const char *here; /* has a listener at port 25 */
	const char *deaf; /* one of ours where nobody listens, so that a SYN that the order lets pass takes nothing */
	const char *source; /* limited to one connection */
	const char *prepare; /* a command that gives this host such addresses, or NULL */
};

extern int lane_listener;

/* For cmocka: *state becomes a gate under this policy, in a namespace of its own. */
int lane_gate_open(void **state, const struct lane_hosts *hosts, const char *policy);
int lane_gate_close(void **state);

/* Sends a SYN from there to the deaf address. Returns the reason. */
enum sluice_reason lane_syn(struct gate *g, const struct lane_hosts *hosts, const char *from);

/* Fills the source by *p, and has a SYN of it refused. Returns how many words say so. */
unsigned int lane_fill(struct gate *g, const struct lane_hosts *hosts, struct pair *p, struct word *w);
/* Returns the word of a source that is no longer full. Only the lane refuses what it says. */
struct word lane_word_of_nothing(struct gate *g, const struct lane_hosts *hosts);
/* Lets all epochs pass. In none of them may the word of the first one be true again. */
void lane_epochs_pass(struct gate *g, const struct lane_hosts *hosts);

struct lane_frame {
	struct frame frame;
	enum sluice_reason why;
};

/* Shows that the order judges each of these frames, while the lane would refuse a plain SYN of the source. */
void lane_passes_by(struct gate *g, const struct lane_hosts *hosts, const struct lane_frame *others, size_t count);

#endif
