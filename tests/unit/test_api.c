/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests userspace/api: sluicectl and sluiced can work with the list of verbs, and requests are checked against it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api.h"

#define EACH_PARAM(p, v) for ((p) = (v)->params; (p)->place != API_END; (p)++)

static void a_synopsis_shows_alternatives_and_what_goes_with_an_option(void **state)
{
	char text[API_SYNOPSIS_LEN];

	(void)state;
	assert_string_equal(api_synopsis(api_find("status"), text), "");
	assert_string_equal(api_synopsis(api_find("explain"), text), "ADDRESS|PREFIX --service S [--port N]");
	assert_string_equal(api_synopsis(api_find("unban"), text),
			    "ADDRESS|PREFIX|--file FILE|--all [--by OWNER] [--all-owners]");
	assert_non_null(strstr(api_synopsis(api_find("ban"), text), " [--force] [--local] [--kill [--dry-run]]"));
}

/* This must be so because sluicectl reads all options before it knows the command. */
static void an_option_takes_a_value_at_every_verb_or_at_none(void **state)
{
	const struct api_param *p, *q;
	size_t i, j;

	(void)state;
	for (i = 0; i < api_verbs_count; i++) {
		EACH_PARAM(p, &api_verbs[i])
		{
			for (j = 0; j < api_verbs_count && p->place == API_OPTION; j++) {
				q = api_option(&api_verbs[j], p->name);
				assert_true(!q || (q->type == API_FLAG) == (p->type == API_FLAG));
			}
		}
	}
}

static void no_two_verbs_and_no_two_arguments_of_a_verb_have_the_same_name(void **state)
{
	const struct api_param *p, *q;
	size_t i;

	(void)state;
	for (i = 0; i < api_verbs_count; i++) {
		assert_ptr_equal(api_find(api_verbs[i].name), &api_verbs[i]);
		EACH_PARAM(p, &api_verbs[i])
		{
			for (q = api_verbs[i].params; q < p; q++)
				assert_true(!*p->arg || strcmp(p->arg, q->arg));
		}
	}
}

/* Returns the message about the request, or "" if it is good. */
static const char *said(const char *verb, const char *request)
{
	static char text[256];
	json_t *args = json_loads(request, JSON_DECODE_ANY, NULL);
	_cleanup_diag_ struct diag d = {};
	int err = api_check(api_find(verb), args, &d);

	assert_int_equal(!err, !d.count);
	snprintf(text, sizeof(text), "%s", err ? d.item[0].text : "");
	json_decref(args);
	return text;
}

static void a_refusal_of_a_request_names_what_is_wrong(void **state)
{
	(void)state;
	assert_string_equal(said("ban", "{\"prefix\": \"192.0.2.1\", \"kill\": true}"), "");
	assert_string_equal(said("status", "{}"), "");
	assert_string_equal(said("status", "[]"), "args is not a JSON object");
	assert_string_equal(said("status", "{\"\": 1}"), "there is no argument ''");
	assert_string_equal(said("bans", "{\"bye\": \"x\"}"), "there is no argument 'bye': did you mean 'by'?");
	assert_string_equal(said("ban", "{\"kill\": 1}"), "kill: this takes true or false");
	assert_string_equal(said("explain", "{\"port\": 0}"), "port: this takes a whole number from 1 to 65535");
	assert_string_equal(said("explain", "{\"port\": 1.5}"), "port: this takes a whole number from 1 to 65535");
	assert_string_equal(said("ban", "{\"for\": 3600}"), "for: this takes a text of at most 63 bytes");
}

static void only_some_requests_name_a_file(void **state)
{
	json_t *path = json_pack("{s:s}", "path", "/etc/passwd"), *none = json_object();

	(void)state;
	assert_true(api_names_a_file(api_find("diff"), path));
	assert_false(api_names_a_file(api_find("diff"), none));
	assert_false(api_names_a_file(api_find("status"), path));
	json_decref(path);
	json_decref(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_synopsis_shows_alternatives_and_what_goes_with_an_option),
		cmocka_unit_test(an_option_takes_a_value_at_every_verb_or_at_none),
		cmocka_unit_test(no_two_verbs_and_no_two_arguments_of_a_verb_have_the_same_name),
		cmocka_unit_test(a_refusal_of_a_request_names_what_is_wrong),
		cmocka_unit_test(only_some_requests_name_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
