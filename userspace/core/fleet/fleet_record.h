/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one host says to all others of its fleet - a ban, an allow, a live setting, the end of one, an address to be erased - as a record
 * that the store keeps. It is sealed under the fleet's secret (XSalsa20-Poly1305): whoever has the store can neither read nor make one, and tells two
 * records about the same thing only by their id, a keyed hash. Pure; the daemon seals and opens, and sluice-fleet carries.
 */
#ifndef SLUICE_CORE_FLEET_RECORD_H
#define SLUICE_CORE_FLEET_RECORD_H

#include <stdbool.h>

#include "abi.h"
#include "fleet_secret.h"
#include "fleet_wire.h"

enum fleet_word_kind { FLEET_WORD_BAN = 1, FLEET_WORD_ALLOW, FLEET_WORD_ERASE, FLEET_WORD_SETTING };

#define FLEET_KEY_LEN 32 /* of a setting, with the final NUL */
#define FLEET_VALUE_LEN 48

struct fleet_word {
	enum fleet_word_kind kind;
	bool taken; /* taken back: nothing of it stands any more */
	bool observe; /* a ban that only counts */
	bool forced; /* given with --force */
	bool of_set; /* a setting of a set, else of a service */
	__u8 len; /* length of the prefix; 0 for a setting */
	__u32 uid; /* who gave it, at `host` */
	__u64 stamp; /* when it was given, in microseconds of the epoch: of two words about the same thing the later one holds */
	__u64 keep; /* seconds of the epoch, 0: for good. Until then an older word could come back, so nobody forgets this one */
	__u64 until; /* seconds of the epoch; 0: for good */
	__u64 since; /* seconds of the epoch */
	union {
		struct {
			struct sluice_addr addr;
			char owner[SLUICE_NAME_LEN]; /* of a ban */
			char text[SLUICE_TEXT_LEN];
		};
		struct {
			char title[SLUICE_NAME_LEN], key[FLEET_KEY_LEN];
			char value[FLEET_VALUE_LEN]; /* as it was typed; of one that is taken back "" */
		} setting;
	};
	char host[FLEET_NAME_MAX + 1];
};

/* Makes the id from kind, prefix and owner; for a setting, from its section, name and key. */
void fleet_record_id(const struct fleet_record_keys *k, const struct fleet_word *w, uint8_t id[static FLEET_ID]);
void fleet_record_seal(const struct fleet_record_keys *k, const struct fleet_word *w, struct fleet_record *out);
/*
 * Returns 0, or -EBADMSG if nobody who knows the secret made it, or not for this place. Texts of `out` may still contain anything, but they
 * have an end.
 */
int fleet_record_open(const struct fleet_record_keys *k, const struct fleet_record *r, struct fleet_word *out);

#endif
