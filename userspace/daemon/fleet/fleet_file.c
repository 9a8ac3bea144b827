/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hosts of a fleet have said, in the state directory: INSTANCE.fleet, root's alone. So a host that was told something while nobody
 * could hear it says it after a restart, too, and one that was told the end of a ban is not told the ban again by a store that lies. It holds
 * records as they go through the store, sealed, and no address; and whether this host was told otherwise since. Lines of text:
 *
 *   sluice-shared 1 SAVED
 *   fleet HEX        the bytes of a struct fleet_record
 *   here HEX         the same, and this host goes its own way in it
 *   end CRC32
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <syslog.h>

#include <sodium.h>

#include "fleet_inside.h"
#include "fleet_share.h"
#include "list.h"
#include "seal.h"
#include "tables.h"

#define HEAD "sluice-shared 1 "
#define DIGITS (2 * sizeof(struct fleet_record))

static void lines_write(const void *what, FILE *out)
{
	const struct fleet_shared *s = what;
	const struct shared *one;
	char hex[DIGITS + 1];

	fprintf(out, HEAD "%" PRIu64 "\n", (uint64_t)time(NULL));
	for (one = LIST_FIRST(&s->all); one; one = LIST_NEXT(one, all)) {
		sodium_bin2hex(hex, sizeof(hex), (const unsigned char *)&one->record, sizeof(one->record));
		fprintf(out, "%s %s\n", one->here ? "here" : "fleet", hex);
	}
}

static int words_write(const struct daemon *dm, char **text)
{
	return dm->fleet->shared.count ? seal_write(lines_write, &dm->fleet->shared, text) : 0;
}

/* Returns false if it is no such line. A line that another secret sealed, or that is over, is skipped. */
static bool line_read(struct fleet_run *r, const char *line)
{
	const bool here = !strncmp(line, "here ", 5);
	struct fleet_record record;
	struct fleet_word w;
	struct shared *one;
	size_t len;

	if (!here && strncmp(line, "fleet ", 6))
		return false;
	line += here ? 5 : 6;
	if (sodium_hex2bin((unsigned char *)&record, sizeof(record), line, strlen(line), NULL, &len, NULL) ||
	    len != sizeof(record) || strlen(line) != DIGITS)
		return false;
	if (fleet_record_open(&r->shared.keys, &record, &w) || !shared_takes(&r->shared, &w) ||
	    (w.keep && w.keep <= (uint64_t)time(NULL)))
		return true;
	one = shared_put(&r->shared, &w, &record);
	if (one)
		one->here = here || (w.kind == FLEET_WORD_SETTING && fleet_setting_is_older(r, &w));
	return true;
}

static int words_read(struct daemon *dm, const char *text, uint64_t *saved, const char **why)
{
	_cleanup_free_ char *lines = NULL;
	char *line, *next;
	int err = seal_open(text, &lines, why);

	if (err)
		return err;
	*why = "it is of another version, or a line of it makes no sense";
	next = lines;
	line = strsep(&next, "\n");
	if (!line || sscanf(line, HEAD "%" SCNu64, saved) != 1 || *saved > SEAL_LATEST)
		return -EINVAL;
	while ((line = strsep(&next, "\n")) && *line) {
		if (!line_read(dm->fleet, line))
			return -EINVAL;
	}
	return 0;
}

static const struct keep_kind kind = {
	.ending = "fleet",
	.what = "what the fleet's hosts said of bans and settings",
	.limit = (FLEET_SHARED_MAX + FLEET_ERASURES_MAX) * (DIGITS + 8) + 4096,
	.seconds = 2,
	.write = words_write,
	.read = words_read,
};

static bool ban_is_newer(const struct fleet_run *r, const struct fleet_word *w, uint64_t than)
{
	const struct prefix p = { w->addr, w->len };
	struct bans all = {};
	bool newer = false;
	size_t i;

	bans_of(r->daemon->engine, &p, &all);
	for (i = 0; i < all.count; i++)
		newer |= !strcmp(all.item[i].owner, w->owner) && all.item[i].since > than;
	free(all.item);
	return newer;
}

/* Whether the same was ordered here after that: another daemon, or this one without a fleet, may have obeyed it. */
static bool is_outdated(const struct fleet_run *r, const struct fleet_word *w)
{
	const uint64_t said = w->stamp / 1000000;
	struct live_status live;

	if (w->kind == FLEET_WORD_BAN)
		return ban_is_newer(r, w, said);
	return !allow_find(r->daemon->engine, &w->addr, &live) && live.prefix.len == w->len && live.since > said;
}

/* What holds here comes from the state file, which after a loss of power may be older than this one. */
static bool is_to_be_applied(const struct fleet_run *r, const struct shared *one, uint64_t now)
{
	const struct fleet_word *w = &one->word;

	if (one->here || w->kind == FLEET_WORD_ERASE)
		return false;
	return shared_stands(w, now) || (w->taken && w->kind != FLEET_WORD_SETTING && !is_outdated(r, w));
}

void fleet_file_load(struct fleet_run *r)
{
	LIST(struct shared *) apply = {};
	const uint64_t now = time(NULL);
	struct shared *one, **more;

	keep_load(r->daemon, &r->file, &kind);
	for (one = LIST_FIRST(&r->shared.all); one; one = LIST_NEXT(one, all)) {
		if (!is_to_be_applied(r, one, now))
			continue;
		more = LIST_ADD(&apply);
		if (more)
			*more = one;
	}
	fleet_heed_soon(r);
	if (apply.count)
		fleet_words_apply(r, apply.item, apply.count);
	free(apply.item);
}

void fleet_file_save(struct fleet_run *r)
{
	r->file.next = 0;
	keep_tick(r->daemon, &r->file, &kind);
}

void fleet_file_remove(struct daemon *dm)
{
	struct diag d = {};

	keep_remove(dm, &kind, &d);
	log_diag(LOG_WARNING, &d);
}

void fleet_second(struct daemon *dm)
{
	struct fleet_run *r = dm->fleet;
	struct fleet_shared *s = r ? &r->shared : NULL;

	if (!s || !shared_on(s) || !r->helper)
		return;
	if (s->arrived != s->logged)
		log_say(LOG_NOTICE, "fleet: %llu changes by other hosts are in force",
			(unsigned long long)(s->arrived - s->logged));
	s->logged = s->arrived;
	shared_age(s);
	keep_tick(dm, &r->file, &kind);
}
