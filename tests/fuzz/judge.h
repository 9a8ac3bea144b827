/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second opinion on frames, from the RFCs, the policy's text and the sockets that there are: it shares nothing with bpf/. It knows one
 * policy: port 25 is protected, 198.51.100.0/24 and 2001:db8:bad::/48 are denied.
 */
#ifndef SLUICE_TESTS_JUDGE_H
#define SLUICE_TESTS_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opinion {
	MUST_PASS,
	MUST_DROP,
	MAY_EITHER, /* dropping it can be right: a stray, or what only the state of the gate decides */
	MAY_ANSWER, /* a sound SYN to the protected port: passes, or is answered */
};

/* What else the verdict depends on. */
struct circumstances {
	bool full; /* the service has as many connections as it may have; else there is no limit */
	/* Has a socket of the host, in TIME-WAIT or alive, this 4-tuple? Ports as in the segment: the client's, then the host's. */
	bool (*owned)(const uint8_t *source, const uint8_t *local, size_t addr_len, const uint8_t *ports);
};

/* Remembers first fragments: call once for each frame. */
enum opinion judge(uint8_t *frame, size_t len, const struct circumstances *now);
/* Makes the checksums of a frame with a whole TCP segment right. */
void sums_mend(uint8_t *frame, size_t len);

#endif
