/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a list: its file, or its last good content if the file cannot be used. data.c calls it for each list of a policy.
 * Owns nothing beyond what it returns.
 */
#include "list_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "list.h"
#include "list_keep.h"
#include "text_file.h"
#include "torn.h"
#include "utc.h"
#include "value.h"

#define LIST_MESSAGES 10 /* a wrong kind of file has a wrong line in every line */

#define ONE_WORD "is in a line with more than one word: write one address, prefix or range per line"

struct reading {
	struct list_reader reader;
	struct list_file *list;
	bool strict;
};

DEFINE_CLEANUP(struct list_file *, list_file_free);

static int masked_add(struct reading *r, const struct element *e)
{
	char text[ADDR_TEXT_LEN];
	const char *why;
	struct prefix p;
	int err;

	if (r->strict || list_masked(e, &p))
		return -EINVAL;
	err = prefixes_parse(&r->list->prefixes, prefix_format(&p, text), &why);
	r->list->masked += !err;
	return err;
}

/* Removes what an element has added from `count` on, if that is everybody. Returns -EINVAL then. */
static int everybody_leave_out(struct prefixes *list, size_t count, const char **why)
{
	size_t i;

	for (i = count; i < list->count && !list_is_everybody(&list->item[i]); i++)
		;
	if (i == list->count)
		return 0;
	list->count = count;
	*why = "is a quarter of all addresses or more: a list that means it is the operator's own (reading = strict)";
	return -EINVAL;
}

_Static_assert(SLUICE_MAX_PREFIXES == 2000000, "prefix_take() says so");

static int prefix_take(struct reading *r, const struct element *e, const char **why)
{
	struct prefixes *list = &r->list->prefixes;
	size_t count = list->count;
	int err = prefixes_parse(list, e->text, why);

	if (err == -EINVAL)
		err = masked_add(r, e);
	if (!err && !r->strict)
		err = everybody_leave_out(list, count, why);
	if (err)
		return err;
	if (list->count > SLUICE_MAX_PREFIXES) {
		*why = NULL;
		return list_refuse(&r->reader, "has more than 2000000 prefixes", "shorten it, or split it in two");
	}
	if (list->count > count)
		r->list->entries[addr_is_ipv4(&list->item[count].addr) ? SLUICE_IPV4 : SLUICE_IPV6]++;
	return 0;
}

static int network_take(struct reading *r, const struct element *e, const char **why)
{
	uint32_t number, *more;

	*why = "is not a network: write its AS number, as 64496 or AS64496";
	if (asn_parse(e->text, &number))
		return -EINVAL;
	more = LIST_ADD(&r->list->networks);
	if (!more)
		return -ENOMEM;
	*more = number;
	r->list->entries[0]++;
	return 0;
}

static int element_take(void *arg, const struct element *e, const char **why)
{
	struct reading *r = arg;

	*why = ONE_WORD;
	if (e->time && !e->dumped)
		return -EINVAL;
	return r->list->kind == LIST_NETWORKS ? network_take(r, e, why) : prefix_take(r, e, why);
}

static int line_bad(void *arg, unsigned int line, const char *text, const char *why)
{
	struct reading *r = arg;
	const struct place here = { .file = r->list->path, .line = (int)line };

	if (r->list->bad++ < LIST_MESSAGES)
		diag_at(&r->list->said, &here, "'%.80s' %s", text, why);
	return r->strict && r->list->bad == LIST_MESSAGES ? -EINVAL : 0;
}

static int text_take(struct reading *r, char *text)
{
	struct place here = { .file = r->list->path };
	int err = list_text_read(&r->reader, text);

	here.line = (int)r->reader.line;
	if (r->reader.wrong)
		diag_at(&r->list->said, &here, "this file %s: %s", r->reader.wrong, r->reader.remedy);
	else if (!err && r->list->bad && !list_file_entries(r->list))
		diag_at(&r->list->said, &here, "not one good line: is it the right file?");
	if (!err && r->list->bad && (r->strict || !list_file_entries(r->list)))
		err = -EINVAL;
	return err;
}

/* Reads what the file says. Returns 0, -ENOMEM, or -EINVAL: it cannot be used, and the list says what was wrong. */
static int content_read(const struct list_wanted *want, struct list_file *f)
{
	struct reading r = { .list = f, .strict = want->reading == LIST_STRICT };
	int (*read)(const char *, size_t, const struct place *, char **, struct diag *);
	_cleanup_free_ char *text = NULL;
	struct stat is;
	int err;

	r.reader = (struct list_reader){ .kind = f->kind, .take = element_take, .bad = line_bad, .arg = &r };
	f->written = stat(f->path, &is) ? 0 : (uint64_t)is.st_mtime;
	read = r.strict ? text_file_read : text_file_read_odd;
	err = read(f->path, LIST_BYTES, &want->at, &text, &f->said);
	return err ? err : text_take(&r, text);
}

