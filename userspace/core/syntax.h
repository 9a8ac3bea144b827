/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands between a policy's text and libconfuse 3.3, which miscounts lines at comments, takes the slash and star of
 * include(conf.d/STAR.conf) for a comment, and takes a section that is never closed for a whole one.
 */
#ifndef SLUICE_CORE_SYNTAX_H
#define SLUICE_CORE_SYNTAX_H

#include "diag.h"

/*
 * *out is `text` with comments blanked and the arguments of includes quoted, line for line; freed with free(). -EINVAL with a
 * message when braces or quotes do not match.
 */
int syntax_plain(const char *text, const char *file, char **out, struct diag *d);

#endif
