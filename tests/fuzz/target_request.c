/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer's target for requests: a line on the control socket is read by jansson, and its words by core, as the daemon's verbs pass them
 * on. A setting is refused with a message, or accepted and then dumped. (tests/e2e/test_rights.py mutates requests to a running daemon.)
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "defaults.h"
#include "dump.h"
#include "instance.h"
#include "scope.h"
#include "parse.h"
#include "section.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *word(const json_t *args, const char *name)
{
	const char *text = json_string_value(json_object_get(args, name));

	return text ? text : "";
}

static struct policy *base_new(void)
{
	const struct place nowhere = {};
	struct policy *p = policy_new();

	if (!p || !section_open(p, SECTION_SERVICE, "smtp", &nowhere))
		abort();
	p->services.item->ports[0] = 25;
	p->services.item->ports_count = 1;
	return p;
}

static void setting(const json_t *args)
{
	const struct scope where = scope_of_service(word(args, "service"));
	struct policy *p = base_new();
	struct diag d = {};
	char *text = NULL;
	size_t len;
	FILE *out;

	if (policy_set_value(p, &where, word(args, "key"), word(args, "value"), &d) && !d.count)
		abort();
	out = open_memstream(&text, &len);
	if (!out || policy_dump(p, out) || fclose(out))
		abort();
	free(text);
	policy_free(p);
	diag_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *request = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL), *args;
	struct sluice_addr a;
	struct prefix p;
	const char *why = NULL;
	uint32_t seconds;

	args = json_object_get(request, "args");
	if (prefix_parse(word(args, "prefix"), &p, &why) && !why)
		abort();
	addr_parse(word(args, "address"), &a);
	seconds_parse(word(args, "for"), &seconds);
	instance_is_good(word(args, "service"));
	if (json_is_object(request))
		setting(args);
	json_decref(request);
	return 0;
}
