/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The grammar of policy files, as sluice.conf(5) has it, and the slips that are often made beside it, each with a rule of its own, so that
 * one slip is one message and the rest of the file is still read. What a key means is not known here: the actions (rules.h) ask
 * the schema. Anything else that is no policy is told by syntax_refuse(), and passed over up to the end of its line, list or section.
 */
%require "3.8"
%define api.pure full
%define api.prefix {grammar_}
%define api.token.prefix {TOKEN_}
%define api.location.type {struct place}
%define parse.error custom
%define parse.lac full
%locations
%param {void *scanner}
%parse-param {struct reader *r}
%expect 0

%code requires {
#include "rules.h"
}

%code {
#include "syntax.h"

#define YYLLOC_DEFAULT(current, rhs, n) ((current) = YYRHSLOC(rhs, (n) ? 1 : 0))
#define EXPECTED_MAX 5

int grammar_lex(YYSTYPE *value, YYLTYPE *at, void *scanner);

static void grammar_error(const YYLTYPE *at, void *scanner, struct reader *r, const char *text);
}

%union {
	struct word word;
	struct head head;
	struct context context;
}

%token <word> WORD "a word"
%token BODY "{ of a section" APPEND "'+='" INCLUDE "include(" LINE_END "the end of the line" YYEOF 0 "the end of the file"
%type <word> key
%type <head> head slip
%type <context> open

%%

policy:
	items
|	policy '}'			{ reader_refuse(r, &@2, "this brace closes nothing: remove it, or open a section before it"); r->lost = true; }
	items
;

items:
	%empty
|	items item
;

item:
	key value
|	section
|	INCLUDE WORD ')'		{ include_add(r, &$WORD, &@WORD); }
	/* slips */
|	key key value			/* the second key reports that the first had no value */
|	WORD[word] key value		{ equals_missing(r, &$word, &@word, NULL); }
|	WORD[word] WORD[value]		{ equals_missing(r, &$word, &@word, &$value); }
|	error LINE_END			{ yyerrok; }
;

key:
	WORD '='			{ key_begin(r, &$WORD, &@WORD, false); $$ = $WORD; }
|	WORD APPEND			{ key_begin(r, &$WORD, &@WORD, true); $$ = $WORD; }
;

value:
	WORD				{ value_set(r, &$WORD, &@WORD); }
|	list				{ list_end(r); }
;

list:
	list_open '}'
|	list_open elements '}'
|	list_open elements ',' '}'
	/* slips */
|	list_open key value		/* key_begin() reports that the list is open */
|	list_open elements key value
|	list_open elements ',' key value
|	list_open error '}'		{ yyerrok; }
;

list_open:
	'{'				{ list_begin(r, &@1); }
;

elements:
	WORD				{ element_add(r, &$WORD, &@WORD); }
|	elements ',' WORD		{ element_add(r, &$WORD, &@WORD); }
	/* slip */
|	elements WORD			{ comma_missing(r, &$WORD, &@WORD); }
;

section:
	open items '}'			{ section_leave(r, &$open); }
|	open items error '}'		{ section_leave(r, &$open); yyerrok; }
;

open:
	head '{'			{ $$ = section_enter(r, &$head, &@head, &@2); }
	/* slips: key_begin() has reported that a section takes no '=' */
|	slip BODY			{ $$ = section_enter(r, &$slip, &@slip, &@2); }
;

slip:
	key				{ $$ = (struct head){ .name = $key }; }
|	key WORD[title]			{ $$ = (struct head){ .name = $key, .title = $title, .title_at = @title, .titled = true }; }
;

head:
	WORD[name]			{ $$ = (struct head){ .name = $name }; }
|	WORD[name] WORD[title]		{ $$ = (struct head){ .name = $name, .title = $title, .title_at = @title, .titled = true }; }
;

%%

/* An error of the parser itself: its stack is full. */
static void grammar_error(const YYLTYPE *at, void *scanner, struct reader *r, const char *text)
{
	(void)scanner;
	reader_refuse(r, at, "%s: this nests too deep", text);
}

static int yyreport_syntax_error(const yypcontext_t *context, void *scanner, struct reader *r)
{
	const char *names[EXPECTED_MAX + 1] = {}, **name = names;
	yysymbol_kind_t expected[EXPECTED_MAX];
	int i, n = yypcontext_expected_tokens(context, expected, EXPECTED_MAX);
	bool value = false;

	(void)scanner;
	for (i = 0; i < n; i++) {
		if (expected[i] == YYSYMBOL_BODY)
			value = true; /* a key was read, but nothing after it */
		else
			*name++ = yysymbol_name(expected[i]);
	}
	syntax_refuse(r, yypcontext_location(context), yypcontext_token(context) == YYSYMBOL_YYEOF, value, names);
	return 0;
}
