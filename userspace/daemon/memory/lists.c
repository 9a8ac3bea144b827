/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last good content of lists, in the folder STATE_DIRECTORY/INSTANCE.lists, one file each (core/lists/list_keep.h): main.c reads it at a start, and
 * the loop has it written. Also what `status` and the log say about lists. standing_file.c reads the lists themselves.
 */
#include "lists.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "data.h"
#include "defaults.h"
#include "instance.h"
#include "json_text.h"
#include "list.h"
#include "list_keep.h"
#include "text_file.h"

#define AGAIN_SECONDS 10 /* delay after a write that failed */

DEFINE_CLEANUP(struct policy *, policy_free);
DEFINE_CLEANUP(DIR *, closedir);

static const char *folder_path(const struct daemon *dm, char buf[static PATH_MAX])
{
	size_t n = strlen(state_dir(buf));

	snprintf(buf + n, PATH_MAX - n, "/%s.lists", dm->instance);
	return buf;
}

static const char *file_path(const struct daemon *dm, const char *name, char buf[static PATH_MAX])
{
	size_t n = strlen(folder_path(dm, buf));

	snprintf(buf + n, PATH_MAX - n, "/%s", name);
	return buf;
}

static int list_recall(struct policy *p, const char *path)
{
	struct list_file *f = NULL;
	struct policy_set *set;
	int err = list_keep_head(path, &f);

	if (err)
		return err;
	set = LIST_ADD(&p->sets);
	if (!set) {
		list_file_free(f);
		return -ENOMEM;
	}
	*set = (struct policy_set){};
	if (f->kind == LIST_PREFIXES)
		set->listed = f;
	else
		set->listed_asns = f;
	return 0;
}

struct policy *lists_recall(const struct daemon *dm)
{
	_cleanup_(policy_free) struct policy *p = policy_new();
	char path[PATH_MAX];
	_cleanup_(closedir) DIR *folder = p ? opendir(folder_path(dm, path)) : NULL;
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		if (strlen(entry->d_name) != LIST_KEEP_NAME - 1)
			continue;
		if (list_recall(p, file_path(dm, entry->d_name, path)) == -ENOMEM)
			return NULL;
	}
	return TAKE_PTR(p);
}

void lists_each(const struct policy *p,
		void (*each)(void *arg, const struct policy_set *s, const char *key, struct list_file *f), void *arg)
{
	const struct policy_set *s;
	size_t i;

	for (i = 0; i < p->sets.count; i++) {
		s = &p->sets.item[i];
		if (s->enabled && s->listed)
			each(arg, s, "file", s->listed);
		if (s->enabled && s->listed_asns)
			each(arg, s, "asns-file", s->listed_asns);
	}
}

struct saving {
	const struct daemon *dm;
	struct diag diag;
	int err;
};

/* What is not in force is not kept, either. */
static void list_save(void *arg, const struct policy_set *s, const char *key, struct list_file *f)
{
	char path[PATH_MAX], name[LIST_KEEP_NAME];
	_cleanup_free_ char *text = NULL;
	struct saving *saving = arg;
	int err;

	(void)s;
	(void)key;
	if (f->saved)
		return;
	file_path(saving->dm, list_keep_name(f->path, f->kind, name), path);
	err = f->state == LIST_NONE ? text_file_remove(path, &saving->diag) : list_keep_write(f, &text);
	if (text)
		err = text_file_replace(path, text, 0600, &saving->diag);
	f->saved = !err;
	saving->err = err ? err : saving->err;
}

static bool is_named(const struct policy *p, const char *name)
{
	char buf[LIST_KEEP_NAME];
	const struct policy_set *s;
	size_t i;

	for (i = 0; i < p->sets.count; i++) {
		s = &p->sets.item[i];
		if (s->file && !strcmp(list_keep_name(s->file, LIST_PREFIXES, buf), name))
			return true;
		if (s->asns_file && !strcmp(list_keep_name(s->asns_file, LIST_NETWORKS, buf), name))
			return true;
	}
	return false;
}

/* The folder is removed with the last file. */
static void lists_tidy(const struct daemon *dm)
{
	char path[PATH_MAX];
	_cleanup_(closedir) DIR *folder = opendir(folder_path(dm, path));
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		if (*entry->d_name != '.' && !is_named(standing_live(dm->standing), entry->d_name) &&
		    !is_named(standing_base(dm->standing), entry->d_name))
			unlinkat(dirfd(folder), entry->d_name, 0);
	}
	rmdir(folder_path(dm, path));
}

static bool any_unsaved(const struct policy *p)
{
	const struct policy_set *s;
	size_t i;

	for (i = 0; i < p->sets.count; i++) {
		s = &p->sets.item[i];
		if (s->enabled && ((s->listed && !s->listed->saved) || (s->listed_asns && !s->listed_asns->saved)))
			return true;
	}
	return false;
}

static void lists_save(struct daemon *dm, time_t now)
{
	struct saving saving = { .dm = dm };
	char path[PATH_MAX];

	mkdir(state_dir(path), 0700); /* writing reports what is wrong with these */
	mkdir(folder_path(dm, path), 0700);
	lists_each(standing_live(dm->standing), list_save, &saving);
	if (saving.err && !dm->lists.failed) {
		log_diag(LOG_ERR, &saving.diag);
		log_say(LOG_ERR,
			"lists are in force, but their last good content is not kept until this can be written: make room");
	} else if (!saving.err && dm->lists.failed) {
		log_say(LOG_NOTICE, "the last good content of lists is kept again");
	}
	diag_free(&saving.diag);
	dm->lists.failed = saving.err;
	dm->lists.next = saving.err ? now + AGAIN_SECONDS : 0;
}

/* A policy that awaits its confirmation may be reverted, so what was good before is kept meanwhile. */
void lists_tick(struct daemon *dm)
{
	struct timespec now;

	if (standing_awaited(dm->standing) || standing_held(dm->standing))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (any_unsaved(standing_live(dm->standing)) && now.tv_sec >= dm->lists.next)
		lists_save(dm, now.tv_sec);
	if (dm->lists.others)
		lists_tidy(dm);
	dm->lists.others = false;
}

void lists_log(const struct daemon *dm)
{
	struct diag d = {};

	lists_say(standing_live(dm->standing), &d);
	log_diag(LOG_WARNING, &d);
}

static json_t *messages_json(const struct list_file *f)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < f->said.count; i++)
		json_array_append_new(list, json_line(f->said.item[i].text));
	return list;
}

static void list_json(void *arg, const struct policy_set *s, const char *key, struct list_file *f)
{
	static const char *const states[] = { "read", "last-good", "none" };
	time_t now = time(NULL), written = (time_t)f->written;
	json_t *age = f->state == LIST_NONE ? json_null() : json_integer(now > written ? now - written : 0);

	json_array_append_new(arg, json_pack("{s:s, s:s, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o}", "set", s->name,
					     "key", key, "file", json_line(f->path), "reading",
					     s->reading == LIST_STRICT ? "strict" : "tolerant", "state",
					     states[f->state], "entries", (json_int_t)list_file_entries(f), "bad_lines",
					     (json_int_t)f->bad, "masked", (json_int_t)f->masked, "written",
					     (json_int_t)f->written, "age_seconds", age, "messages", messages_json(f)));
}

json_t *lists_json(const struct daemon *dm)
{
	json_t *list = json_array();

	lists_each(standing_live(dm->standing), list_json, list);
	return list;
}
