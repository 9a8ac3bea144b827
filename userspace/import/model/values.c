/* SPDX-License-Identifier: BSD-2-Clause */
/* Turns the values in other programs' files into those of a policy, and finds the service of a port. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "addr.h"
#include "country.h"
#include "import.h"
#include "parse.h"
#include "value.h"

#define COUNT_MAX 1000000000

/* Names as in services(5); if a port has several, the first is the one that a policy uses. */
static const struct {
	const char *name, *port;
} ports[] = { { "smtp", "25" },		{ "submission", "587" }, { "submissions", "465" }, { "imap", "143" },
	      { "imaps", "993" },	{ "pop3", "110" },	 { "pop3s", "995" },	   { "sieve", "4190" },
	      { "http", "80" },		{ "https", "443" },	 { "ssh", "22" },	   { "ftp", "21" },
	      { "lmtp", "24" },		{ "mail", "25" },	 { "smtps", "465" },	   { "ssmtp", "465" },
	      { "urd", "465" },		{ "imap2", "143" },	 { "msa", "587" },	   { "pop-3", "110" },
	      { "managesieve", "4190" } };

#define PORTS (sizeof(ports) / sizeof(*ports))

bool is_count(const char *text, uint32_t *out)
{
	return !count_parse(text, 0, COUNT_MAX, out);
}

const char *port_of(const char *text, char buf[static 8])
{
	uint32_t number;
	size_t i;

	for (i = 0; i < PORTS; i++) {
		if (!strcmp(ports[i].name, text))
			return ports[i].port;
	}
	if (count_parse(text, 1, 65535, &number))
		return NULL;
	snprintf(buf, 8, "%u", number);
	return buf;
}

const char *name_of_port(const char *port, char buf[static 32])
{
	size_t i;

	for (i = 0; i < PORTS; i++) {
		if (!strcmp(ports[i].port, port))
			return ports[i].name;
	}
	snprintf(buf, 32, "port-%.20s", port);
	return buf;
}

bool put_count(struct import *m, struct item *i, const char *key, const char *number, const struct line *from)
{
	uint32_t n;

	if (!is_count(number, &n)) {
		leave(m, from, "'%s' is not a number that can be imported", number);
		return false;
	}
	if (!n)
		leave(m, from, "0 means no limit there: in sluice, leave the key out");
	else
		put_lower(m, i, key, number, from);
	return n;
}

bool put_rate(struct import *m, struct item *i, const char *key, const char *number, const char *seconds,
	      const struct line *from)
{
	struct rate rate;
	char text[40];
	uint32_t n, s;

	if (!is_count(number, &n) || seconds_parse(seconds, &s)) {
		leave(m, from, "'%s' in '%s' is not a rate that can be imported", number, seconds);
		return false;
	}
	snprintf(text, sizeof(text), "%u/%us", n, s);
	if (!n)
		leave(m, from, "0 means no limit there: in sluice, leave the key out");
	else if (rate_parse(text, &rate))
		leave(m, from, "%s is not a rate of sluice: its intervals are of 1s to 1d", text);
	else
		put_lower(m, i, key, text, from);
	return n;
}

/* [IPv6]/LEN, as Postfix writes it; anything else stays as it is. */
static const char *brackets_cut(const char *text, char buf[static 80])
{
	const char *end = strchr(text, ']');

	if (*text != '[' || !end || strlen(text) >= 80)
		return text;
	snprintf(buf, 80, "%.*s%s", (int)(end - text - 1), text + 1, end + 1);
	return buf;
}

bool put_prefix(struct import *m, struct item *i, const char *text, const struct line *from)
{
	char buf[80], cut_text[ADDR_TEXT_LEN];
	struct prefixes list = {};
	const char *why = NULL, *other;
	struct prefix cut;

	text = brackets_cut(text, buf);
	if (!prefixes_parse(&list, text, &why)) {
		prefixes_free(&list);
		put_element(m, i, "prefixes", text, from);
		return true;
	}
	if (!prefix_cut_parse(text, &cut, &other)) { /* 127.0.0.1/8 becomes the network that it is in */
		put_element(m, i, "prefixes", prefix_format(&cut, cut_text), from);
		return true;
	}
	leave(m, from, "'%s' %s", text, why ? why : "cannot be kept: out of memory");
	return false;
}

bool is_loopback(const char *address)
{
	return !strncmp(address, "127.", 4) || !strcmp(address, "::1") || !strcmp(address, "[::1]") ||
	       !strcmp(address, "localhost");
}

