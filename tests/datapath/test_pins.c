/* SPDX-License-Identifier: BSD-2-Clause */
/* What somebody finds who reads the pins while no daemon answers. A daemon may have been killed at any moment of its start. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../policy_text.h"
#include "engine.h"

/* Opens the pins as sluicectl does. Returns 0 or -errno. */
static int pins_read(const char *instance, struct diag *d)
{
	struct engine *e = NULL;
	int err = engine_open_readonly(instance, &e, d);

	engine_close(e);
	return err;
}

static void test_an_instance_is_not_shown_as_one_without_services_before_its_first_policy_is_in_force(void **state)
{
	struct policy *p = policy_of("interfaces = {lo}\nservice smtp { ports = {25} }\n");
	struct engine *e = NULL;
	struct diag d = {};
	char instance[32];
	bool resumed;

	(void)state;
	snprintf(instance, sizeof(instance), "pins%d", getpid());
	assert_int_equal(engine_open(instance, p, &e, &resumed, &d), 0);
	assert_int_equal(pins_read(instance, &d), -ENODATA);
	assert_non_null(strstr(d.item[0].text, "has no policy yet"));
	assert_int_equal(engine_commit(e, p, &d), 0);
	assert_int_equal(pins_read(instance, &d), 0);
	engine_close(e);
	assert_int_equal(engine_unload(instance, &d), 0);
	assert_int_equal(pins_read(instance, &d), -ENOENT);
	diag_free(&d);
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_an_instance_is_not_shown_as_one_without_services_before_its_first_policy_is_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
