/* SPDX-License-Identifier: BSD-2-Clause */
/* `set --save`: writes a drop-in for one key into conf.d next to the policy file. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon.h"
#include "moment.h"
#include "parse.h"
#include "text_file.h"

#define DROP_IN_BYTES 65536

DEFINE_CLEANUP(struct policy *, policy_free);

/* It is the last by name, so its values win. No name has a colon in it. */
static char *path_of(const struct daemon *dm, const struct scope *where, const char *key)
{
	const char *kind = where->section == SECTION_SET ? "source-set:" : "";
	char real[PATH_MAX], *path = NULL;

	if (!realpath(dm->config, real))
		return NULL;
	if (asprintf(&path, "%s/conf.d/zz-set-%s%s-%s.conf", dirname(real), kind, where->title, key) < 0)
		return NULL;
	return path;
}

static char *text_of(const struct override *set, const char *value)
{
	const char *kind = section_names[set->scope.section], *title = set->scope.title;
	char when[MOMENT_LEN], *text = NULL;

	if (asprintf(&text, "# sluicectl set %s %s %s ... --save, uid %u, %s\n%s %s {\n    %s = %s\n}\n", kind, title,
		     set->key, set->uid, moment_say(time(NULL), when), kind, title, set->key, value) < 0)
		return NULL;
	return text;
}

/* Does the policy file, as it now reads, say what was set? */
static int drop_in_works(const struct daemon *dm, const struct override *set, const char *path, const char *value,
			 struct diag *d)
{
	_cleanup_(policy_free) struct policy *p = NULL;
	_cleanup_free_ char *says = NULL;
	char real[PATH_MAX];
	int err = policy_parse_file(dm->config, standing_live(dm->standing), &p, d);
	size_t i;

	if (err)
		return err;
	for (i = 0; i < p->files.count && strcmp(p->files.item[i], realpath(path, real) ? real : path); i++)
		;
	if (i == p->files.count) {
		diag_add(d, "%s includes no conf.d: add the line include(conf.d/*.conf) to it, then set again",
			 dm->config);
		return -EINVAL;
	}
	says = policy_get_value(p, &set->scope, set->key);
	if (says && !strcmp(says, value))
		return 0;
	diag_add(d, "a file that is read after %s says otherwise of %s: change it there", path, set->key);
	return -EINVAL;
}

int setting_save(const struct daemon *dm, const struct override *set, char **path, struct diag *d)
{
	_cleanup_free_ char *value = policy_get_value(standing_live(dm->standing), &set->scope, set->key),
			    *at = path_of(dm, &set->scope, set->key), *before = NULL;
	_cleanup_free_ char *text = value ? text_of(set, value) : NULL, *dir = at ? strdup(at) : NULL;
	struct diag ignored = {};
	int err;

	if (!text || !dir)
		return -ENOMEM;
	mkdir(dirname(dir), 0755); /* what is wrong with it the write says */
	if (!access(at, F_OK) && text_file_read(at, DROP_IN_BYTES, &(struct place){ at, 0 }, &before, d))
		return -EIO;
	err = text_file_replace(at, text, 0644, d);
	if (err)
		return err;
	err = drop_in_works(dm, set, at, value, d);
	if (err && before)
		text_file_replace(at, before, 0644, &ignored);
	else if (err)
		text_file_remove(at, &ignored);
	diag_free(&ignored);
	if (!err)
		*path = TAKE_PTR(at);
	return err;
}

char *setting_saved(const struct daemon *dm, const struct scope *where, const char *key)
{
	_cleanup_free_ char *path = path_of(dm, where, key);

	return path && !access(path, F_OK) ? TAKE_PTR(path) : NULL;
}
