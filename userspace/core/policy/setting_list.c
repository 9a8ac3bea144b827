/* SPDX-License-Identifier: BSD-2-Clause */
/* The value of a key that is a list: its elements from texts, and to text. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "list.h"
#include "plain.h"
#include "setting.h"
#include "value.h"

#define SLUICE_SOCKET_LEN 108 /* of sockaddr_un, with the final NUL */

static int repeated(const struct asked *a, const char *text, const char *noun)
{
	return setting_refuse(a, "'%s' appears twice: name each %s once", text, noun);
}

static int interface_add(const struct asked *a, struct strings *list, const char *text)
{
	if (!*text || strlen(text) > 15 || strpbrk(text, "/ \t") || !utf8_is_good(text))
		return setting_refuse(a, "'%s' is not an interface name: `ip link` lists them", text);
	return strings_have(list, text) ? repeated(a, text, "interface") : strings_add(list, text);
}

static int port_add(const struct asked *a, struct policy_service *s, const char *text)
{
	uint32_t port;
	unsigned int i;

	if (s->ports_count == SLUICE_SERVICE_PORTS)
		return setting_refuse(a, "more than %d ports: split them into two services", SLUICE_SERVICE_PORTS);
	if (count_parse(text, 1, 65535, &port))
		return setting_refuse(a, "'%s' is not a port: a number from 1 to 65535", text);
	for (i = 0; i < s->ports_count; i++) {
		if (s->ports[i] == port)
			return repeated(a, text, "port");
	}
	s->ports[s->ports_count++] = port;
	return 0;
}

static int address_add(const struct asked *a, struct addresses *list, const char *text)
{
	struct sluice_addr addr, *more;
	size_t i;

	if (addr_parse(text, &addr))
		return setting_refuse(a, "'%s' is not an address: write one, as 203.0.113.5", text);
	for (i = 0; i < list->count; i++) {
		if (!memcmp(&list->item[i], &addr, sizeof(addr)))
			return repeated(a, text, "address");
	}
	more = LIST_ADD(list);
	if (!more)
		return -ENOMEM;
	*more = addr;
	return 0;
}

static int publish_parse(const char *text, struct publish *out)
{
	_cleanup_free_ char *host = strdup(text);
	char *inside = host ? strchr(host, ':') : NULL;
	uint32_t from, to;

	if (!host)
		return -ENOMEM;
	if (inside)
		*inside++ = 0;
	if (count_parse(host, 1, 65535, &from) || count_parse(inside ? inside : host, 1, 65535, &to))
		return -EINVAL;
	*out = (struct publish){ from, to };
	return 0;
}

static int published_add(const struct asked *a, struct policy_container *c, const char *text)
{
	struct publish port, *other;

	if (c->ports_count == SLUICE_SERVICE_PORTS)
		return setting_refuse(a, "more than %d ports: split them into two containers", SLUICE_SERVICE_PORTS);
	if (publish_parse(text, &port))
		return setting_refuse(
			a, "'%s' publishes nothing: write HOST or HOST:CONTAINER, as \"25\" or \"25:2525\"", text);
	for (other = c->ports; other < c->ports + c->ports_count; other++) {
		if (port.host == other->host || port.inside == other->inside)
			return setting_refuse(
				a, "'%u:%u' and '%s' have a port in common: each leads from one port to one port",
				other->host, other->inside, text);
	}
	c->ports[c->ports_count++] = port;
	return 0;
}

static int prefix_add(const struct asked *a, struct policy_set *s, const char *text)
{
	const char *why;
	int err = prefixes_parse(&s->prefixes, text, &why);

	if (err && why)
		return setting_refuse(a, "'%s' %s", text, why);
	return err ? err : strings_add(&s->prefix_texts, text);
}