bool put_country(struct import *m, struct item *i, const char *key, const char *text, const struct line *from)
{
	char upper[3] = "";
	uint16_t country;

	if (strlen(text) != 2 || country_parse(text, &country) || !country_exists(country)) {
		leave(m, from, "'%s' is not a country that sluice knows", text);
		return false;
	}
	upper[0] = toupper((unsigned char)text[0]);
	upper[1] = toupper((unsigned char)text[1]);
	put_element(m, i, key, upper, from);
	return true;
}

static size_t ports_count(const struct item *i)
{
	size_t k, n = 0;

	for (k = 0; k < i->count; k++)
		n += !strcmp(i->item[k].key, "ports");
	return n;
}

/* Returns 0 if none of the ports is a service's; 1 if all are those of *out, and no others; otherwise -1. */
static int ports_owner(const struct import *m, const struct strings *wanted, struct item **out, const char **port)
{
	size_t i, owned = 0;
	struct item *owner;

	for (i = 0; i < wanted->count; i++) {
		owner = service_of_port(m, wanted->item[i]);
		if (!owner)
			continue;
		*port = wanted->item[i];
		if (owned && owner != *out)
			return -1;
		*out = owner;
		owned++;
	}
	if (!owned)
		return 0;
	return owned == wanted->count && ports_count(*out) == owned ? 1 : -1;
}

static size_t services_count(const struct import *m)
{
	size_t i, n = 0;

	for (i = 0; i < m->items.count; i++)
		n += !m->items.item[i]->is_set;
	return n;
}

static struct item *service_new(struct import *m, const char *name, const struct strings *wanted,
				const struct line *from)
{
	char buf[32], other[48];
	struct item *s;
	size_t i;

	if (services_count(m) == SLUICE_POLICY_SERVICES) {
		leave(m, from, "a policy has at most %u services", SLUICE_POLICY_SERVICES);
		return NULL;
	}
	name = name ? name : name_of_port(wanted->item[0], buf);
	s = service_get(m, name);
	if (s && s->count) { /* the name belongs to another one */
		snprintf(other, sizeof(other), "%.20s-%s", name, wanted->item[0]);
		s = service_get(m, other);
	}
	for (i = 0; s && i < wanted->count; i++)
		put_element(m, s, "ports", wanted->item[i], from);
	return s;
}

struct item *service_with(struct import *m, const char *name, const struct strings *wanted, const struct line *from)
{
	const char *port = NULL;
	struct item *s = NULL;
	int owner;

	if (!wanted->count || wanted->count > 32) {
		leave(m, from, "names %zu ports: a service has 1 to 32", wanted->count);
		return NULL;
	}
	owner = ports_owner(m, wanted, &s, &port);
	if (owner > 0)
		return s;
	if (!owner)
		return service_new(m, name, wanted, from);
	leave(m, from,
	      "has other ports than service %s above, which has port %s: a port belongs to one service; group ports with the same limits into services",
	      s->name, port);
	return NULL;
}

static bool has_address(const struct item *s, const char *address)
{
	size_t i;

	for (i = 0; i < s->count && (strcmp(s->item[i].key, "addresses") || strcmp(s->item[i].value, address)); i++)
		;
	return i < s->count;
}

static bool addresses_are(const struct item *s, const struct strings *addresses)
{
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (!strcmp(s->item[i].key, "addresses") && !strings_have(addresses, s->item[i].value))
			return false;
	}
	for (i = 0; i < addresses->count && has_address(s, addresses->item[i]); i++)
		;
	return i == addresses->count;
}

struct item *service_listening(struct import *m, const char *name, const struct strings *wanted,
			       const struct strings *addresses, const struct line *from)
{
	bool known = wanted->count && service_of_port(m, wanted->item[0]);
	struct item *s = service_with(m, name, wanted, from);
	size_t i;

	if (s && known && !addresses_are(s, addresses)) {
		leave(m, from,
		      "port %s already belongs to service %s above, at other addresses: write two services by hand",
		      wanted->item[0], s->name);
		return NULL;
	}
	for (i = 0; i < addresses->count; i++)
		put_element(m, s, "addresses", addresses->item[i], from);
	return s;
}

bool late_leave(struct import *m, const struct item *s, const struct line *from)
{
	const struct item *limited = service_limited(m, s);

	if (limited)
		leave(m, from,
		      "comes after the limits of service %s, which hold for these sources there: an allow would lift them",
		      limited->name);
	return limited;
}
