/* SPDX-License-Identifier: BSD-2-Clause */
/* Is there a terminal that `top` can draw on? In a file of its own, since <term.h> defines words like "tone". */
#include <stdbool.h>
#include <unistd.h>

#include <curses.h>
#include <term.h>

#include "top_terminal.h"

bool terminal_can_draw(void)
{
	char *move;
	int err;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || setupterm(NULL, STDOUT_FILENO, &err))
		return false;
	move = tigetstr("cup");
	return move && move != (char *)-1;
}
