/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer's target for imports: a configuration of another program; the first byte says of which. It is refused, or becomes a policy that
 * the policy's own reader accepts, if it has a service at all.
 */
#include <errno.h>
#include <string.h>

#include "file.h"
#include "import.h"
#include "parse.h"
#include "text_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *written(const struct import *m, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	if (!out)
		abort();
	import_write(m, "eth0", out);
	if (fclose(out))
		abort();
	return text;
}

/* import_file() refuses everything else. */
static bool is_text(const uint8_t *data, size_t size)
{
	struct diag d = {};
	int err = text_check("fuzz", (const char *)data, size, false, &d);

	diag_free(&d);
	return !err;
}

static void policy_check_text(const char *text, size_t size)
{
	struct policy *p = NULL;
	struct diag d = {};

	/* a policy with countries would read the databases each time */
	if (strstr(text, "\ninterfaces = ") && !strstr(text, "countries = ") &&
	    policy_parse_file(file_of((const uint8_t *)text, size), NULL, &p, &d)) {
		fputs(d.count ? d.item[0].text : "", stderr);
		abort();
	}
	if (p)
		policy_free(p);
	diag_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct import m = {};
	char *text, *policy;
	size_t length;
	int err;

	if (!size || !is_text(data + 1, size - 1))
		return 0;
	m.format = &import_formats[*data % import_formats_count];
	text = strndup((const char *)data + 1, size - 1);
	import_text(&m, *data & 0x80 ? "/etc/csf/csf.deny" : "fuzz.conf", text);
	free(text);
	err = import_run(&m);
	if (!err) {
		policy = written(&m, &length);
		policy_check_text(policy, length);
		free(policy);
	} else if (err != -ENOENT && err != -E2BIG) {
		abort();
	}
	import_free(&m);
	file_done();
	return 0;
}
