/* SPDX-License-Identifier: BSD-2-Clause */
/* Seals and opens what hosts say to each other: see fleet_record.h. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "fleet_record.h"

enum { TAKEN = 1, OBSERVE = 2, FORCED = 4, OF_SET = 8 };

/* The form before it is sealed: numbers are little endian, texts are filled up with zeros and may lack an end. */
struct plain_word {
	uint8_t kind, flags, len, zero;
	uint32_t uid;
	uint64_t stamp, keep, until, since;
	union {
		struct {
			struct sluice_addr addr;
			char owner[SLUICE_NAME_LEN], text[SLUICE_TEXT_LEN];
		};
		struct {
			char title[SLUICE_NAME_LEN], key[FLEET_KEY_LEN], value[FLEET_VALUE_LEN];
		} setting;
	};
	char host[FLEET_NAME_MAX];
};

_Static_assert(crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + sizeof(struct plain_word) == FLEET_SEALED,
	       "it fills the place");
_Static_assert(crypto_secretbox_KEYBYTES == FLEET_RECORD_KEY, "the key fits");

#define TEXT_PUT(to, from) memcpy(to, from, strnlen(from, sizeof(to)))

/* A kind with another shape never has the id of another one: the lengths differ. */
static void setting_id(const struct fleet_record_keys *k, const struct fleet_word *w, uint8_t id[static FLEET_ID])
{
	struct {
		uint8_t kind, of_set;
		char title[SLUICE_NAME_LEN], key[FLEET_KEY_LEN];
	} about = { .kind = w->kind, .of_set = w->of_set };

	TEXT_PUT(about.title, w->setting.title);
	TEXT_PUT(about.key, w->setting.key);
	crypto_generichash(id, FLEET_ID, (const unsigned char *)&about, sizeof(about), k->id, sizeof(k->id));
}

void fleet_record_id(const struct fleet_record_keys *k, const struct fleet_word *w, uint8_t id[static FLEET_ID])
{
	struct {
		uint8_t kind, len;
		struct sluice_addr addr;
		char owner[SLUICE_NAME_LEN];
	} __attribute__((packed)) about = { .kind = w->kind, .len = w->len };

	if (w->kind == FLEET_WORD_SETTING) {
		setting_id(k, w, id);
		return;
	}
	about.addr = w->addr;
	TEXT_PUT(about.owner, w->owner);
	crypto_generichash(id, FLEET_ID, (const unsigned char *)&about, sizeof(about), k->id, sizeof(k->id));
}

static void content_put(struct plain_word *plain, const struct fleet_word *w)
{
	if (w->kind == FLEET_WORD_SETTING) {
		TEXT_PUT(plain->setting.title, w->setting.title);
		TEXT_PUT(plain->setting.key, w->setting.key);
		TEXT_PUT(plain->setting.value, w->setting.value);
		return;
	}
	plain->addr = w->addr;
	TEXT_PUT(plain->owner, w->owner);
	TEXT_PUT(plain->text, w->text);
}

void fleet_record_seal(const struct fleet_record_keys *k, const struct fleet_word *w, struct fleet_record *out)
{
	struct plain_word plain = { .kind = w->kind,
				    .flags = (w->taken ? TAKEN : 0) | (w->observe ? OBSERVE : 0) |
					     (w->forced ? FORCED : 0) | (w->of_set ? OF_SET : 0),
				    .len = w->len,
				    .uid = htole32(w->uid),
				    .stamp = htole64(w->stamp),
				    .keep = htole64(w->keep),
				    .until = htole64(w->until),
				    .since = htole64(w->since) };

	content_put(&plain, w);
	TEXT_PUT(plain.host, w->host);
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

#define TEXT_READ(to, from) text_read(to, sizeof(to), from, sizeof(from))

static void content_read(struct fleet_word *out, const struct plain_word *p)
{
	if (p->kind == FLEET_WORD_SETTING) {
		TEXT_READ(out->setting.title, p->setting.title);
		TEXT_READ(out->setting.key, p->setting.key);
		TEXT_READ(out->setting.value, p->setting.value);
		return;
	}
	out->addr = p->addr;
	TEXT_READ(out->owner, p->owner);
	TEXT_READ(out->text, p->text);
}

static bool kind_is_good(const struct plain_word *p)
{
	return p->kind >= FLEET_WORD_BAN && p->kind <= FLEET_WORD_SETTING && p->len <= 128 && !p->zero;
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
				    .of_set = p.flags & OF_SET,
				    .len = p.len,
				    .uid = le32toh(p.uid),
				    .stamp = le64toh(p.stamp),
				    .keep = le64toh(p.keep),
				    .until = le64toh(p.until),
				    .since = le64toh(p.since) };
	content_read(out, &p);
	TEXT_READ(out->host, p.host);
	fleet_record_id(k, out, id);
	return memcmp(id, r->id, sizeof(id)) ? -EBADMSG : 0;
}
