/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes random policies over a few addresses, countries and networks, and judges addresses by them, slowly and without code of the
 * compiler. test_classify.c and tests/fuzz/fuzz_core.c include it.
 */
#ifndef SLUICE_TESTS_UNIT_JUDGE_H
#define SLUICE_TESTS_UNIT_JUDGE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"

/* The source of chance: bytes first, a generator afterwards. */
struct dice {
	const uint8_t *bytes;
	size_t left;
	unsigned int seed;
};

static unsigned int roll(struct dice *d, unsigned int sides)
{
	if (!d->left)
		return (unsigned int)rand_r(&d->seed) % sides;
	d->left--;
	return *d->bytes++ % sides;
}

#define PICK(d, list) list[roll(d, sizeof(list) / sizeof(*list))]

/* The databases of test policies have the countries and networks of 10.<a>.<b>.0/24 and 2001:db8:<a>:<b>::/64. */
static const char *const judge_countries[] = { "DE", "FR", "CN", NULL };
static const unsigned int judge_networks[] = { 64496, 64497, 4200000000U, 0 };

static unsigned int judge_place(const struct sluice_addr *a)
{
	const uint8_t *byte = (const uint8_t *)a;

	return addr_is_ipv4(a) ? byte[13] + byte[14] : byte[5] + byte[7];
}

static bool judge_known(const struct sluice_addr *a)
{
	const uint8_t *byte = (const uint8_t *)a;

	return addr_is_ipv4(a) ? byte[12] == 10 && byte[13] < 4 && byte[14] < 8
			       : byte[0] == 0x20 && byte[5] < 4 && byte[7] < 8 && !byte[4] && !byte[6];
}

static const char *judge_country(const struct sluice_addr *a)
{
	const char *country = judge_known(a) ? judge_countries[judge_place(a) % 4] : NULL;

	return country ? country : "ZZ";
}

static unsigned int judge_network(const struct sluice_addr *a)
{
	return judge_known(a) ? judge_networks[judge_place(a) / 2 % 4] : 0;
}

/* Writes both databases, in the form of the start-end CSV. */
static void judge_databases(FILE *countries, FILE *networks)
{
	unsigned int a, b;

	for (a = 0; a < 4; a++) {
		for (b = 0; b < 8; b++) {
			const char *country = judge_countries[(a + b) % 4];
			unsigned int network = judge_networks[(a + b) / 2 % 4];

			fprintf(countries, "10.%u.%u.0,10.%u.%u.255,%s\n", a, b, a, b, country ? country : "??");
			fprintf(countries, "2001:db8:%x:%x::/64,%s\n", a, b, country ? country : "-");
			fprintf(networks, "10.%u.%u.0/24,%u,\"a network\"\n", a, b, network);
			fprintf(networks, "2001:db8:%x:%x::,2001:db8:%x:%x:ffff:ffff:ffff:ffff,AS%u\n", a, b, a, b,
				network);
		}
	}
}

static void judge_address(struct dice *d, struct sluice_addr *out)
{
	char text[64];

	if (roll(d, 3))
		snprintf(text, sizeof(text), "10.%u.%u.%u", roll(d, 5), roll(d, 9), roll(d, 4));
	else
		snprintf(text, sizeof(text), "2001:db8:%x:%x::%x", roll(d, 5), roll(d, 9), roll(d, 4));
	addr_parse(text, out);
}

static void judge_prefix(struct dice *d, char *out)
{
	static const unsigned int lengths4[] = { 0, 8, 14, 15, 16, 22, 23, 24, 30, 31, 32 };
	static const unsigned int lengths6[] = { 0, 29, 32, 47, 48, 63, 64, 126, 128 };
	struct sluice_addr a;
	struct prefix p;

	judge_address(d, &a);
	p.len = addr_is_ipv4(&a) ? 96 + PICK(d, lengths4) : PICK(d, lengths6);
	p.addr = addr_mask(&a, p.len);
	prefix_format(&p, out);
}

static size_t judge_set(struct dice *d, char *out, size_t size, int number)
{
	static const char *const what[] = { "action = allow", "action = deny", "max-connections-per-source = 3",
					    "max-rate = 9/1m max-connections = 40" };
	static const char *const where[] = { "", "services = {smtp}", "services = {imap}", "enabled = no" };
	static const char *const countries[] = { "countries = {DE}", "countries = {CN, ZZ}",
						 "asns = {64496, AS4200000000}", "asns = {64497} countries = {FR}" };
	char a[ADDR_TEXT_LEN], b[ADDR_TEXT_LEN];
	size_t n;

	n = snprintf(out, size, "source-set s%d { ", number);
	if (roll(d, 3)) {
		judge_prefix(d, a);
		judge_prefix(d, b);
		n += snprintf(out + n, size - n, "prefixes = {\"%s\", \"%s\"} ", a, b);
	}
	if (!roll(d, 3) || !strstr(out, "prefixes"))
		n += snprintf(out + n, size - n, "%s ", PICK(d, countries));
	return n + snprintf(out + n, size - n, "%s %s priority = %u }\n", PICK(d, what), PICK(d, where), roll(d, 3));
}

