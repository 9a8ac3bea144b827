/* SPDX-License-Identifier: BSD-2-Clause */
/* The width of the terminal, and cutting words to fit: see screen.h. */
#include "screen.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int screen_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return 0;
	return size.ws_col ? size.ws_col : 80;
}

int room_take(int *spare, int most)
{
	int by = *spare < 0 ? 0 : *spare < most ? *spare : most;

	*spare -= by;
	return by;
}

const char *cut_to(const char *text, int width, char buf[static CUT_MOST])
{
	if (width < 1 || width >= CUT_MOST || strlen(text) <= (size_t)width)
		return text;
	snprintf(buf, CUT_MOST, "%.*s~", width - 1, text);
	return buf;
}

int column_width(const json_t *rows, const char *key, int least, int rest)
{
	int width = screen_width(), longest = least, n;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		n = json_string_length(json_object_get(row, key));
		longest = n > longest ? n : longest;
	}
	if (width && longest > width - rest)
		longest = width - rest > least ? width - rest : least;
	return longest < CUT_MOST ? longest : CUT_MOST - 1;
}
