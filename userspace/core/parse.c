/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libconfuse reads the syntax; every value is text to it and is set, by the schema table, from the callback that libconfuse
 * makes after each value, while file and line are known.
 */
#include <confuse.h>
#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>

#include "cleanup.h"
#include "data.h"
#include "files.h"
#include "list.h"
#include "parse.h"
#include "schema.h"
#include "syntax.h"
#include "text.h"

#define POLICY_BYTES (1 << 20)
#define INCLUDE_DEPTH 8

struct include {
	char *pattern;
	struct place at;
};

struct includes {
	struct include *item;
	size_t count, room;
};

struct reader {
	struct policy *policy;
	struct diag *diag;
	const char *file; /* being read; owned by policy->files.item */
	char dir[PATH_MAX];
	int depth;
	int err;
	struct includes includes; /* asked for by the file being read */
	const char *closed[SLUICE_POLICY_SERVICES * 16]; /* "FILE\nSECTION\nTITLE" of every section that ended */
	size_t closed_count;
};

/* libconfuse's callbacks carry no pointer of ours. */
static _Thread_local struct reader *reading;

static int file_read(struct reader *r, const char *path, const struct place *at);

static struct place here(cfg_t *cfg)
{
	return (struct place){ reading->file, cfg->line };
}

static enum section section_of(cfg_t *cfg)
{
	enum section s;

	for (s = SECTION_TOP + 1; s < SECTIONS; s++) {
		if (!strcmp(cfg_name(cfg), section_names[s]))
			return s;
	}
	return SECTION_TOP;
}

static bool name_is_good(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n && !name[n] && n < SLUICE_NAME_LEN && strcmp(name, "-");
}

static int fail(const struct place *at, const char *fmt, const char *a)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	diag_at(reading->diag, at, fmt, a);
#pragma GCC diagnostic pop
	reading->err = -EINVAL;
	return -1;
}

/* The struct that a section's keys go to; NULL with a message. */
static void *base_of(cfg_t *cfg, enum section section)
{
	struct place at = here(cfg);
	void *base;

	if (!section_is_single(section) && !name_is_good(cfg_title(cfg))) {
		fail(&at, "'%s' is no name: 1 to 31 letters, digits, '_', '.' or '-'", cfg_title(cfg));
		return NULL;
	}
	base = section_open(reading->policy, section, cfg_title(cfg), &at);
	if (!base)
		reading->err = -ENOMEM;
	return base;
}

/*
 * After each value. Of a list: after each element, and once more at its end. The first element begins it anew, so that a file's list
 * replaces that of another file.
 */
static int on_value(cfg_t *cfg, cfg_opt_t *opt)
{
	enum section section = section_of(cfg);
	const struct setting *s = schema_find(section, opt->name);
	void *base = base_of(cfg, section);
	unsigned int n = cfg_opt_size(opt);
	struct place at = here(cfg);
	char why[256];
	int err;

	if (!base || !s)
		return -1;
	if (section == SECTION_GEOIP)
		reading->policy->geoip_at = at;
	if (kind_is_list(s->kind) && n == 1)
		list_clear(s, base);
	if (kind_is_list(s->kind) && n == list_count(s, base))
		return 0;
	err = setting_set(s, base, cfg_opt_getnstr(opt, n - 1), reading->dir, why, sizeof(why));
	if (!err)
		return policy_note(reading->policy, s, section_title(section, base), &at) ? -1 : 0;
	diag_at(reading->diag, &at, "%s: %s", s->key, why);
	reading->err = err;
	return -1;
}

/* At the end of a titled section: the same title twice in one file is a slip; in another file it goes on. */
static int on_section(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	struct place at = here(cfg);
	char *key = NULL;
	size_t i;

	if (!base_of(section, section_of(section)))
		return -1;
	if (asprintf(&key, "%s\n%s\n%s", reading->file, opt->name, cfg_title(section)) < 0)
		return -1;
	for (i = 0; i < reading->closed_count && strcmp(reading->closed[i], key); i++)
		;
	if (i < reading->closed_count) {
		free(key);
		return fail(&at, "'%s' stands twice in this file: put its keys together", cfg_title(section));
	}
	if (i == sizeof(reading->closed) / sizeof(*reading->closed)) {
		free(key);
		return fail(&at, "too many sections%s: put lists into files", "");
	}
	reading->closed[reading->closed_count++] = key;
	return 0;
}

