/* SPDX-License-Identifier: BSD-2-Clause */
/* Hashes of the limits that hold over a fleet: see fleet_digest.h. */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "fleet_digest.h"

static void hash(const __u64 secret[2], const void *bytes, size_t len, char out[static FLEET_DIGEST_DIGITS])
{
	unsigned char sum[crypto_shorthash_BYTES];

	crypto_shorthash(sum, bytes, len, (const unsigned char *)secret);
	sodium_bin2hex(out, FLEET_DIGEST_DIGITS, sum, sizeof(sum));
}

static int item_add(struct fleet_digest *d, const __u64 secret[2], const char *what, const char *name,
		    const struct limits *l, const struct aggregates *a, uint32_t exact)
{
	const uint32_t said[] = {
		l->max_connections,
		l->max_connections_per_source.value,
		l->max_connections_per_source.percent,
		l->max_connections_per_source.given,
		l->max_connections_per_network.value,
		l->max_connections_per_network.percent,
		l->max_connections_per_network.given,
		l->max_rate.count,
		l->max_rate.seconds,
		l->max_rate_per_source.count,
		l->max_rate_per_source.seconds,
		l->max_rate_per_source.given,
		l->max_rate_per_network.count,
		l->max_rate_per_network.seconds,
		l->max_rate_per_network.given,
		a->ipv4_prefix,
		a->ipv6_prefix,
		a->ipv4_network,
		a->ipv6_network,
		exact,
	};
	struct fleet_digest_item *i = LIST_ADD(d);

	if (!i)
		return -1;
	snprintf(i->name, sizeof(i->name), "%s %s", what, name);
	hash(secret, i->name, strlen(i->name), i->key);
	hash(secret, said, sizeof(said), i->value);
	return 0;
}

static int items_add(struct fleet_digest *d, const struct policy *p, const __u64 secret[2])
{
	struct aggregates a = policy_aggregates(p, NULL);
	int err = 0;
	size_t i;

	for (i = 0; i < p->services.count && !err; i++) {
		const struct policy_service *s = &p->services.item[i];

		if (s->fleet)
			err = item_add(d, secret, "service", s->name, &s->limits, &a, s->exact);
	}
	for (i = 0; i < p->sets.count && !err; i++) {
		const struct policy_set *s = &p->sets.item[i];

		a = policy_aggregates(p, s);
		if (s->fleet && s->enabled)
			err = item_add(d, secret, "source-set", s->name, &s->limits, &a, 0);
	}
	return err;
}

char *fleet_digest_make(struct fleet_digest *d, const struct policy *p, const __u64 secret[2])
{
	char *text = NULL;
	size_t size, i;
	FILE *out;

	fleet_digest_free(d);
	out = items_add(d, p, secret) ? NULL : open_memstream(&text, &size);
	if (!out)
		return NULL;
	for (i = 0; i < d->count; i++)
		fprintf(out, "%s%s=%s", i ? " " : "", d->item[i].key, d->item[i].value);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

const char *fleet_digest_name(const struct fleet_digest *d, const char *key)
{
	size_t i;

	for (i = 0; i < d->count; i++) {
		if (!strcmp(d->item[i].key, key))
			return d->item[i].name;
	}
	return NULL;
}

void fleet_digest_free(struct fleet_digest *d)
{
	free(d->item);
	*d = (struct fleet_digest){};
}
