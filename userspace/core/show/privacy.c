/* SPDX-License-Identifier: BSD-2-Clause */
/* Shows an address as the policy allows: cut, as a keyed hash, or whole. See privacy.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "cleanup.h"
#include "privacy.h"

#define SHOWN_IPV4 (96 + 24)
#define SHOWN_IPV6 48

struct privacy {
	enum policy_addresses how;
	unsigned int ipv4_len, ipv6_len; /* length of a source, in mapped form */
	uint64_t retention, since;
	unsigned char *key; /* in libsodium's guarded memory */
};

void privacy_free(struct privacy *v)
{
	if (!v)
		return;
	sodium_free(v->key); /* which overwrites it first */
	free(v);
}
DEFINE_CLEANUP(struct privacy *, privacy_free);

struct privacy *privacy_new(void)
{
	_cleanup_(privacy_free) struct privacy *v = calloc(1, sizeof(*v));

	if (!v || sodium_init() < 0)
		return NULL;
	v->key = sodium_malloc(crypto_shorthash_KEYBYTES);
	if (!v->key)
		return NULL;
	randombytes_buf(v->key, crypto_shorthash_KEYBYTES);
	return TAKE_PTR(v);
}

void privacy_set(struct privacy *v, const struct policy *p)
{
	v->how = p->addresses;
	v->ipv4_len = 96 + p->aggregates.ipv4_prefix;
	v->ipv6_len = p->aggregates.ipv6_prefix;
	v->retention = p->privacy_retention;
}

void privacy_tick(struct privacy *v, uint64_t now)
{
	if (!v->since)
		v->since = now;
	if (now - v->since < v->retention)
		return;
	randombytes_buf(v->key, crypto_shorthash_KEYBYTES);
	v->since = now;
}

static struct prefix cut(const struct prefix *p, unsigned int len)
{
	struct prefix out = *p;

	if (out.len > len)
		out = (struct prefix){ addr_mask(&p->addr, len), len };
	return out;
}

static struct prefix hash_of(const struct privacy *v, const struct prefix *p)
{
	unsigned char text[sizeof(p->addr) + 1];
	struct prefix out = { .len = PRIVACY_HASH };

	memcpy(text, &p->addr, sizeof(p->addr));
	text[sizeof(p->addr)] = p->len;
	crypto_shorthash((unsigned char *)&out.addr, text, sizeof(text), v->key);
	return out;
}

const char *privacy_kept_format(const struct prefix *kept, char buf[static ADDR_TEXT_LEN])
{
	const unsigned char *hash = (const unsigned char *)&kept->addr;
	size_t n = 0, i;

	if (kept->len != PRIVACY_HASH)
		return prefix_format(kept, buf);
	n = snprintf(buf, ADDR_TEXT_LEN, "h-");
	for (i = 0; i < crypto_shorthash_BYTES; i++)
		n += snprintf(buf + n, ADDR_TEXT_LEN - n, "%02x", hash[i]);
	return buf;
}

int privacy_kept_parse(const char *text, struct prefix *kept)
{
	struct prefix hash = { .len = PRIVACY_HASH };
	unsigned char *to = (unsigned char *)&hash.addr;
	const char *why;
	size_t i;
	int n = 0;

	if (strncmp(text, "h-", 2))
		return prefix_parse(text, kept, &why) ? -EINVAL : 0;
	text += 2;
	for (i = 0; i < crypto_shorthash_BYTES; i++, text += n) {
		if (strspn(text, "0123456789abcdef") < 2 || sscanf(text, "%2hhx%n", &to[i], &n) != 1)
			return -EINVAL;
	}
	*kept = hash;
	return *text ? -EINVAL : 0;
}

static struct prefix source_of(const struct privacy *v, const struct prefix *p)
{
	return cut(p, addr_is_ipv4(&p->addr) && p->len >= 96 ? v->ipv4_len : v->ipv6_len);
}

static struct prefix shown_of(const struct prefix *p)
{
	return cut(p, addr_is_ipv4(&p->addr) && p->len >= 96 ? SHOWN_IPV4 : SHOWN_IPV6);
}

const char *privacy_show(const struct privacy *v, const struct prefix *p, char buf[static ADDR_TEXT_LEN])
{
	struct prefix shown = *p;

	if (v && v->how == POLICY_HASHED) {
		shown = source_of(v, p);
		shown = hash_of(v, &shown);
	} else if (v && v->how == POLICY_TRUNCATED) {
		shown = shown_of(p);
	}
	return privacy_kept_format(&shown, buf);
}

bool privacy_shows(const struct privacy *v, const struct prefix *p)
{
	struct prefix shown = shown_of(p);

	return v->how == POLICY_FULL || (v->how == POLICY_TRUNCATED && shown.len == p->len);
}

struct prefix privacy_keep(const struct privacy *v, const struct sluice_addr *a)
{
	const struct prefix whole = { *a, 128 };
	struct prefix source = source_of(v, &whole);

	if (v->how == POLICY_HASHED)
		return hash_of(v, &source);
	return v->how == POLICY_FULL ? source : shown_of(&source);
}

bool privacy_may_keep(const struct privacy *v, const struct prefix *kept)
{
	struct prefix most;

	if (v->how == POLICY_HASHED || kept->len == PRIVACY_HASH)
		return v->how == POLICY_HASHED && kept->len == PRIVACY_HASH;
	most = source_of(v, kept);
	if (v->how == POLICY_TRUNCATED)
		most = shown_of(&most);
	return most.len == kept->len;
}

bool privacy_kept_is(const struct privacy *v, const struct prefix *kept, const struct prefix *asked)
{
	struct prefix hash;

	if (kept->len != PRIVACY_HASH)
		return prefix_covers(kept, asked) || prefix_covers(asked, kept);
	hash = source_of(v, asked);
	hash = hash_of(v, &hash);
	return !memcmp(&hash.addr, &kept->addr, sizeof(hash.addr));
}