static int on_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	struct reader *r = reading;
	struct place at = here(cfg);
	struct include *more;

	(void)opt;
	if (argc != 1)
		return fail(&at, "include takes one path%s, as include(conf.d/*.conf)", "");
	more = LIST_ADD(&r->includes);
	if (!more)
		return -1;
	*more = (struct include){ strdup(argv[0]), at };
	return more->pattern ? 0 : -1;
}

/* What libconfuse has to say, in our words where they help. */
static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	struct place at = { reading->file, cfg ? cfg->line : 0 };
	char text[512], *key, *suggestion;

	if (reading->err) /* a callback has said it better */
		return;
	reading->err = -EINVAL;
	vsnprintf(text, sizeof(text), fmt, ap);
	key = strstr(text, "no such option '");
	if (!key) {
		diag_at(reading->diag, &at, "%s: check quotes, braces and '='", text);
		return;
	}
	key += strlen("no such option '");
	key[strcspn(key, "'")] = 0;
	suggestion = strdup(schema_suggest(key));
	if (suggestion && *suggestion)
		diag_at(reading->diag, &at, "unknown key '%s': did you mean '%s'?", key, suggestion);
	else
		diag_at(reading->diag, &at, "unknown key '%s': sluice.conf(5) lists them", key);
	free(suggestion);
}

static void section_options(enum section section, cfg_opt_t *opts)
{
	size_t i;

	for (i = 0; i < schema_count; i++) {
		if (schema[i].section != section)
			continue;
		if (kind_is_list(schema[i].kind))
			*opts++ = (cfg_opt_t)CFG_STR_LIST(schema[i].key, 0, CFGF_NODEFAULT);
		else
			*opts++ = (cfg_opt_t)CFG_STR(schema[i].key, 0, CFGF_NODEFAULT);
	}
	*opts = (cfg_opt_t)CFG_END();
}

static void callbacks_set(cfg_t *cfg)
{
	enum section section;
	char path[128];
	size_t i;

	cfg_set_error_function(cfg, on_error);
	for (i = 0; i < schema_count; i++) {
		snprintf(path, sizeof(path), "%s%s%s", section_names[schema[i].section], schema[i].section ? "|" : "",
			 schema[i].key);
		cfg_set_validate_func(cfg, path, on_value);
	}
	for (section = SECTION_SERVICE; section < SECTIONS; section++)
		cfg_set_validate_func(cfg, section_names[section], on_section);
}

/* One file's text, without its includes. */
static int text_parse(struct reader *r, const char *text)
{
	cfg_opt_t options[SECTIONS][48];
	_cleanup_free_ char *plain = NULL;
	cfg_opt_t *end = options[SECTION_TOP];
	enum section section;
	cfg_t *cfg;
	int err;

	err = syntax_plain(text, r->file, &plain, r->diag);
	if (err)
		return err;
	for (section = SECTION_TOP; section < SECTIONS; section++)
		section_options(section, options[section]);
	while (end->name)
		end++;
	for (section = SECTION_TOP + 1; section < SECTIONS; section++)
		*end++ = (cfg_opt_t)CFG_SEC(section_names[section], options[section],
					    section_is_single(section) ? CFGF_NONE : CFGF_TITLE | CFGF_MULTI);
	*end++ = (cfg_opt_t)CFG_FUNC("include", on_include);
	*end = (cfg_opt_t)CFG_END();
	cfg = cfg_init(options[SECTION_TOP], CFGF_NONE);
	if (!cfg)
		return -ENOMEM;
	callbacks_set(cfg);
	err = cfg_parse_buf(cfg, plain);
	if (err == CFG_PARSE_ERROR && !r->err) { /* libconfuse 3.3 has nothing to say of some: a key that is '' */
		diag_at(r->diag, &(const struct place){ r->file, cfg->line },
			"not understood: check quotes, braces and '='");
		r->err = -EINVAL;
	}
	cfg_free(cfg);
	if (err != CFG_SUCCESS && !r->err)
		r->err = -ENOMEM;
	return r->err;
}

/* What cannot be looked into is not empty: glob() ends, but for a folder that does not exist. */
static int glob_failed(const char *path, int err)
{
	(void)path;
	return err != ENOENT && err != ENOTDIR;
}

