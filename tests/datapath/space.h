/* SPDX-License-Identifier: BSD-2-Clause */
/* A network namespace of the test program's own, for tests that need listeners. */
#ifndef SLUICE_TESTS_SPACE_H
#define SLUICE_TESTS_SPACE_H

#include <stddef.h>
#include <stdint.h>

#include "frame.h"

/* With nothing in it but loopback and listeners at these ports of [::]; tcp_syncookies is 2. 0, or -1. */
int netns_enter_one(const uint16_t *ports, size_t count);
/* Another listener there, in a namespace that is made where there is none yet. 0, or -1. */
int space_listen(uint16_t port);
/* Nobody shall listen there, whatever a policy names. */
void space_leave_closed(uint16_t port);
/* All addresses lead into loopback, and this one is the host's. 0, or -1. */
int space_route(const char *local);
/* A real connection over loopback, from this port of 127.0.0.1. Returns its client's end. */
int space_connection(uint16_t from, uint16_t to);
/* Gives an IPv4 segment to the host's own TCP, past the gate. */
void space_send(const struct frame *f);
/* The same of a SYN: returns the sequence number that the listener answers it by. */
uint32_t space_syn(const struct frame *syn);
void syncookies_set(char value);

#endif
