/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the pinned programs on one frame or SYN, to see what the gate does with it, or would do. See engine.h. */
#include <errno.h>

#include "internal.h"
#include "explain_frame.h"

static int probe_run(const struct engine *e, const char *pin, struct bpf_test_run_opts *opts)
{
	_cleanup_close_ int fd = -1;
	char path[PIN_PATH_LEN];
	int err;

	pin_path(e->instance, pin, path);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return fd;
	err = bpf_prog_test_run_opts(fd, opts);
	return err ? err : (int)opts->retval;
}

int engine_probe(const struct engine *e, const void *frame, size_t len, void *out, size_t *out_len, unsigned int repeat,
		 unsigned int *ns)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len, .repeat = repeat);
	int verdict;

	opts.data_out = out;
	opts.data_size_out = out ? *out_len : 0;
	verdict = probe_run(e, PIN_PROBE, &opts);
	if (verdict < 0)
		return verdict;
	if (out)
		*out_len = opts.data_size_out;
	if (ns)
		*ns = opts.duration;
	return verdict;
}

int engine_explain(const struct engine *e, const struct sluice_tuple *syn, struct sluice_explanation *out)
{
	uint8_t frame[SYN_FRAME_ROOM] = {}, answer[SYN_FRAME_ROOM];
	struct xdp_md in = { .data_end = sizeof(frame), .ingress_ifindex = link_for(e, &syn->local) };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .data_out = answer,
		    .data_size_out = sizeof(answer), .ctx_in = &in, .ctx_size_in = sizeof(in));
	int verdict;

	syn_frame(syn, frame);
	verdict = in.ingress_ifindex ? probe_run(e, PIN_EXPLAIN, &opts) : -ENODEV;
	opts.ctx_in = NULL;
	opts.ctx_size_in = 0;
	opts.data_size_out = sizeof(answer);
	if (verdict < 0) /* as if it came from the loopback device */
		verdict = probe_run(e, PIN_EXPLAIN, &opts);
	if (verdict < 0)
		return verdict;
	if (verdict != XDP_PASS)
		return -EPROTO;
	memcpy(out, answer, sizeof(*out));
	return 0;
}