static int includes_read(struct reader *r, const struct include *in)
{
	char pattern[PATH_MAX * 2];
	glob_t found = {};
	size_t i;
	int err;

	snprintf(pattern, sizeof(pattern), "%s%s%s", *in->pattern == '/' ? "" : r->dir, *in->pattern == '/' ? "" : "/",
		 in->pattern);
	err = folders_check(pattern, &in->at, r->diag);
	if (err)
		return err;
	err = glob(pattern, 0, glob_failed, &found);
	if (err == GLOB_NOMATCH && strpbrk(in->pattern, "*?["))
		return 0;
	if (err) {
		diag_at(r->diag, &in->at, "include: cannot read %s: name an existing file, or a pattern", pattern);
		return -EINVAL;
	}
	for (i = 0; i < found.gl_pathc && !err; i++)
		err = file_read(r, found.gl_pathv[i], &in->at);
	globfree(&found);
	return err;
}

static void includes_free(struct includes *in)
{
	size_t i;

	for (i = 0; i < in->count; i++)
		free(in->item[i].pattern);
	free(in->item);
}

/* Remembers that a file is read: its name for places; a second time is a loop or a slip. */
static int file_enter(struct reader *r, const char *path, const struct place *at)
{
	struct strings *files = &r->policy->files;
	char real[PATH_MAX];

	if (!realpath(path, real)) {
		diag_at(r->diag, at, "cannot read %s: %s: name a readable file%s", path, strerror(errno),
			errno == EACCES ? " in folders that their owner root may search" : "");
		return -EINVAL;
	}
	if (strings_have(files, real)) {
		diag_at(r->diag, at, "%s is read already: include each file once, and never in a circle", path);
		return -EINVAL;
	}
	if (r->depth >= INCLUDE_DEPTH) {
		diag_at(r->diag, at, "includes nest deeper than %d: include from fewer places", INCLUDE_DEPTH);
		return -EINVAL;
	}
	if (strings_add(files, real))
		return -ENOMEM;
	r->file = files->item[files->count - 1];
	snprintf(r->dir, sizeof(r->dir), "%s", dirname(real));
	return 0;
}

/* A file, and then the files that it includes: what they say of the same section goes on top. */
static int file_read(struct reader *r, const char *path, const struct place *at)
{
	_cleanup_free_ char *text = NULL;
	struct includes mine;
	char dir[PATH_MAX];
	size_t i;
	int err;

	err = file_enter(r, path, at);
	if (!err)
		err = text_read(path, POLICY_BYTES, at, &text, r->diag);
	if (!err)
		err = text_parse(r, text);
	mine = r->includes;
	r->includes = (struct includes){};
	snprintf(dir, sizeof(dir), "%s", r->dir);
	r->depth++;
	for (i = 0; i < mine.count && !err; i++) {
		snprintf(r->dir, sizeof(r->dir), "%s", dir);
		err = includes_read(r, &mine.item[i]);
	}
	r->depth--;
	includes_free(&mine);
	return err;
}

DEFINE_CLEANUP(struct policy *, policy_free);

int policy_parse_file(const char *path, const struct policy *now, struct policy **out, struct diag *d)
{
	_cleanup_(policy_free) struct policy *p = policy_new();
	const struct place nowhere = { path, 0 };
	struct reader r = { .policy = p, .diag = d };
	int err;

	if (!p)
		return -ENOMEM;
	reading = &r;
	err = file_read(&r, path, &nowhere);
	reading = NULL;
	while (r.closed_count)
		free((char *)(uintptr_t)r.closed[--r.closed_count]);
	if (!err)
		err = lists_read(p, d);
	if (!err)
		err = policy_check(p, d);
	if (!err)
		err = databases_read(p, now, d);
	if (!err && strlen(p->files.item[0]) >= SLUICE_PATH_LEN) {
		diag_at(d, &nowhere, "the path of a policy has at most %d bytes: put it nearer to /",
			SLUICE_PATH_LEN - 1);
		err = -EINVAL;
	}
	if (err)
		return err;
	p->path = strdup(p->files.item[0]);
	if (!p->path)
		return -ENOMEM;
	*out = TAKE_PTR(p);
	return 0;
}
