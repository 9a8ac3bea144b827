/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reader goes through all files of a policy and fills the policy. parse.c owns it and passes it one file after the other; scanner, parser
 * and rules (rules.h) store their state in it. It continues after an error, so that one run reports all errors; the policy is then only fit
 * for policy_check() and policy_free().
 */
#ifndef SLUICE_CORE_READER_H
#define SLUICE_CORE_READER_H

#include <limits.h>

#include "policy.h"
#include "schema.h"

#define POLICY_SECTIONS (SLUICE_POLICY_SERVICES * 16) /* most in all files */
#define POLICY_ERRORS 100 /* most reported in one run */

/* A word of the file's text, without its quotes; it is valid until the text of the file is freed. */
struct word {
	const char *at;
	size_t length;
	char quote; /* 0: none, otherwise which quote, or one of these */
};

#define WORD_VARIABLE '$' /* ${NAME}, without quotes */
#define WORD_REFUSED '!' /* the scanner refused it: nothing more is reported about it */

/* The section whose keys are being read. */
struct context {
	enum section section;
	size_t index; /* for section_at() */
	bool inside; /* false at the top level */
	bool ignored; /* this section is unknown: its keys are skipped without a message */
	bool unclosed; /* its missing brace has been reported */
	struct place brace;
};

struct include {
	char *pattern;
	struct place at;
};

struct opened {
	enum section section;
	char title[SLUICE_NAME_LEN];
	struct place at;
};

struct reader {
	struct policy *policy;
	struct diag *diag;
	const char *file; /* being read; owned by policy->files.item */
	char dir[PATH_MAX]; /* the file's own folder: relative names start there */
	int err;
	bool lost; /* a part was not understood at all, and may contain what the policy lacks */
	bool stop; /* this run ends: the scanner reports the end of the file */

	/* the scanner's position */
	struct place next;
	struct word last;
	bool resync; /* the end of this line is wanted as a token */
	bool body; /* the next brace belongs to a section, whatever comes before it */

	struct context in;
	int depth; /* number of open braces */
	const struct setting *setting; /* the key being read; NULL: its value is skipped */
	struct place key, list; /* if list.file is NULL, no list is open */
	bool append, pending; /* pending: the key has no value yet */
	struct place *seen; /* for each row of the schema: where this file, and section, has it */
	LIST(struct opened) opened; /* by this file */
	size_t sections; /* by all files */
	LIST(struct include) includes; /* that this file asked for */
};

/* Returns 0 or -ENOMEM; reader_free() frees what it owns, but no policy. */
int reader_init(struct reader *r, struct policy *p, struct diag *d);
void reader_free(struct reader *r);
/* Begins the next file: its keys and sections may repeat those of another file. grammar_parse() reads `text`. */
void reader_begin(struct reader *r);
/* From here on the whole run ends with -EINVAL, or with -ENOMEM if that came first. */
__attribute__((format(printf, 3, 4))) void reader_refuse(struct reader *r, const struct place *at, const char *fmt,
							 ...);

/* Returns the struct that the keys of this section go to, and its title. */
void *reader_base(const struct reader *r);
const char *reader_title(const struct reader *r);
/* Notes that this key (NULL: unknown which) of the section being read was refused: see section_spoil(). */
void reader_spoil(struct reader *r, const struct setting *s);

#endif
