/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last good content of a list as a file, for a start at which the list itself cannot be used. daemon/memory/lists.c chooses the place of these files
 * and writes them. A file is text: a head, the path of the list, one prefix or number per line, a checksum over all of it.
 */
#ifndef SLUICE_CORE_LIST_KEEP_H
#define SLUICE_CORE_LIST_KEEP_H

#include "listfile.h"

#define LIST_KEEP_NAME 17 /* bytes of a name, with its NUL */

/* Returns buf with the name of the file for a list, which is the same each time. */
const char *list_keep_name(const char *path, enum list_kind kind, char buf[static LIST_KEEP_NAME]);
/* Returns 0 or -ENOMEM; *out is freed with free(). */
int list_keep_write(const struct list_file *f, char **out);
/*
 * Reads what the file says about its list, without the content, which list_keep_fill() reads when it is needed. Returns -EINVAL or -ENOMEM.
 */
int list_keep_head(const char *file, struct list_file **out);
/* Reads the content of such a list into an empty one. -EINVAL: the file is torn by now. */
int list_keep_fill(const struct list_file *head, struct list_file *to);

#endif
