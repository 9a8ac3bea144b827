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

#define POLICY_SECTIONS (SLUICE_POLICY_SERVICES * 16) /* in all files */
#define POLICY_ERRORS 100 /* told in one run */

/* A word of the file's text, without its quotes; it ends where the text of the file is freed. */
struct word {
	const char *at;
	size_t length;
	char quote; /* 0: none, or which, or one of these */
};

#define WORD_VARIABLE '$' /* ${NAME}, without quotes */
#define WORD_REFUSED '!' /* by the scanner: no more is to be said of it */

/* The section whose keys are being read. */
struct context {
	enum section section;
	size_t index; /* for section_at() */
	bool inside; /* false: the top level */
	bool ignored; /* this section is unknown: its keys are skipped without a message */
	bool unclosed; /* that its brace is missing has been said */
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
	char dir[PATH_MAX]; /* its own: relative names start there */
	int err;
	bool lost; /* a part was not understood at all: what the policy lacks may be in it */
	bool stop; /* no more of this run: the scanner says that the file ends */

	/* the scanner's */
	struct place next;
	struct word last;
	bool resync; /* wanted: the end of this line as a token */
	bool body; /* the next brace is that of a section, whatever stands before it */

	struct context in;
	int depth; /* of braces that are open */
	const struct setting *setting; /* of the key being read; NULL: its value is passed over */
	struct place key, list; /* list.file NULL: no list is open */
	bool append, pending; /* pending: the key has no value yet */
	struct place *seen; /* of each row of the schema: where this file, and section, has it */
	LIST(struct opened) opened; /* by this file */
	size_t sections; /* by all files */
	LIST(struct include) includes; /* asked for by this file */
};

/* 0 or -ENOMEM; reader_free() frees what it holds, but no policy. */
int reader_init(struct reader *r, struct policy *p, struct diag *d);
void reader_free(struct reader *r);
/* The next file begins: its keys and sections may say again what another has said. `text` is read by grammar_parse(). */
void reader_begin(struct reader *r);
/* The error that the whole run ends with is -EINVAL from here on, or -ENOMEM where it was that. */
__attribute__((format(printf, 3, 4))) void reader_refuse(struct reader *r, const struct place *at, const char *fmt,
							 ...);

/* The struct that the keys of this section go to; its title. */
void *reader_base(const struct reader *r);
const char *reader_title(const struct reader *r);
/* This key (NULL: unknown which) of the section being read was refused: see section_spoil(). */
void reader_spoil(struct reader *r, const struct setting *s);

#endif