static int country_add(const struct asked *a, struct countries *list, const char *text)
{
	uint16_t country;

	if (!countries_add_group(list, text))
		return 0; /* the set may also hold what is named elsewhere */
	if (!strcasecmp(text, "UK"))
		return setting_refuse(a, "'%s' is not a country: write GB", text);
	if (country_parse(text, &country) || !country_exists(country))
		return setting_refuse(
			a,
			"'%s' is not a country: write its two letters (ISO 3166-1), as DE, ZZ for none, or a group: EU27, "
			"EEA, EFTA, EUROPE or another continent",
			text);
	if (countries_name(list, country))
		return repeated(a, text, "country");
	countries_add(list, country);
	return 0;
}

static int network_add(const struct asked *a, struct numbers *list, const char *text)
{
	uint32_t number, *more;

	if (asn_parse(text, &number))
		return setting_refuse(a, "'%s' is not a network: write its number, as 64496 or AS64496", text);
	more = LIST_ADD(list); /* networks_check() finds duplicates, because the list may be long */
	if (!more)
		return -ENOMEM;
	*more = number;
	return 0;
}

static int database_add(const struct asked *a, struct strings *list, const char *text)
{
	_cleanup_free_ char *path = NULL;
	int err = setting_path(a, text, "database", &path);

	if (err)
		return err;
	return strings_have(list, path) ? repeated(a, text, "database") : strings_add(list, path);
}

/* RFC 6052, 2.2: only these lengths say where the IPv4 address is. */
static bool length_is_translated(unsigned int len)
{
	return len == 32 || len == 40 || len == 48 || len == 56 || len == 64 || len == 96;
}

static int translated_add(const struct asked *a, struct prefixes *list, const char *text)
{
	const char *why;
	struct prefix p;
	size_t i;
	int err = prefix_parse(text, &p, &why);

	if (err && why)
		return setting_refuse(a, "'%s' %s", text, why);
	if (err)
		return err;
	if (addr_is_ipv4(&p.addr) || !length_is_translated(p.len))
		return setting_refuse(
			a, "'%s' is not a translator's prefix: IPv6, of 32, 40, 48, 56, 64 or 96 bits, as 64:ff9b::/96",
			text);
	if (list->count == SLUICE_MAX_TRANSLATED)
		return setting_refuse(a, "more than %d prefixes: name only those that this host's senders use",
				      SLUICE_MAX_TRANSLATED);
	for (i = 0; i < list->count; i++) {
		if (list->item[i].len == p.len && !memcmp(&list->item[i].addr, &p.addr, sizeof(p.addr)))
			return repeated(a, text, "prefix");
	}
	return prefixes_add(list, &p);
}

/* Where the store listens: an address and a port, or the path of its socket. Names are not allowed: nobody here waits for a resolver. */
static int server_add(const struct asked *a, struct strings *list, const char *text)
{
	struct listen at;

	if ((*text != '/' || strlen(text) >= SLUICE_SOCKET_LEN) && (listen_parse(text, &at) || at.off))
		return setting_refuse(
			a, "'%s' is not a server: write ADDRESS:PORT, as 192.0.2.5:6379, or the path of a socket",
			text);
	return strings_have(list, text) ? repeated(a, text, "server") : strings_add(list, text);
}

int list_add(const struct asked *a, void *base, const char *text)
{
	void *field = (char *)base + a->setting->offset;

	switch (a->setting->kind) {
	case KIND_INTERFACES:
		return interface_add(a, field, text);
	case KIND_PORTS:
		return port_add(a, base, text);
	case KIND_ADDRESSES:
		return address_add(a, field, text);
	case KIND_PUBLISHED:
		return published_add(a, base, text);
	case KIND_PREFIXES:
		return prefix_add(a, base, text);
	case KIND_COUNTRIES:
		return country_add(a, field, text);
	case KIND_NETWORKS:
		return network_add(a, field, text);
	case KIND_DATABASES:
		return database_add(a, field, text);
	case KIND_TRANSLATED:
		return translated_add(a, field, text);
	case KIND_SERVERS:
		return server_add(a, field, text);
	default: /* names of services may occur twice */
		return strings_add(field, text);
	}
}

