/* SPDX-License-Identifier: BSD-2-Clause */
/* libFuzzer's target for policies: a file is refused with a message, or accepted, and then its dump is accepted and is the same policy. */
#include <string.h>

#include "diag.h"
#include "dump.h"
#include "file.h"
#include "parse.h"
#include "plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Returns a policy that has read Debian's databases of countries, for all policies that name a country and no database: reading them once is
 * slow enough. NULL if they are not installed.
 */
static const struct policy *databases(void)
{
	static const char text[] = "interfaces = {lo}\nservice a { ports = {1} deny-countries = {DE} }\n";
	static struct policy *p;
	static bool tried;
	struct diag d = {};

	if (!tried)
		policy_parse_file(file_of((const uint8_t *)text, sizeof(text) - 1), NULL, &p, &d);
	tried = true;
	diag_free(&d);
	return p;
}

static struct policy *again(const struct policy *p)
{
	struct policy *q = NULL;
	struct diag d = {};
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out || policy_dump(p, out) || fclose(out))
		abort();
	if (policy_parse_file(file_of((const uint8_t *)text, len), databases(), &q, &d)) {
		fprintf(stderr, "dumped, and then refused: %s\n%s", diag_text(&d), text);
		abort();
	}
	diag_free(&d);
	free(text);
	return q;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct policy *now = databases();
	struct policy *p = NULL, *q;
	struct plan *plan = NULL;
	struct diag d = {};

	if (memmem(data, size, "include", 7)) /* it must not read another file of this host */
		return -1;
	if (policy_parse_file(file_of(data, size), now, &p, &d)) {
		if (p || !d.count)
			abort();
	} else {
		q = again(p);
		if (plan_diff(p, q, &plan) || plan->added || plan->changed || plan->removed)
			abort();
		plan_free(plan);
		policy_free(q);
	}
	policy_free(p);
	diag_free(&d);
	file_done();
	return 0;
}
