/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the programs that only the daemon runs, and no packet or socket. */
#include <errno.h>
#include <sys/socket.h>

#include "internal.h"

int programs_open(struct engine *e)
{
	static const char *const pins[PROGRAMS] = { PIN_AUDIT_END, PIN_REAP };
	char path[PIN_PATH_LEN];
	int i;

	for (i = 0; i < PROGRAMS; i++) {
		pin_path(e->instance, pins[i], path);
		if (e->program[i] >= 0)
			close(e->program[i]);
		e->program[i] = bpf_obj_get(path);
		if (e->program[i] < 0)
			return -ENOENT;
	}
	return 0;
}

int program_ask(int fd)
{
	struct bpf_sk_lookup lookup = { .family = AF_INET6 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &lookup, .ctx_size_in = sizeof(lookup));
	int err;

	err = bpf_prog_test_run_opts(fd, &opts);
	return err ? err : opts.retval == SK_PASS;
}
