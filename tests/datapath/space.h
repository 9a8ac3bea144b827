/* SPDX-License-Identifier: BSD-2-Clause */
/* A network namespace of the test program's own, for tests that need listeners. */
#ifndef SLUICE_TESTS_SPACE_H
#define SLUICE_TESTS_SPACE_H

#include <stddef.h>
#include <stdint.h>

/* With nothing in it but loopback and listeners at these ports of [::]; tcp_syncookies is 2. 0, or -1. */
int space_enter(const uint16_t *ports, size_t count);
void syncookies_set(char value);

#endif
