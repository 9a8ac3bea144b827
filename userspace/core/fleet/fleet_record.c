/* SPDX-License-Identifier: BSD-2-Clause */
/* Seals and opens what hosts say to each other: see fleet_record.h. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "fleet_record.h"

enum { TAKEN = 1, OBSERVE = 2, FORCED = 4 };

/* Before it is sealed: numbers are little endian, texts are filled with zeros and may lack an end. */
struct plain_word {
	uint8_t kind, flags, len, zero;
	uint32_t uid;
	uint64_t stamp, keep, until, since;
	struct sluice_addr addr;
	char owner[SLUICE_NAME_LEN], text[SLUICE_TEXT_LEN], host[FLEET_NAME_MAX];
};

_Static_assert(crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + sizeof(struct plain_word) == FLEET_SEALED,
	       "it fills the place");
_Static_assert(crypto_secretbox_KEYBYTES == FLEET_RECORD_KEY, "the key fits");

void fleet_record_id(const struct fleet_record_keys *k, const struct fleet_word *w, uint8_t id[static FLEET_ID])
{
	struct {
		uint8_t kind, len;
		struct sluice_addr addr;
		char owner[SLUICE_NAME_LEN];
	} __attribute__((packed)) about = { .kind = w->kind, .len = w->len, .addr = w->addr };

	memcpy(about.owner, w->owner, strnlen(w->owner, sizeof(about.owner)));
	crypto_generichash(id, FLEET_ID, (const unsigned char *)&about, sizeof(about), k->id, sizeof(k->id));
}

void fleet_record_seal(const struct fleet_record_keys *k, const struct fleet_word *w, struct fleet_record *out)
{
	struct plain_word plain = { .kind = w->kind,
				    .flags = (w->taken ? TAKEN : 0) | (w->observe ? OBSERVE : 0) |
					     (w->forced ? FORCED : 0),
				    .len = w->len,
				    .uid = htole32(w->uid),
				    .stamp = htole64(w->stamp),
				    .keep = htole64(w->keep),
				    .until = htole64(w->until),
				    .since = htole64(w->since),
				    .addr = w->addr };

	memcpy(plain.owner, w->owner, strnlen(w->owner, sizeof(plain.owner)));
	memcpy(plain.text, w->text, strnlen(w->text, sizeof(plain.text)));
	memcpy(plain.host, w->host, strnlen(w->host, sizeof(plain.host)));
	fleet_record_id(k, w, out->id);
	out->stamp = plain.stamp;
	out->keep = plain.keep;
	randombytes_buf(out->sealed, crypto_secretbox_NONCEBYTES);
	crypto_secretbox_easy(out->sealed + crypto_secretbox_NONCEBYTES, (const unsigned char *)&plain, sizeof(plain),
			      out->sealed, k->seal);
}

static void text_read(char *out, size_t size, const char *text, size_t len)
{
	len = strnlen(text, len < size ? len : size - 1);
	memcpy(out, text, len);
	out[len] = 0;
}

static bool kind_is_good(const struct plain_word *p)
{
	return p->kind >= FLEET_WORD_BAN && p->kind <= FLEET_WORD_ERASE && p->len <= 128 && !p->zero;
}

int fleet_record_open(const struct fleet_record_keys *k, const struct fleet_record *r, struct fleet_word *out)
{
	uint8_t id[FLEET_ID];
	struct plain_word p;

	if (crypto_secretbox_open_easy((unsigned char *)&p, r->sealed + crypto_secretbox_NONCEBYTES,
				       FLEET_SEALED - crypto_secretbox_NONCEBYTES, r->sealed, k->seal) ||
	    p.stamp != r->stamp || p.keep != r->keep || !kind_is_good(&p))
		return -EBADMSG;
	*out = (struct fleet_word){ .kind = p.kind,
				    .taken = p.flags & TAKEN,
				    .observe = p.flags & OBSERVE,
				    .forced = p.flags & FORCED,
				    .addr = p.addr,
				    .len = p.len,
				    .uid = le32toh(p.uid),
				    .stamp = le64toh(p.stamp),
				    .keep = le64toh(p.keep),
				    .until = le64toh(p.until),
				    .since = le64toh(p.since) };
	text_read(out->owner, sizeof(out->owner), p.owner, sizeof(p.owner));
	text_read(out->text, sizeof(out->text), p.text, sizeof(p.text));
	text_read(out->host, sizeof(out->host), p.host, sizeof(p.host));
	fleet_record_id(k, out, id);
	return memcmp(id, r->id, sizeof(id)) ? -EBADMSG : 0;
}
