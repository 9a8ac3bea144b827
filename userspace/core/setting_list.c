/* SPDX-License-Identifier: BSD-2-Clause */
/* The value of a key that is a list: from texts, and to text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "setting.h"
#include "value.h"

static void strings_clear(char ***list, size_t *count)
{
	size_t i;

	for (i = 0; i < *count; i++)
		free((*list)[i]);
	free(*list);
	*list = NULL;
	*count = 0;
}

/* Replaces a list by copies. */
static int strings_set(char ***list, size_t *count, const char *const *text, size_t n)
{
	char **copy = calloc(n + 1, sizeof(*copy));
	size_t done = 0;

	if (!copy)
		return -ENOMEM;
	while (done < n && (copy[done] = strdup(text[done])))
		done++;
	if (done < n) {
		strings_clear(&copy, &done);
		return -ENOMEM;
	}
	strings_clear(list, count);
	*list = copy;
	*count = n;
	return 0;
}

/* Countries are compared without case, by their own; prefixes and names may stand twice. */
static int repeated_refuse(const struct asked *a, const char *const *text, size_t n)
{
	static const char *const noun[] = {
		[KIND_INTERFACES] = "interface", [KIND_PORTS] = "port",	      [KIND_ADDRESSES] = "address",
		[KIND_PUBLISHED] = "port",	 [KIND_NETWORKS] = "network", [KIND_DATABASES] = "database"
	};
	size_t i, j;

	for (i = 0; noun[a->setting->kind] && i < n; i++) {
		for (j = 0; j < i; j++) {
			if (!strcmp(text[j], text[i]))
				return setting_refuse(a, "'%s' stands twice: name each %s once", text[i],
						      noun[a->setting->kind]);
		}
	}
	return 0;
}

static int interfaces_set(const struct asked *a, struct policy *p, const char *const *text, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!*text[i] || strlen(text[i]) > 15 || strpbrk(text[i], "/ \t"))
			return setting_refuse(a, "'%s' is no interface name: `ip link` lists them", text[i]);
	}
	return strings_set(&p->interfaces, &p->interfaces_count, text, n);
}

static int ports_set(const struct asked *a, struct policy_service *s, const char *const *text, size_t n)
{
	uint16_t ports[SLUICE_SERVICE_PORTS];
	uint32_t port;
	size_t i;

	if (n > SLUICE_SERVICE_PORTS)
		return setting_refuse(a, "more than %d ports: make two services of it", SLUICE_SERVICE_PORTS);
	for (i = 0; i < n; i++) {
		if (count_parse(text[i], 1, 65535, &port))
			return setting_refuse(a, "'%s' is no port: a number from 1 to 65535", text[i]);
		ports[i] = port;
	}
	memcpy(s->ports, ports, n * sizeof(*ports));
	s->ports_count = n;
	return 0;
}

static int addresses_set(const struct asked *a, struct addresses *out, const char *const *text, size_t n)
{
	_cleanup_free_ struct sluice_addr *list = calloc(n + 1, sizeof(*list));
	size_t i;

	if (!list)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		if (addr_parse(text[i], &list[i]))
			return setting_refuse(a, "'%s' is no address: write one, as 203.0.113.5", text[i]);
	}
	free(out->item);
	out->item = TAKE_PTR(list);
	out->count = n;
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

static int published_set(const struct asked *a, struct policy_container *c, const char *const *text, size_t n)
{
	struct publish ports[SLUICE_SERVICE_PORTS];
	size_t i, j;

	if (n > SLUICE_SERVICE_PORTS)
		return setting_refuse(a, "more than %d ports: make two containers of it", SLUICE_SERVICE_PORTS);
	for (i = 0; i < n; i++) {
		if (publish_parse(text[i], &ports[i]))
			return setting_refuse(
				a, "'%s' publishes nothing: write HOST or HOST:CONTAINER, as \"25\" or \"25:2525\"",
				text[i]);
		for (j = 0; j < i; j++) {
			if (ports[i].host == ports[j].host || ports[i].inside == ports[j].inside)
				return setting_refuse(
					a, "'%s' and '%s' have a port in common: each leads from one port to one port",
					text[j], text[i]);
		}
	}
	memcpy(c->ports, ports, n * sizeof(*ports));
	c->ports_count = n;
	return 0;
}

static int prefixes_set(const struct asked *a, struct policy_set *s, const char *const *text, size_t n)
{
	struct prefixes list = {};
	const char *why;
	int err = 0;
	size_t i;

	for (i = 0; i < n && !err; i++) {
		err = prefixes_parse(&list, text[i], &why);
		if (err && why)
			setting_refuse(a, "'%s' %s", text[i], why);
	}
	if (!err)
		err = strings_set(&s->prefix_texts, &s->prefix_texts_count, text, n);
	if (err) {
		prefixes_free(&list);
		return err;
	}
	prefixes_free(&s->prefixes);
	s->prefixes = list;
	return 0;
}

static int countries_set(const struct asked *a, struct countries *out, const char *const *text, size_t n)
{
	struct countries c = {};
	uint16_t country;
	size_t i;

	for (i = 0; i < n; i++) {
		if (country_parse(text[i], &country) || !country_exists(country))
			return setting_refuse(
				a, "'%s' is no country: write its two letters (ISO 3166-1), as DE, or ZZ for none",
				text[i]);
		if (countries_have(&c, country))
			return setting_refuse(a, "'%s' stands twice: name each country once", text[i]);
		countries_add(&c, country);
	}
	*out = c;
	return 0;
}

