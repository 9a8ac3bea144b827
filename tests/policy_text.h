/* SPDX-License-Identifier: BSD-2-Clause */
/* A policy from a string, for cmocka tests: included after cmocka.h. */
#ifndef SLUICE_TESTS_POLICY_TEXT_H
#define SLUICE_TESTS_POLICY_TEXT_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parse.h"

/* Ends the test, with what was wrong, where the text is no good policy. Freed with policy_free(). */
static inline struct policy *policy_of(const char *text)
{
	char path[] = "/tmp/sluice-policy-XXXXXX";
	struct policy *p = NULL;
	struct diag d = {};
	int fd = mkstemp(path), err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	err = policy_parse_file(path, NULL, &p, &d);
	unlink(path);
	if (err)
		fail_msg("%s\n%s", diag_text(&d), text);
	diag_free(&d);
	return p;
}

#endif
