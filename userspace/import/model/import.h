/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns the connection limits of another program's configuration into a sluice policy: one reader for each format fills a model, one writer
 * prints it. `sluicectl import` calls this. It needs no daemon, reads only the files that it is given, and never guesses: a line that
 * cannot be translated exactly is left out, with the reason.
 */
#ifndef SLUICE_IMPORT_IMPORT_H
#define SLUICE_IMPORT_IMPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "diag.h"
#include "list.h"
#include "string_list.h"

/* A line with the ones that continue it, without comments. */
struct line {
	const char *file;
	unsigned int number;
	size_t indent; /* how many blanks are before it */
	char *text;
};

/* One key of a service or a set, with the line that it comes from. A key that is a list has one for each element. */
struct said {
	const char *key; /* static */
	char *value;
	const struct line *from;
	const char *note; /* static; NULL: none */
};

struct item {
	char name[32];
	bool is_set;
	bool stays; /* a service that is printed even without limits */
	bool full; /* it can take no more elements */
	bool limited; /* a rule has limited it: what comes later does not lift that */
	struct said *item;
	size_t count, room;
};

/* A line that has no equivalent. */
struct left {
	const struct line *from;
	char *why;
};

struct format;

struct import {
	const struct format *format;
	LIST(struct line *) lines; /* of all files, one after another */
	LIST(struct item *) items;
	LIST(struct left) left;
	struct item sources; /* the section of that name */
	bool failed; /* memory ran out */
	bool crowded; /* there are more services and sets than a policy has room for */
};

struct format {
	const char *name, *files, *example;
	const char *comment; /* what begins a comment */
	bool comment_anywhere; /* not only at the beginning of a line */
	bool comment_blocks; /* as in C */
	bool comment_between; /* after a line that goes on, it is skipped, and does not end it */
	bool sections; /* as Python's ConfigParser has them: ';' comments behind a blank, and only lines that are indented deeper go on */
	bool backslash, indent, braces; /* how a line may continue on the next one */
	void (*read)(struct import *m);
};

extern const struct format import_formats[];
extern const size_t import_formats_count;

const struct format *import_format(const char *name);
/* Reads one more file. Returns -EINVAL or -ENOMEM with a message. */
int import_file(struct import *m, const char *path, struct diag *d);
/* Does the same with text in memory, which is cut up. */
void import_text(struct import *m, const char *file, char *text);
/* Makes items of all lines. Returns -ENOMEM; -E2BIG: too many of them; -ENOENT: nothing in them limits connections. */
int import_run(struct import *m);
/* Writes the policy; `interface` is where it judges. */
void import_write(const struct import *m, const char *interface, FILE *out);
void import_free(struct import *m);

/* For readers: items.c. Without memory they do nothing, and import_run() reports that. */
struct item *service_get(struct import *m, const char *name);
struct item *set_get(struct import *m, const char *name);
struct item *service_of_port(const struct import *m, const char *port);
/* Returns `s`, or any service if it is NULL, if a rule has limited it; otherwise NULL. */
const struct item *service_limited(const struct import *m, const struct item *s);
/* Makes what a set is called by that a line makes: its number, and of a further file that one's number, too. */
void line_id(const struct import *m, const struct line *line, char out[static 24]);
/* Sets a key with one value. If there are two, the lower or the later one stays; the other line is left out. */
void put_lower(struct import *m, struct item *i, const char *key, const char *value, const struct line *from);
void put_last(struct import *m, struct item *i, const char *key, const char *value, const struct line *from);
/* Adds one element to a list, unless it is there. */
void put_element(struct import *m, struct item *i, const char *key, const char *value, const struct line *from);
/* Adds one line that the value of a key comes from. */
void put_origin(struct import *m, struct item *i, const char *key, const struct line *from);
/* Prints this below the line of the key that was put last. */
void put_note(struct item *i, const char *note);
const char *said_value(const struct item *i, const char *key); /* the first one; NULL: none */
__attribute__((format(printf, 3, 4))) void leave(struct import *m, const struct line *from, const char *fmt, ...);

/* values.c: what is no number, rate, port or address is left out, with its line. */
bool put_count(struct import *m, struct item *i, const char *key, const char *number, const struct line *from);
bool put_rate(struct import *m, struct item *i, const char *key, const char *number, const char *seconds,
	      const struct line *from);
bool put_prefix(struct import *m, struct item *i, const char *text, const struct line *from);
bool put_country(struct import *m, struct item *i, const char *key, const char *text, const struct line *from);
/* Whether what listens there cannot be reached through any interface. */
bool is_loopback(const char *address);
bool is_count(const char *text, uint32_t *out);
/* Returns a port, given by its number or name, as a number; NULL: it is neither. */
const char *port_of(const char *text, char buf[static 8]);
const char *name_of_port(const char *port, char buf[static 32]);
/*
 * Returns the service with these ports, an existing or a new one; NULL, with the line left out, if some of them belong to another service.
 * `name` may be NULL.
 */
struct item *service_with(struct import *m, const char *name, const struct strings *ports, const struct line *from);
/* Does the same for a listener at these addresses, none for all; NULL also if its ports belong to a listener at others. */
struct item *service_listening(struct import *m, const char *name, const struct strings *ports,
			       const struct strings *addresses, const struct line *from);
/* Leaves out what would let sources in that a limit above holds for. Returns whether it did; `s` NULL means everywhere. */
bool late_leave(struct import *m, const struct item *s, const struct line *from);

/*
 * words.c: splits at `blanks`; each of `marks` is a word of its own, but quotes among them hold a word together. Returns false if a quote
 * does not end.
 */
bool words_split(struct import *m, const char *text, const char *blanks, const char *marks, struct strings *out);
/* Returns the word at a place, or "" after the last one. */
const char *word_at(const struct strings *words, size_t at);
bool key_split(const char *text, char key[static 128], const char **value);
bool is_one_of(const char *word, const char *const *list);
#define _cleanup_strings_ __attribute__((cleanup(strings_clear)))

/* Names that stand for text, as pf and nft have them: $NAME. Unknown ones stay as they are; so do those that would grow without limit. */
struct macros {
	struct strings names, values;
};

void macro_add(struct import *m, struct macros *all, const char *name, const char *value);
/* The caller frees it; NULL without memory. */
char *macros_expand(struct import *m, const struct macros *all, const char *text);
void macros_clear(struct macros *all);

/* Says which sources a rule is about, and what becomes of them; `services` NULL means everywhere. */
void set_use(struct import *m, struct item *set, const char *action, const struct item *service, unsigned int priority,
	     const struct line *from);

/*
 * blocks.c: files of KEY = VALUE in nested braces. `path` has the names of the blocks around, the outermost first; a block without a name
 * has "".
 */
#define BLOCKS_DEEP 16

struct block_walk {
	char path[BLOCKS_DEEP][96];
	unsigned int depth;
	void (*open)(struct block_walk *w, const struct line *line); /* called when the last name of the path is new */
	void (*close)(struct block_walk *w, const struct line *line); /* called while it is still there */
	void (*set)(struct block_walk *w, const char *key, const char *value, const struct line *line);
};

/* `marks` are the braces: "{}", or "{}()". */
void blocks_walk(struct import *m, const char *marks, struct block_walk *w);

void axigen_read(struct import *m);
void csf_read(struct import *m);
void dovecot_read(struct import *m);
void exim_read(struct import *m);
void fail2ban_read(struct import *m);
void haproxy_read(struct import *m);
void nft_read(struct import *m);
void pf_read(struct import *m);
void postfix_read(struct import *m);

#endif
