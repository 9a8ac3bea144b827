/* SPDX-License-Identifier: BSD-2-Clause */
/* What sluicectl says of itself: all commands, or one of them. */
#ifndef SLUICE_CLI_HELP_H
#define SLUICE_CLI_HELP_H

#include "api.h"

/* All commands, a synopsis and a sentence each. */
void help_all(FILE *out);
/* One: its synopsis, every word and option, keys, reasons and formats that it takes, and examples. */
void help_command(const struct api_verb *v);

#endif
