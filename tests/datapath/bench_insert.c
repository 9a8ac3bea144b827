/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_insert measures what it costs to put a new key into a hash of the kernel, which an admitted SYN of a new source does for its counter and
 * for its rate. It prints a line {"name", "ns": [a figure a round]} for each kind of element, allocated when it is wanted or from the start.
 */
#include <stdio.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#define ROUNDS 7
#define REPEAT \
	20000 /* the mean of so many, since some of them pay for others: the kernel allocates 48 elements at once */
#define OBJECT BUILD "/tests/lib/insert.bpf.o" /* BUILD: from the Makefile */

static const struct {
	const char *name, *program;
} kinds[] = {
	{ "a counter, allocated when it is wanted", "into_counters_wanted" },
	{ "a counter, allocated from the start", "into_counters_ready" },
	{ "a rate, allocated when it is wanted", "into_rates_wanted" },
	{ "a rate, allocated from the start", "into_rates_ready" },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Returns the mean of so many insertions in ns, or 0 if one failed. */
static unsigned int insert_ns(const struct bpf_object *o, const char *program)
{
	static const char frame[64];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .repeat = REPEAT);
	int fd = bpf_program__fd(bpf_object__find_program_by_name(o, program));

	return !bpf_prog_test_run_opts(fd, &opts) && opts.retval == XDP_PASS ? opts.duration : 0;
}

int main(void)
{
	struct bpf_object *o = bpf_object__open_file(OBJECT, NULL);
	unsigned int ns[KINDS][ROUNDS];
	size_t k, r;

	if (!o || bpf_object__load(o))
		return 1;
	for (r = 0; r < ROUNDS; r++)
		for (k = 0; k < KINDS; k++)
			if (!(ns[k][r] = insert_ns(o, kinds[k].program)))
				return 1;
	for (k = 0; k < KINDS; k++) {
		printf("{\"name\": \"%s\", \"ns\": [", kinds[k].name);
		for (r = 0; r < ROUNDS; r++)
			printf("%s%u", r ? ", " : "", ns[k][r]);
		printf("]}\n");
	}
	bpf_object__close(o);
	return 0;
}