/* Makes a policy that names the two databases. */
static void judge_policy(struct dice *d, const char *countries, const char *networks, char *out, size_t size)
{
	static const char *const abroad[] = { "", "", "deny-countries = {CN, ZZ}", "allow-countries = {DE, FR}" };
	unsigned int sets = roll(d, 12), i;
	size_t n;

	n = snprintf(out, size,
		     "interfaces = {eth0}\ngeoip { database = {\"%s\", \"%s\"} allow-private = %s }\n"
		     "service smtp { ports = {25} max-connections-per-source = 7 %s }\n"
		     "service imap { ports = {143} %s }\n",
		     countries, networks, roll(d, 2) ? "true" : "false", PICK(d, abroad), PICK(d, abroad));
	for (i = 0; i < sets; i++)
		n += judge_set(d, out + n, size - n, i);
}

/* Returns how closely the set names the address: -1 not at all, 0 by country, 1 by network, 2 + length by prefix. */
static int judge_closeness(const struct policy_set *s, const struct sluice_addr *a)
{
	uint16_t country;
	int best = -1;
	size_t i;

	country_parse(judge_country(a), &country);
	if (countries_have(&s->countries, country))
		best = 0;
	for (i = 0; i < s->asns.count; i++) {
		if (s->asns.item[i] == judge_network(a))
			best = 1;
	}
	for (i = 0; i < s->prefixes.count; i++) {
		struct sluice_addr cut = addr_mask(a, s->prefixes.item[i].len);

		if (!memcmp(&cut, &s->prefixes.item[i].addr, sizeof(cut)) && 2 + (int)s->prefixes.item[i].len > best)
			best = 2 + s->prefixes.item[i].len;
	}
	return best;
}

static bool judge_private(const struct sluice_addr *a)
{
	static const char *const blocks[] = { "10.0.0.0/8",  "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
					      "127.0.0.0/8", "fc00::/7",      "fe80::/10",	"::1" };
	struct prefix p;
	const char *why;
	size_t i;

	for (i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
		if (!prefix_parse(blocks[i], &p, &why) && prefix_holds(&p, a))
			return true;
	}
	return false;
}

/* Returns the set that decides, by the documented rules; NULL if there is none. */
static const struct policy_set *judge_winner(const struct policy *p, const struct sluice_addr *a, const char *service)
{
	static const int rank[] = { [SLUICE_ACTION_ALLOW] = 0, [SLUICE_ACTION_DENY] = 1, [SLUICE_ACTION_LIMIT] = 2 };
	const struct policy_set *best = NULL, *s;
	long order, least = 0;
	int close;

	for (s = p->sets.item; s < p->sets.item + p->sets.count; s++) {
		close = judge_closeness(s, a);
		if (!s->enabled || close < 0 || (s->services.count && strcmp(s->services.item[0], service)))
			continue;
		order = ((long)s->priority * 3 + rank[s->action]) * 1000 - close;
		if (!best || order < least) {
			best = s;
			least = order;
		}
	}
	return best;
}

/* Returns the closest sender at the service, and of two with the same prefix the one that names the service; NULL if there is none. */
static const struct policy_sender *judge_sender(const struct policy *p, const struct sluice_addr *a,
						const char *service)
{
	const struct policy_sender *s, *best = NULL;
	struct sluice_addr cut;

	for (s = p->senders.item; s < p->senders.item + p->senders.count; s++) {
		cut = addr_mask(a, s->prefix.len);
		if (memcmp(&cut, &s->prefix.addr, sizeof(cut)) || (*s->service && strcmp(s->service, service)))
			continue;
		if (!best || s->prefix.len > best->prefix.len || (s->prefix.len == best->prefix.len && *s->service))
			best = s;
	}
	return best;
}

/* Returns NULL if the rule is what the policy says, otherwise what is wrong with it. */
static const char *judge_rule(const struct policy *p, const struct sluice_addr *a, const char *service,
			      const struct sluice_rule *rule)
{
	const struct policy_service *s = policy_service_find(p, service);
	const struct policy_set *set = judge_winner(p, a, service);
	uint32_t most = s->limits.max_connections_per_source.value;
	enum sluice_action action = set ? set->action : SLUICE_ACTION_LIMIT;
	uint16_t country;

	country_parse(judge_country(a), &country);
	if (action == SLUICE_ACTION_LIMIT &&
	    (countries_have(&s->deny_countries, country) ||
	     (s->allow_countries.count && !countries_have(&s->allow_countries, country) &&
	      (country || !p->allow_private || !judge_private(a)))))
		action = SLUICE_ACTION_COUNTRY;
	if (rule->action != action)
		return "action";
	if (set && set->limits.max_connections_per_source.given)
		most = set->limits.max_connections_per_source.value;
	if (judge_sender(p, a, service))
		most = judge_sender(p, a, service)->limits.max_connections_per_source.value;
	if (rule->source.connections != most)
		return "connections of a source";
	if (rule->set.connections != (set ? set->limits.max_connections : 0) ||
	    rule->set.rate != (set ? set->limits.max_rate.count : 0) || !rule->set_total != !rule->set.connections)
		return "limits of the set";
	return NULL;
}

#endif
