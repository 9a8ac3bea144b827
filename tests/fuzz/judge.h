/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives a second opinion on frames, from the RFCs, the policy's text and the sockets that exist; it shares nothing with bpf/. fuzz_gate
 * calls it. It knows one policy: port 25 is protected, 198.51.100.0/24 and 2001:db8:bad::/48 are denied.
 */
#ifndef SLUICE_TESTS_FUZZ_JUDGE_H
#define SLUICE_TESTS_FUZZ_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opinion {
	MUST_PASS,
	MUST_DROP,
	MAY_EITHER, /* dropping it can be right: it is a stray, or the state of the gate decides */
	MAY_ANSWER, /* a sound SYN to the protected port, which passes or is answered */
	MAY_ANYTHING, /* only the state of the gate decides */
	OPINIONS
};

/* What else the verdict depends on. */
struct circumstances {
	bool full; /* the service has as many connections as it may have; otherwise there is no limit */
	/* Says whether a socket of the host, alive or in TIME-WAIT, has this 4-tuple. Ports as in the segment: the client's, then the host's. */
	bool (*owned)(const uint8_t *source, const uint8_t *local, size_t addr_len, const uint8_t *ports);
	/* The same of sockets that may be over by now. */
	bool (*lately)(const uint8_t *source, const uint8_t *local, size_t addr_len, const uint8_t *ports);
};

/* It remembers first fragments, so call it once for each frame. */
enum opinion judge(uint8_t *frame, size_t len, const struct circumstances *now);
/* Corrects the checksums of a frame that has a whole TCP segment. */
void sums_mend(uint8_t *frame, size_t len);

#endif
