/* SPDX-License-Identifier: BSD-2-Clause */
/* What can follow the words of a command line that is being typed. */
#ifndef SLUICE_CLI_COMPLETE_H
#define SLUICE_CLI_COMPLETE_H

#include "cli.h"

/* complete.c: prints what can replace the last word, one per line, optionally followed by a tab and its help; ":file": file names can. */
int complete_line(const struct call *c);

#endif
