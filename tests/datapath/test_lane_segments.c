/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The express lane lets segments of connections pass, and remembers nothing of them: whatever takes a right from a source, or has segments judged,
 * holds for the very next one. Each segment is sent plain, as the lane takes it, and with a VLAN tag, which only the order reads.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "../policy_text.h"
#include "bans.h"
#include "gate.h"
#include "internal.h"
#include "reason.h"
#include "space.h"

#define SERVICES \
	"interfaces = {lo}\nservice smtp { ports = {25} max-connections-per-source = 1 }\nservice imap { ports = {143} }\n"
#define FOES SERVICES "source-set foes { prefixes = {192.0.2.0/24, 2001:db8::/48} action = deny }\n"
#define SAMPLE 128 /* STRAY_SAMPLE of bpf/cookie/pressure.bpf.h: in calm times one in so many segments is judged */

static const char *const families[][2] = { { "192.0.2.1", "127.0.0.1" }, { "2001:db8::1", "::1" } };

static int open_gate(void **state)
{
	const uint16_t port = 25;
	struct gate *g = calloc(1, sizeof(*g));

	assert_int_equal(netns_enter_one(&port, 1), 0);
	gate_open(g, SERVICES);
	*state = g;
	return 0;
}

static int close_gate(void **state)
{
	gate_close(*state);
	free(*state);
	return 0;
}

static void segment_is(struct gate *g, const char *const *family, uint16_t port, enum sluice_reason expected)
{
	struct frame f = { family[0], family[1], 2000, port, .flags = ACK };
	enum sluice_reason why;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		f.vlan_tags = i / 2;
		f.flags = i % 2 ? ACK | FIN : ACK;
		gate_send(g, &f, &why);
		if (why != expected)
			fail_msg("%s, segment %u: %s", family[0], i, reason_label(why));
	}
}

static void test_a_change_of_a_sources_right_holds_for_the_next_segment(void **state)
{
	struct gate *g = *state;
	struct prefix who;
	const char *why;
	size_t i;

	for (i = 0; i < 2; i++) {
		gate_apply(g, SERVICES);
		assert_int_equal(prefix_parse(families[i][0], &who, &why), 0);
		segment_is(g, families[i], 25, SLUICE_ESTABLISHED);
		assert_int_equal(live_set(g->engine, LIVE_BAN, &who, 0, 0, NULL), 0);
		segment_is(g, families[i], 25, SLUICE_BANNED);
		assert_int_equal(live_set(g->engine, LIVE_ALLOW, &who, 0, 0, NULL), 0);
		segment_is(g, families[i], 25, SLUICE_ALLOWED);
		assert_int_equal(live_clear(g->engine, LIVE_ALLOW, &who), 0);
		assert_int_equal(live_clear(g->engine, LIVE_BAN, &who), 0);
		segment_is(g, families[i], 25, SLUICE_ESTABLISHED);
		gate_apply(g, FOES);
		segment_is(g, families[i], 25, SLUICE_DENIED);
		gate_apply(g, FOES "mode = observe\n");
		segment_is(g, families[i], 25, SLUICE_OBSERVE);
	}
}

static void test_a_policy_on_trial_and_its_revert_hold_for_the_next_segment(void **state)
{
	struct gate *g = *state;
	struct policy *p = policy_of(FOES);
	struct diag d = {};

	segment_is(g, families[0], 25, SLUICE_ESTABLISHED);
	assert_int_equal(engine_try(g->engine, p, 60000, &d), 0);
	segment_is(g, families[0], 25, SLUICE_DENIED);
	assert_int_equal(engine_revert(g->engine, &d), 0);
	segment_is(g, families[0], 25, SLUICE_ESTABLISHED);
	assert_int_equal(engine_try(g->engine, p, 1, &d), 0);
	usleep(2000); /* the previous policy is back by itself, and nobody has noted that */
	segment_is(g, families[0], 25, SLUICE_ESTABLISHED);
	assert_int_equal(engine_revert(g->engine, &d), 0);
	assert_int_equal(engine_stand_open_in(g->engine, 0), 0);
	segment_is(g, families[0], 25, SLUICE_STOPPED);
	assert_int_equal(engine_stand_guard(g->engine), 0);
	segment_is(g, families[0], 25, SLUICE_ESTABLISHED);
	policy_free(p);
	diag_free(&d);
}

static struct sluice_guard guard_read(struct gate *g, __u32 port)
{
	struct sluice_guard guard;

	assert_int_equal(bpf_map_lookup_elem(g->engine->map[MAP_guards], &port, &guard), 0);
	return guard;
}

static void guard_write(struct gate *g, __u32 port, __u64 watch, __u64 cookies)
{
	const struct sluice_guard guard = { .watch_until_ns = watch, .cookies_until_ns = cookies, .since_ns = 1 };

	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_guards], &port, &guard, BPF_ANY), 0);
}

static void test_a_guard_has_segments_judged_and_is_forgotten_when_it_is_over(void **state)
{
	const __u64 ever = 1ULL << 62;
	struct gate *g = *state;

	guard_write(g, 25, 0, ever);
	segment_is(g, families[1], 25, SLUICE_OUT_OF_STATE);
	segment_is(g, families[1], 143, SLUICE_ESTABLISHED);
	assert_int_equal(guard_read(g, 25).cookies_until_ns, ever);
	guard_write(g, 25, 1, 1);
	segment_is(g, families[1], 25, SLUICE_ESTABLISHED);
	assert_int_equal(guard_read(g, 25).watch_until_ns, 0);
	assert_int_equal(guard_read(g, 25).cookies_until_ns, 0);
	guard_write(g, 25, 1, ever);
	segment_is(g, families[1], 25, SLUICE_OUT_OF_STATE);
	assert_int_equal(guard_read(g, 25).cookies_until_ns, ever);
}

static void test_all_segments_of_a_flood_are_judged_and_otherwise_a_sample(void **state)
{
	const struct frame f = { families[0][0], families[0][1], 2000, 25, .flags = ACK };
	struct sluice_pressure p = {};
	enum sluice_reason why;
	struct gate *g = *state;
	__u32 smtp = 0, strays = 0, i;
	char name[SLUICE_NAME_LEN] = "";

	while (strcmp(name, "smtp") != 0)
		service_name_read(g->engine, ++smtp, name);
	assert_int_equal(bpf_map_lookup_elem(g->engine->map[MAP_pressures], &smtp, &p), 0);
	p.completed = 1;
	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_pressures], &smtp, &p, BPF_ANY), 0);
	for (i = 0; i < 4 * SAMPLE; i++) {
		gate_send(g, &f, &why);
		strays += why == SLUICE_OUT_OF_STATE;
	}
	assert_in_range(strays, 2, 6); /* each processor counts for itself */
	p.ack_flood = 1;
	p.ack_flood_until_ns = 1ULL << 62;
	assert_int_equal(bpf_map_update_elem(g->engine->map[MAP_pressures], &smtp, &p, BPF_ANY), 0);
	segment_is(g, families[0], 25, SLUICE_COOKIE_FORGED);
}

#define SEGMENT_TEST(f) cmocka_unit_test_setup_teardown(f, open_gate, close_gate)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SEGMENT_TEST(test_a_change_of_a_sources_right_holds_for_the_next_segment),
		SEGMENT_TEST(test_a_policy_on_trial_and_its_revert_hold_for_the_next_segment),
		SEGMENT_TEST(test_a_guard_has_segments_judged_and_is_forgotten_when_it_is_over),
		SEGMENT_TEST(test_all_segments_of_a_flood_are_judged_and_otherwise_a_sample),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
