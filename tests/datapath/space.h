/* SPDX-License-Identifier: BSD-2-Clause */
/* A network namespace of the test program's own, for tests that need listeners. Functions that return an int return 0 or -1. */
#ifndef SLUICE_TESTS_SPACE_H
#define SLUICE_TESTS_SPACE_H

#include <stddef.h>
#include <stdint.h>

#include "frame.h"

/* Enters it. It has only loopback, and listeners at these ports of [::]; tcp_syncookies is 2. */
int netns_enter_one(const uint16_t *ports, size_t count);
/* Opens another listener there, and makes the namespace if there is none yet. */
int space_listen(uint16_t port);
/* Makes sure that nobody listens at this port, whatever a policy names. */
void space_leave_closed(uint16_t port);
/* Routes all addresses into loopback, and gives this one to the host. */
int space_route(const char *local);
/* Opens a real connection over loopback, from this port of 127.0.0.1. Returns its client's end. */
int space_connection(uint16_t from, uint16_t to);
/* Gives an IPv4 segment to the host's own TCP, past the gate. */
void space_send(const struct frame *f);
/* Does the same with a SYN. Returns the segment by which its client completes the handshake. */
struct frame space_answer(const struct frame *syn);
void syncookies_set(char value);

#endif
