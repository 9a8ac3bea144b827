/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Live allows, and the simplest orders about bans, whose owner is the caller. The daemon calls this once a second; its verbs and shield.c
 * call it, too.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "addr.h"
#include "bans.h"
#include "internal.h"
#include "plain.h"
#include "tables.h"

static struct sluice_prefix_key live_key(const struct prefix *p)
{
	return (struct sluice_prefix_key){ .prefixlen = p->len, .addr = p->addr };
}

/* Writes an allow, or (if `live` is NULL) removes it. */
static int allow_change(struct engine *e, const struct sluice_prefix_key *key, const struct sluice_live *live)
{
	int err = lane_shut(e);

	if (!err && live)
		err = bpf_map_update_elem(e->map[MAP_live_allows], key, live, BPF_ANY);
	else if (!err)
		err = bpf_map_delete_elem(e->map[MAP_live_allows], key);
	lane_open(e);
	return err;
}

int allow_restore(struct engine *e, const struct live_status *was)
{
	struct sluice_prefix_key key = live_key(&was->prefix);
	struct sluice_live live = { .prefixlen = was->prefix.len, .uid = was->uid, .since_s = was->since };

	if (was->expires_in)
		live.expires_ns = clock_ns() + was->expires_in * 1000000000ULL;
	plain_copy(live.text, sizeof(live.text), was->text);
	return allow_change(e, &key, &live);
}

static int ban_set(struct engine *e, const struct live_status *now)
{
	struct ban ban = { .prefix = now->prefix, .expires_in = now->expires_in, .since = now->since, .uid = now->uid };

	ban_owner_of(now->uid, ban.owner);
	memcpy(ban.text, now->text, sizeof(ban.text));
	return bans_put(e, &ban, 1, NULL);
}

int live_set(struct engine *e, enum live_kind kind, const struct prefix *p, uint32_t seconds, uint32_t uid,
	     const char *text)
{
	struct live_status now = { .prefix = *p, .expires_in = seconds, .uid = uid, .since = time(NULL) };

	plain_copy(now.text, sizeof(now.text), text ? text : "");
	return kind == LIVE_ALLOW ? allow_restore(e, &now) : ban_set(e, &now);
}

int live_clear(struct engine *e, enum live_kind kind, const struct prefix *p)
{
	struct sluice_prefix_key key = live_key(p);
	size_t taken;
	int err;

	if (kind == LIVE_ALLOW)
		return allow_change(e, &key, NULL);
	err = bans_take(e, p, 1, NULL, &taken);
	return err ? err : taken ? 0 : -ENOENT;
}

static bool live_stands(const struct sluice_live *live, uint64_t now)
{
	return !live->expires_ns || live->expires_ns > now;
}

static void live_fill(const struct sluice_prefix_key *key, const struct sluice_live *live, uint64_t now,
		      struct live_status *out)
{
	*out = (struct live_status){ .prefix = { key->addr, live->prefixlen },
				     .uid = live->uid,
				     .since = live->since_s };
	out->expires_in = live->expires_ns ? (live->expires_ns - now + 999999999) / 1000000000 : 0;
	memcpy(out->text, live->text, sizeof(out->text));
}

/* Looks up as the gate does (bpf/source/classify.bpf.h, allow_holds): an expired entry does not hide a shorter one. */
int allow_find(const struct engine *e, const struct sluice_addr *a, struct live_status *out)
{
	struct sluice_addr who = engine_who(e, a, NULL);
	struct sluice_prefix_key key = { .prefixlen = 128, .addr = who };
	uint64_t now = clock_ns();
	struct sluice_live live;

	while (!bpf_map_lookup_elem(e->map[MAP_live_allows], &key, &live)) {
		if (live.prefixlen < SLUICE_IPV4_SHIFT && addr_is_ipv4(&who))
			break;
		key.addr = addr_mask(&who, live.prefixlen);
		if (live_stands(&live, now)) {
			live_fill(&key, &live, now, out);
			return 0;
		}
		if (!live.prefixlen)
			break;
		key.prefixlen = live.prefixlen - 1;
	}
	return -ENOENT;
}

static int by_prefix(const void *a, const void *b)
{
	const struct live_status *x = a, *y = b;
	int order = memcmp(&x->prefix.addr, &y->prefix.addr, sizeof(x->prefix.addr));

	return order ? order : (int)x->prefix.len - (int)y->prefix.len;
}

int allows_read(const struct engine *e, struct live_status **out, size_t *count)
{
	_cleanup_free_ struct live_status *list = NULL;
	_cleanup_free_ void *keys = NULL, *values = NULL;
	const struct sluice_prefix_key *key;
	const struct sluice_live *live;
	size_t i, total = 0, n = 0;
	uint64_t now = clock_ns();
	int err;

	err = table_read(e->map[MAP_live_allows], sizeof(*key), sizeof(*live), &keys, &values, &total);
	if (err)
		return err;
	list = calloc(total + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	key = keys;
	live = values;
	for (i = 0; i < total; i++) {
		if (live_stands(&live[i], now))
			live_fill(&key[i], &live[i], now, &list[n++]);
	}
	qsort(list, n, sizeof(*list), by_prefix);
	*out = TAKE_PTR(list);
	*count = n;
	return 0;
}

static int allows_expire(struct engine *e)
{
	_cleanup_free_ void *keys = NULL, *values = NULL;
	int fd = e->map[MAP_live_allows], err;
	const struct sluice_prefix_key *key;
	const struct sluice_live *live;
	uint64_t now = clock_ns();
	size_t i, total = 0;
	uint32_t left = 0;

	if (now < e->allows_walk_ns)
		return 0;
	err = table_read(fd, sizeof(*key), sizeof(*live), &keys, &values, &total);
	key = keys;
	live = values;
	for (i = 0; i < total && !err; i++) {
		if (!live_stands(&live[i], now))
			allow_change(e, &key[i], NULL);
		else
			left++;
	}
	e->allows_walk_ns = now + (clock_ns() - now) * 10; /* at most a tenth of the daemon's time */
	if (err)
		return err;
	e->live_count[LIVE_ALLOW] = left;
	return total - left;
}

int live_expire(struct engine *e)
{
	int allows = allows_expire(e), bans = allows < 0 ? allows : bans_expire(e);

	return bans < 0 ? bans : allows + bans;
}
