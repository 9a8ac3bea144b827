/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of users, from /etc/passwd itself: sluiced must not load the libraries of a host's other sources of names. */
#ifndef SLUICE_DAEMON_WHO_H
#define SLUICE_DAEMON_WHO_H

#include <sys/types.h>

#define USER_TEXT_LEN 40

/* "root"; "" if the password file does not know it. Returns buf. */
const char *user_name(uid_t uid, char buf[static USER_TEXT_LEN]);

#endif