static int networks_set(const struct asked *a, struct numbers *out, const char *const *text, size_t n)
{
	_cleanup_free_ uint32_t *item = calloc(n + 1, sizeof(*item));
	size_t i;

	if (!item)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		if (count_parse(text[i] + (strncmp(text[i], "AS", 2) ? 0 : 2), 1, UINT32_MAX, &item[i]))
			return setting_refuse(a, "'%s' is no network: write its number, as 64496 or AS64496", text[i]);
	}
	free(out->item);
	out->item = TAKE_PTR(item);
	out->count = n;
	return 0;
}

static int databases_set(const struct asked *a, struct policy *p, const char *const *text, size_t n)
{
	char **path = calloc(n + 1, sizeof(*path));
	size_t done = 0;
	int err = path ? 0 : -ENOMEM;

	for (; done < n && !err; done += !err) {
		if (!*text[done])
			err = setting_refuse(a, "the name is empty: write the path of a database");
		else
			err = setting_path(a, text[done], &path[done]);
	}
	if (err) {
		strings_clear(&path, &done);
		return err;
	}
	strings_clear(&p->databases, &p->databases_count);
	p->databases = path;
	p->databases_count = n;
	return 0;
}

static int names_set(struct policy_set *s, const char *const *text, size_t n)
{
	return strings_set(&s->services, &s->services_count, text, n);
}

int list_set(const struct asked *a, void *base, const char *const *text, size_t n)
{
	void *field = (char *)base + a->setting->offset;
	int err = repeated_refuse(a, text, n);

	if (err)
		return err;
	switch (a->setting->kind) {
	case KIND_INTERFACES:
		return interfaces_set(a, base, text, n);
	case KIND_PORTS:
		return ports_set(a, base, text, n);
	case KIND_ADDRESSES:
		return addresses_set(a, field, text, n);
	case KIND_PUBLISHED:
		return published_set(a, base, text, n);
	case KIND_PREFIXES:
		return prefixes_set(a, base, text, n);
	case KIND_COUNTRIES:
		return countries_set(a, field, text, n);
	case KIND_NETWORKS:
		return networks_set(a, field, text, n);
	case KIND_DATABASES:
		return databases_set(a, base, text, n);
	default:
		return names_set(base, text, n);
	}
}

size_t list_count(const struct setting *s, const void *base)
{
	const void *field = (const char *)base + s->offset;
	const struct policy_service *service = base;
	const struct policy *policy = base;
	const struct policy_set *set = base;

	switch (s->kind) {
	case KIND_INTERFACES:
		return policy->interfaces_count;
	case KIND_PORTS:
		return service->ports_count;
	case KIND_ADDRESSES:
		return ((const struct addresses *)field)->count;
	case KIND_PUBLISHED:
		return ((const struct policy_container *)base)->ports_count;
	case KIND_PREFIXES:
		return set->prefix_texts_count;
	case KIND_COUNTRIES:
		return ((const struct countries *)field)->count;
	case KIND_NETWORKS:
		return ((const struct numbers *)field)->count;
	case KIND_DATABASES:
		return policy->databases_count;
	default:
		return set->services_count;
	}
}

static void strings_write(char *const *text, size_t n, FILE *out)
{
	size_t i;

	for (i = 0; i < n; i++)
		fprintf(out, "%s\"%s\"", i ? ", " : "", text[i]);
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

static void published_write(const struct policy_container *c, size_t n, FILE *out)
{
	size_t i;

	for (i = 0; i < n; i++) {
		fprintf(out, "%s\"%u", i ? ", " : "", c->ports[i].host);
		if (c->ports[i].inside != c->ports[i].host)
			fprintf(out, ":%u", c->ports[i].inside);
		fputc('"', out);
	}
}

static void numbers_write(const struct setting *s, const void *base, size_t n, FILE *out)
{
	const struct policy_service *service = base;
	const void *field = (const char *)base + s->offset;
	const struct addresses *addresses = field;
	const struct numbers *numbers = field;
	char text[ADDR_TEXT_LEN];
	size_t i;

	for (i = 0; i < n; i++) {
		fputs(i ? ", " : "", out);
		if (s->kind == KIND_PORTS)
			fprintf(out, "%u", service->ports[i]);
		else if (s->kind == KIND_ADDRESSES)
			fputs(addr_format(&addresses->item[i], text), out);
		else
			fprintf(out, "%u", numbers->item[i]);
	}
}

void list_write(const struct setting *s, const void *base, FILE *out)
{
	const struct policy *policy = base;
	const struct policy_set *set = base;
	size_t n = list_count(s, base);

	fprintf(out, "%s = {", s->key);
	if (s->kind == KIND_INTERFACES)
		strings_write(policy->interfaces, n, out);
	else if (s->kind == KIND_DATABASES)
		strings_write(policy->databases, n, out);
	else if (s->kind == KIND_PREFIXES)
		strings_write(set->prefix_texts, n, out);
	else if (s->kind == KIND_SERVICES)
		strings_write(set->services, n, out);
	else if (s->kind == KIND_PUBLISHED)
		published_write(base, n, out);
	else if (s->kind == KIND_COUNTRIES)
		countries_write((const void *)((const char *)base + s->offset), out);
	else
		numbers_write(s, base, n, out);
	fputc('}', out);
}