void list_clear(const struct setting *s, void *base)
{
	void *field = (char *)base + s->offset;
	struct policy_set *set = base;

	switch (s->kind) {
	case KIND_PORTS:
		((struct policy_service *)base)->ports_count = 0;
		break;
	case KIND_PUBLISHED:
		((struct policy_container *)base)->ports_count = 0;
		break;
	case KIND_ADDRESSES:
		((struct addresses *)field)->count = 0;
		break;
	case KIND_NETWORKS:
		((struct numbers *)field)->count = 0;
		break;
	case KIND_COUNTRIES:
		*(struct countries *)field = (struct countries){};
		break;
	case KIND_TRANSLATED:
		((struct prefixes *)field)->count = 0;
		break;
	case KIND_PREFIXES:
		set->prefixes.count = 0;
		strings_clear(&set->prefix_texts);
		break;
	default:
		strings_clear(field);
	}
}

size_t list_count(const struct setting *s, const void *base)
{
	const void *field = (const char *)base + s->offset;

	switch (s->kind) {
	case KIND_PORTS:
		return ((const struct policy_service *)base)->ports_count;
	case KIND_PUBLISHED:
		return ((const struct policy_container *)base)->ports_count;
	case KIND_ADDRESSES:
		return ((const struct addresses *)field)->count;
	case KIND_NETWORKS:
		return ((const struct numbers *)field)->count;
	case KIND_COUNTRIES:
		return ((const struct countries *)field)->count;
	case KIND_PREFIXES:
		return ((const struct policy_set *)base)->prefix_texts.count;
	case KIND_TRANSLATED:
		return ((const struct prefixes *)field)->count;
	default:
		return ((const struct strings *)field)->count;
	}
}

static void countries_write(const struct countries *c, FILE *out)
{
	const char *before = "";
	char text[3];
	int i;

	for (i = 0; i < SLUICE_COUNTRIES; i++) {
		if (!countries_have(c, i))
			continue;
		fprintf(out, "%s%s", before, country_text(i, text));
		before = ", ";
	}
}

static void published_write(const struct publish *p, FILE *out)
{
	fprintf(out, "\"%u", p->host);
	if (p->inside != p->host)
		fprintf(out, ":%u", p->inside);
	fputc('"', out);
}

static void element_write(const struct setting *s, const void *base, size_t i, FILE *out)
{
	const void *field = (const char *)base + s->offset;
	char text[ADDR_TEXT_LEN];

	switch (s->kind) {
	case KIND_PORTS:
		fprintf(out, "%u", ((const struct policy_service *)base)->ports[i]);
		break;
	case KIND_PUBLISHED:
		published_write(&((const struct policy_container *)base)->ports[i], out);
		break;
	case KIND_ADDRESSES:
		fputs(addr_format(&((const struct addresses *)field)->item[i], text), out);
		break;
	case KIND_NETWORKS:
		fprintf(out, "%u", ((const struct numbers *)field)->item[i]);
		break;
	case KIND_TRANSLATED:
		fprintf(out, "\"%s\"", prefix_format(&((const struct prefixes *)field)->item[i], text));
		break;
	case KIND_PREFIXES:
		fprintf(out, "\"%s\"", ((const struct policy_set *)base)->prefix_texts.item[i]);
		break;
	default:
		quoted_write(((const struct strings *)field)->item[i], out);
	}
}

void list_write(const struct setting *s, const void *base, FILE *out)
{
	size_t n = list_count(s, base), i;

	fprintf(out, "%s = {", s->key);
	if (s->kind == KIND_COUNTRIES) {
		countries_write((const void *)((const char *)base + s->offset), out);
	} else {
		for (i = 0; i < n; i++) {
			fputs(i ? ", " : "", out);
			element_write(s, base, i, out);
		}
	}
	fputc('}', out);
}
