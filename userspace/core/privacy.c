/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include <sodium.h>

#include "cleanup.h"
#include "privacy.h"

#define SHOWN_IPV4 (96 + 24)
#define SHOWN_IPV6 48

struct privacy {
	enum policy_addresses how;
	unsigned int ipv4_len, ipv6_len; /* of one source, in mapped form */
	uint64_t retention, since;
	unsigned char *key; /* of libsodium's guarded memory */
};

void privacy_free(struct privacy *v)
{
	if (!v)
		return;
	sodium_free(v->key); /* overwrites it first */
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

static const char *hash_format(const struct privacy *v, const struct prefix *p, char buf[static ADDR_TEXT_LEN])
{
	unsigned char text[sizeof(p->addr) + 1], hash[crypto_shorthash_BYTES];
	size_t n = 0, i;

	memcpy(text, &p->addr, sizeof(p->addr));
	text[sizeof(p->addr)] = p->len;
	crypto_shorthash(hash, text, sizeof(text), v->key);
	n = snprintf(buf, ADDR_TEXT_LEN, "h-");
	for (i = 0; i < sizeof(hash); i++)
		n += snprintf(buf + n, ADDR_TEXT_LEN - n, "%02x", hash[i]);
	return buf;
}

const char *privacy_show(const struct privacy *v, const struct prefix *p, char buf[static ADDR_TEXT_LEN])
{
	bool ipv4 = addr_is_ipv4(&p->addr) && p->len >= 96;
	struct prefix shown;

	if (!v || v->how == POLICY_FULL)
		return prefix_format(p, buf);
	if (v->how == POLICY_HASHED) {
		shown = cut(p, ipv4 ? v->ipv4_len : v->ipv6_len);
		return hash_format(v, &shown, buf);
	}
	shown = cut(p, ipv4 ? SHOWN_IPV4 : SHOWN_IPV6);
	return prefix_format(&shown, buf);
}
