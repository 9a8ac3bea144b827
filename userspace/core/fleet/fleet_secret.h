/* SPDX-License-Identifier: BSD-2-Clause */
/* What a fleet's hosts know and nobody else: read from files that not everybody may read. Pure but for these files. */
#ifndef SLUICE_CORE_FLEET_SECRET_H
#define SLUICE_CORE_FLEET_SECRET_H

#include <linux/types.h>

#include "diag.h"

#define FLEET_SECRET_LEAST 16 /* fewest bytes of the file */
#define FLEET_SPACE_LEN 17 /* 16 hexadecimal digits and a NUL */
#define FLEET_PASSWORD_MOST 512
#define FLEET_RECORD_KEY 32

/* For what hosts tell each other through the store: see fleet_record.h. */
struct fleet_record_keys {
	unsigned char seal[FLEET_RECORD_KEY], id[FLEET_RECORD_KEY];
};

struct fleet_secret {
	__u64 key[2]; /* for the keys in the store */
	struct fleet_record_keys records;
	char space[FLEET_SPACE_LEN]; /* names these hosts' part of the store, and reveals nothing of the key */
};

/* Returns -EINVAL or another -errno with a message. What was read is wiped, except for what is derived from it. */
int fleet_secret_read(const char *file, struct fleet_secret *out, struct diag *d);
/* Reads one line, without its end. */
int fleet_password_read(const char *file, char out[static FLEET_PASSWORD_MOST], struct diag *d);

#endif
