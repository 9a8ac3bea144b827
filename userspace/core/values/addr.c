/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads, writes and compares addresses and prefixes: see addr.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "cleanup.h"
#include "list.h"

int addr_parse(const char *text, struct sluice_addr *out)
{
	struct sluice_addr a = { { 0, 0, htonl(0xffff), 0 } };

	if (inet_pton(AF_INET, text, &a.word[3]) != 1 && inet_pton(AF_INET6, text, a.word) != 1)
		return -EINVAL;
	*out = a;
	return 0;
}

bool addr_is_ipv4(const struct sluice_addr *a)
{
	return !a->word[0] && !a->word[1] && a->word[2] == htonl(0xffff);
}

bool addr_is_any(const struct sluice_addr *a)
{
	return !a->word[3] && (addr_is_ipv4(a) || (!a->word[0] && !a->word[1] && !a->word[2]));
}

struct sluice_addr mask_of(unsigned int len)
{
	struct sluice_addr mask;
	unsigned int i, bits;

	for (i = 0; i < 4; i++) {
		bits = len > i * 32 ? len - i * 32 : 0;
		if (bits >= 32)
			mask.word[i] = ~0U;
		else
			mask.word[i] = bits ? htonl(~0U << (32 - bits)) : 0;
	}
	return mask;
}

struct sluice_addr addr_mask(const struct sluice_addr *a, unsigned int len)
{
	struct sluice_addr mask = mask_of(len);
	unsigned int i;

	for (i = 0; i < 4; i++)
		mask.word[i] &= a->word[i];
	return mask;
}

bool prefix_holds(const struct prefix *p, const struct sluice_addr *a)
{
	struct sluice_addr cut = addr_mask(a, p->len);

	return !memcmp(&cut, &p->addr, sizeof(cut)) && (p->len >= SLUICE_IPV4_SHIFT || !addr_is_ipv4(a));
}

bool prefix_covers(const struct prefix *p, const struct prefix *inner)
{
	return p->len <= inner->len && prefix_holds(p, &inner->addr);
}

const char *addr_format(const struct sluice_addr *a, char buf[static ADDR_TEXT_LEN])
{
	if (addr_is_ipv4(a))
		inet_ntop(AF_INET, &a->word[3], buf, ADDR_TEXT_LEN);
	else
		inet_ntop(AF_INET6, a->word, buf, ADDR_TEXT_LEN);
	return buf;
}

const char *prefix_format(const struct prefix *p, char buf[static ADDR_TEXT_LEN])
{
	unsigned int len = p->len;
	size_t n;

	addr_format(&p->addr, buf);
	if (p->len == 128)
		return buf;
	if (addr_is_ipv4(&p->addr) && len >= SLUICE_IPV4_SHIFT)
		len -= SLUICE_IPV4_SHIFT;
	n = strlen(buf);
	snprintf(buf + n, ADDR_TEXT_LEN - n, "/%u", len);
	return buf;
}

int prefixes_add(struct prefixes *list, const struct prefix *p)
{
	struct prefix *more = LIST_ADD(list);

	if (!more)
		return -ENOMEM;
	*more = *p;
	return 0;
}

void prefixes_free(struct prefixes *list)
{
	free(list->item);
	memset(list, 0, sizeof(*list));
}

static int bit_of(const struct sluice_addr *a, unsigned int n)
{
	return ntohl(a->word[n / 32]) >> (31 - n % 32) & 1;
}

/* Returns the last address of a prefix. */
static struct sluice_addr addr_last(const struct sluice_addr *first, unsigned int len)
{
	struct sluice_addr mask = mask_of(len), last;
	unsigned int i;

	for (i = 0; i < 4; i++)
		last.word[i] = first->word[i] | ~mask.word[i];
	return last;
}

/* Moves to the next address; returns false after the very last one. */
static bool addr_next(struct sluice_addr *a)
{
	int i;

	for (i = 3; i >= 0; i--) {
		a->word[i] = htonl(ntohl(a->word[i]) + 1);
		if (a->word[i])
			return true;
	}
	return false;
}

static int addr_compare(const struct sluice_addr *a, const struct sluice_addr *b)
{
	return memcmp(a, b, sizeof(*a));
}

/* An IPv6 prefix that covers ::ffff:0:0/96 means IPv6 only: this adds the halves beside the path there. */
static int ipv6_without_mapped(struct prefixes *list, const struct prefix *p)
{
	const struct sluice_addr mapped = { { 0, 0, htonl(0xffff), 0 } };
	struct prefix half;
	unsigned int len;
	int err = 0;

	for (len = p->len + 1; len <= SLUICE_IPV4_SHIFT && !err; len++) {
		half.addr = addr_mask(&mapped, len);
		half.addr.word[(len - 1) / 32] ^= htonl(1U << (31 - (len - 1) % 32));
		half.len = len;
		err = prefixes_add(list, &half);
	}
	return err;
}

static bool covers_mapped(const struct prefix *p)
{
	const struct sluice_addr mapped = { { 0, 0, htonl(0xffff), 0 } };
	struct sluice_addr cut = addr_mask(&mapped, p->len);

	return p->len < SLUICE_IPV4_SHIFT && !addr_compare(&cut, &p->addr);
}

