/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second opinion on frames, from the RFCs and the policy's text alone: it shares nothing with bpf/. It knows one policy:
 * port 25 is protected, 198.51.100.0/24 and 2001:db8:bad::/48 are denied, there are no limits.
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

/* `guarded`: segments that belong to no connection may be dropped. Remembers first fragments: call once for each frame. */
enum opinion judge(uint8_t *frame, size_t len, bool guarded);
/* Makes the checksums of a frame with a whole TCP segment right. */
void sums_mend(uint8_t *frame, size_t len);

#endif