/* Whether more than half of what is in force would go, of one family or of all: then the file is more likely torn than right. */
static bool looks_torn(const struct list_file *f, const struct list_file *before, const struct place *at,
		       struct diag *d)
{
	size_t i;

	for (i = 0; before && i < SLUICE_FAMILIES; i++) {
		if (!is_torn(before->entries[i], f->entries[i]))
			continue;
		diag_at(d, at, "list %s has %u entries%s where %u are in force: is the file torn?", f->path,
			f->entries[i],
			f->kind == LIST_NETWORKS ? ""
			: i == SLUICE_IPV4	 ? " of IPv4"
						 : " of IPv6",
			before->entries[i]);
		return true;
	}
	return false;
}

/* Returns a copy of `count` of them, or NULL without memory. */
static void *items_copy(const void *item, size_t count, size_t size)
{
	void *copy = reallocarray(NULL, count + 1, size);

	if (copy && count)
		memcpy(copy, item, count * size);
	return copy;
}

static int content_copy(struct list_file *f, const struct list_file *from)
{
	f->prefixes.item = items_copy(from->prefixes.item, from->prefixes.count, sizeof(*from->prefixes.item));
	f->networks.item = items_copy(from->networks.item, from->networks.count, sizeof(*from->networks.item));
	if (!f->prefixes.item || !f->networks.item)
		return -ENOMEM;
	f->prefixes.count = f->prefixes.room = from->prefixes.count;
	f->networks.count = f->networks.room = from->networks.count;
	return 0;
}

/* Copies the content of `before` into the empty `f`. -EINVAL: it is not known. */
static int content_keep(struct list_file *f, const struct list_file *before)
{
	int err;

	if (!before || before->state == LIST_NONE)
		return -EINVAL;
	err = before->kept ? list_keep_fill(before, f) : content_copy(f, before);
	if (err)
		return err;
	f->state = LIST_KEPT;
	f->written = before->written;
	f->saved = before->saved;
	memcpy(f->entries, before->entries, sizeof(f->entries));
	return 0;
}

/* Returns the list that is in force if `f` cannot be; it takes over what `f` says of its file. */
static int list_instead(const struct list_file *f, const struct list_file *before, struct list_file **out)
{
	_cleanup_(list_file_free) struct list_file *kept = list_file_new(f->path, f->kind);
	int err;

	if (!kept)
		return -ENOMEM;
	err = content_keep(kept, before);
	if (err == -ENOMEM)
		return err;
	if (err)
		kept->state = LIST_NONE;
	kept->bad = f->bad;
	diag_copy(&kept->said, &f->said);
	*out = TAKE_PTR(kept);
	return 0;
}

/* Says what is in force, after the details. */
static void state_say(struct list_file *f, const struct place *at)
{
	char date[UTC_LEN];

	if (f->state == LIST_KEPT)
		diag_at(&f->said, at,
			"list %s is not used: its last good content, %zu entries of %s, is in force: fix it, or insist: "
			"sluicectl reload --lists --force",
			f->path, list_file_entries(f), utc_say(f->written, date));
	else if (f->state == LIST_NONE)
		diag_at(&f->said, at,
			"list %s is not used, no last good content is known, so it is empty: fix it, then "
			"run: sluicectl reload --lists",
			f->path);
	else if (!list_file_entries(f))
		diag_at(&f->said, at, "list %s is empty", f->path);
	else if (f->bad)
		diag_at(&f->said, at,
			"list %s has %zu bad lines, which are left out, and %zu entries, which are in force", f->path,
			f->bad, list_file_entries(f));
	if (f->masked)
		diag_at(&f->said, at,
			"list %s has %zu prefixes with bits beyond their length, which are read as the networks that contain them",
			f->path, f->masked);
}

/* `err` is the result of reading. Replaces what cannot be used by what is in force, and says so. */
static int tolerant_finish(const struct list_wanted *want, const struct list_file *before, struct list_file **list,
			   int err)
{
	_cleanup_(list_file_free) struct list_file *instead = NULL;
	bool torn = !err && looks_torn(*list, before, &want->at, &(*list)->said);
	int failed;

	if (err || torn) {
		failed = list_instead(*list, before, &instead);
		if (failed)
			return failed;
	}
	if (instead && (err || instead->state == LIST_KEPT)) {
		list_file_free(*list);
		*list = TAKE_PTR(instead);
	}
	state_say(*list, &want->at);
	return 0;
}

int list_file_read(const struct list_wanted *want, const struct list_file *before, struct list_file **out,
		   struct diag *d)
{
	_cleanup_(list_file_free) struct list_file *f = list_file_new(want->path, want->kind);
	int err;

	if (!f)
		return -ENOMEM;
	err = content_read(want, f);
	if (err != -ENOMEM && want->reading == LIST_TOLERANT)
		err = tolerant_finish(want, before, &f, err);
	else
		diag_copy(d, &f->said);
	if (!err)
		*out = TAKE_PTR(f);
	return err;
}