/* Adds the fewest prefixes from `first` to `last`: at each step the widest that begins here and does not end too late. */
static int range_add(struct prefixes *list, struct sluice_addr first, const struct sluice_addr *last)
{
	const bool ipv6 = !addr_is_ipv4(&first);
	struct sluice_addr end;
	struct prefix p;
	int err;

	do {
		p.addr = first;
		for (p.len = 128; p.len && !bit_of(&first, p.len - 1); p.len--) {
			end = addr_last(&first, p.len - 1);
			if (addr_compare(&end, last) > 0)
				break;
		}
		if (covers_mapped(&p))
			err = ipv6_without_mapped(list, &p);
		else if (ipv6 && addr_is_ipv4(&p.addr)) /* the step from below IPv4 to above it */
			err = 0;
		else
			err = prefixes_add(list, &p);
		if (err)
			return err;
		first = addr_last(&first, p.len);
	} while (addr_next(&first) && addr_compare(&first, last) <= 0);
	return 0;
}

/* Accepts digits only, at most `most`; returns -1 otherwise. */
static int length_parse(const char *text, int most)
{
	char *end;
	long n;

	if (*text < '0' || *text > '9' || strlen(text) > 3)
		return -1;
	n = strtol(text, &end, 10);
	return *end || n > most ? -1 : (int)n;
}

/* Turns "255.255.0.0" into 16; -1: it is no netmask. */
static int netmask_parse(const char *text)
{
	struct in_addr in;
	uint32_t bits;

	if (inet_pton(AF_INET, text, &in) != 1)
		return -1;
	bits = ntohl(in.s_addr);
	return bits & (~bits >> 1) ? -1 : __builtin_popcount(bits);
}

/* The length counts in the form in which the address is written: ::ffff:192.0.2.0/120 is 192.0.2.0/24. */
static int mask_parse(bool dotted, const char *text, unsigned int *len, const char **why)
{
	int n;

	if (dotted && strchr(text, '.')) {
		n = netmask_parse(text);
		*why = "is not a netmask: its one bits must come first, as in 255.255.0.0";
	} else {
		n = length_parse(text, dotted ? 32 : 128);
		*why = dotted ? "prefix length must be 0-32: write one, as 192.0.2.0/24"
			      : "prefix length must be 0-128: write one, as 2001:db8::/32";
	}
	if (n < 0)
		return -EINVAL;
	*len = dotted ? n + SLUICE_IPV4_SHIFT : n;
	return 0;
}

/* Reads it as written, with the bits beyond its length. */
static int written_parse(const char *text, struct prefix *out, const char **why)
{
	_cleanup_free_ char *copy = strdup(text);
	char *slash;
	int err;

	*why = NULL;
	if (!copy)
		return -ENOMEM;
	slash = strchr(copy, '/');
	if (slash)
		*slash = 0;
	if (addr_parse(copy, &out->addr)) {
		*why = "is not an address: write 192.0.2.1, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/32";
		return -EINVAL;
	}
	out->len = 128;
	err = slash ? mask_parse(!strchr(copy, ':'), slash + 1, &out->len, why) : 0;
	if (!err)
		*why = NULL;
	return err;
}

int prefix_cut_parse(const char *text, struct prefix *out, const char **why)
{
	struct prefix p;
	int err = written_parse(text, &p, why);

	if (!err)
		*out = (struct prefix){ addr_mask(&p.addr, p.len), p.len };
	return err;
}

int prefix_parse(const char *text, struct prefix *out, const char **why)
{
	struct sluice_addr cut;
	struct prefix p;
	int err = written_parse(text, &p, why);

	if (err)
		return err;
	cut = addr_mask(&p.addr, p.len);
	if (addr_compare(&cut, &p.addr)) {
		*why = "has bits beyond its prefix length: write the network's first address";
		return -EINVAL;
	}
	*out = p;
	return 0;
}

static int range_parse(struct prefixes *list, char *text, char *dash, const char **why)
{
	struct sluice_addr first, last;

	*dash = 0;
	*why = "is not a range: write two addresses of one family, the lower first, as 192.0.2.1-192.0.2.20";
	if (addr_parse(text, &first) || addr_parse(dash + 1, &last) || addr_is_ipv4(&first) != addr_is_ipv4(&last) ||
	    addr_compare(&first, &last) > 0)
		return -EINVAL;
	*why = NULL;
	return range_add(list, first, &last);
}

int prefixes_parse(struct prefixes *list, const char *text, const char **why)
{
	_cleanup_free_ char *copy = strdup(text);
	size_t count = list->count;
	struct prefix p;
	char *dash;
	int err;

	*why = NULL;
	if (!copy)
		return -ENOMEM;
	dash = strchr(copy, '-');
	if (dash) {
		err = range_parse(list, copy, dash, why);
	} else {
		err = prefix_parse(text, &p, why);
		if (!err)
			err = covers_mapped(&p) ? ipv6_without_mapped(list, &p) : prefixes_add(list, &p);
	}
	if (err)
		list->count = count;
	return err;
}

int address_parse(const char *text, struct sluice_addr *out, const char **why)
{
	struct prefixes list = {};
	int err = prefixes_parse(&list, text, why);

	if (!err && (list.count != 1 || list.item[0].len != 128)) {
		*why = "is more than one address: name only one";
		err = -EINVAL;
	}
	if (!err)
		*out = list.item[0].addr;
	prefixes_free(&list);
	return err;
}
