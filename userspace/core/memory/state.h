/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live orders of operators, as a file that survives a reboot: bans, allows and settings. Text, one per line:
 *
 *   sluice-state VERSION SAVED
 *   ban PREFIX UNTIL SINCE UID OWNER HOW [TEXT]          HOW: "refuse" or "observe"
 *   allow PREFIX UNTIL SINCE UID [TEXT]
 *   set SERVICE|- KEY UNTIL SINCE UID VALUE
 *   source-set NAME KEY UNTIL SINCE UID VALUE
 *   limit PREFIX SERVICE|- KEY UNTIL SINCE UID VALUE
 *   end CRC32
 *
 * Times are seconds of CLOCK_REALTIME, UNTIL 0 is for ever. The checksum is of all lines before it. In version 1, which is read, too, a
 * ban had the form of an allow, and there were neither sets nor limits.
 */
#ifndef SLUICE_CORE_STATE_H
#define SLUICE_CORE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "list.h"
#include "scope.h"

#define SLUICE_STATE_VERSION 2
/* The longest line of a ban or allow: the word, the prefix, three numbers, the owner, how, and the text. */
#define STATE_LINE (6 + ADDR_TEXT_LEN + 3 * 21 + SLUICE_NAME_LEN + 8 + SLUICE_TEXT_LEN)
/* More than full tables and any sensible number of settings take: what is written can be read back. */
#define STATE_BYTES (2UL * SLUICE_MAX_LIVE * STATE_LINE + (64UL << 20))

struct state_live {
	bool ban; /* otherwise an allow */
	struct prefix prefix;
	uint64_t until, since;
	uint32_t uid;
	bool observe; /* a ban that only counts */
	char owner[SLUICE_NAME_LEN]; /* of a ban; "" means the uid */
	char text[SLUICE_TEXT_LEN];
};

struct state_setting {
	struct scope scope;
	char key[64];
	uint64_t until, since;
	uint32_t uid;
	char *value; /* owned */
};

struct state {
	unsigned int version; /* when reading: that of the file */
	uint64_t saved;
	LIST(struct state_live) lives;
	LIST(struct state_setting) settings;
};

/* *out is freed with free(). Control bytes in texts become blanks. 0 or -ENOMEM. */
int state_write(const struct state *s, char **out);
/* Returns 0, -ENOMEM, or -EINVAL with what is wrong in *why (static). *out is freed with state_free(). */
int state_parse(const char *text, struct state **out, const char **why);
void state_free(struct state *s); /* NULL is fine */
/*
 * Returns what is left at `now` of something that ends at `until`: seconds; 0: for ever; -1: it is over. If the clock is before the time
 * when the state was saved, it is wrong: then as much is left as was at that time.
 */
int64_t state_left(const struct state *s, uint64_t until, uint64_t now);

#endif
