/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests the table of what the hosts of a fleet have said (userspace/daemon/fleet_base/fleet_shared.c): what it has room for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fleet_shared.h"
#include "own.h"

void owns_free(struct owns *o)
{
	(void)o;
}

static struct shared *say(struct fleet_shared *s, enum fleet_word_kind kind, uint64_t number)
{
	const struct fleet_word w = { .kind = kind };
	struct fleet_record record = {};

	memcpy(record.id, &number, sizeof(number));
	return shared_put(s, &w, &record);
}

static void test_neither_bans_nor_erasures_take_the_room_of_the_others_in_whatever_order_they_come(void **state)
{
	static const struct fleet_record_keys keys;
	struct fleet_shared s;
	uint64_t n;
	int first;

	(void)state;
	for (first = 0; first < 2; first++) {
		s = (struct fleet_shared){ .bans = true };
		assert_int_equal(shared_open(&s, &keys), 0);
		for (n = 0; first && n < FLEET_ERASURES_MAX; n++)
			assert_non_null(say(&s, FLEET_WORD_ERASE, FLEET_SHARED_MAX + n));
		for (n = 0; n < FLEET_SHARED_MAX; n++)
			assert_non_null(say(&s, FLEET_WORD_BAN, n));
		for (n = 0; !first && n < FLEET_ERASURES_MAX; n++)
			assert_non_null(say(&s, FLEET_WORD_ERASE, FLEET_SHARED_MAX + n));
		assert_null(say(&s, FLEET_WORD_BAN, UINT64_MAX));
		assert_null(say(&s, FLEET_WORD_ALLOW, UINT64_MAX));
		assert_null(say(&s, FLEET_WORD_ERASE, UINT64_MAX));
		assert_non_null(say(&s, FLEET_WORD_BAN, 7));
		shared_drop(&s, LIST_FIRST(&s.all));
		assert_int_equal(s.count, FLEET_SHARED_MAX + FLEET_ERASURES_MAX - 1);
		assert_non_null(say(&s, first ? FLEET_WORD_BAN : FLEET_WORD_ERASE, UINT64_MAX));
		assert_null(say(&s, first ? FLEET_WORD_ERASE : FLEET_WORD_BAN, UINT64_MAX - 1));
		shared_close(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_neither_bans_nor_erasures_take_the_room_of_the_others_in_whatever_order_they_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
