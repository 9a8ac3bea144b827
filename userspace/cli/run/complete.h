/* SPDX-License-Identifier: BSD-2-Clause */
/* What can follow the words of a command line that is being typed. */
#ifndef SLUICE_CLI_COMPLETE_H
#define SLUICE_CLI_COMPLETE_H

#include "cli.h"

/* complete.c: prints what can take the place of the last word, a line each, behind a tab perhaps its help; ":file": a file can. */
int complete_line(const struct call *c);

#endif
