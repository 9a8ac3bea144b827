/* SPDX-License-Identifier: BSD-2-Clause */
/* The help of sluicectl: for all commands, or for one. */
#ifndef SLUICE_CLI_HELP_H
#define SLUICE_CLI_HELP_H

#include "api.h"

/* All commands, a synopsis and a sentence each. */
void help_all(FILE *out);
/* One: its synopsis, every word and option, keys, reasons and formats that it takes, and examples. */
void help_command(const struct api_verb *v);

#endif
