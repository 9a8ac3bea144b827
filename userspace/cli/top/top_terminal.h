/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_top.c calls this before it begins to draw. */
#ifndef SLUICE_CLI_TOP_TERMINAL_H
#define SLUICE_CLI_TOP_TERMINAL_H

#include <stdbool.h>

/* Whether standard input and output are a terminal, TERM names a known one, and its cursor can be put anywhere. */
bool terminal_can_draw(void);

#endif
