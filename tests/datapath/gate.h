/* SPDX-License-Identifier: BSD-2-Clause */
/* A loaded engine that is attached nowhere; tests run frames through its gate. */
#ifndef SLUICE_TESTS_GATE_H
#define SLUICE_TESTS_GATE_H

#include "engine.h"
#include "frame.h"
#include "tables.h"

struct gate {
	char instance[SLUICE_NAME_LEN];
	struct engine *engine;
	unsigned int in; /* ifindex of where frames come in; 0: the loopback device */
	uint8_t answer[FRAME_ROOM]; /* the last frame, as the gate left it */
	size_t answer_len;
};

/* Each of these ends the test with a message if it fails. */
void gate_open(struct gate *g, const char *policy_text);
void gate_apply(struct gate *g, const char *policy_text);
void gate_close(struct gate *g);
/* The same for cmocka, where *state is the gate. */
int gate_teardown(void **state);
/* Sends a frame. Returns the XDP verdict; *why becomes the one reason whose counter moved. */
int gate_send(struct gate *g, const struct frame *f, enum sluice_reason *why);
/* Sends a frame. Returns that reason. */
enum sluice_reason gate_reason(struct gate *g, const struct frame *f);
struct sluice_stat gate_stat(struct gate *g, const char *service, enum sluice_reason why);
struct service_status gate_service(struct gate *g, const char *service);
uint64_t gate_sources(struct gate *g);

#endif
