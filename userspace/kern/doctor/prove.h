/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Would a start or a reload with a policy work? One judge for `check`, `sluiced -n`, `doctor` and --dry-run. It reports all problems in one run,
 * each at its place in the policy. It changes nothing, and needs no daemon.
 */
#ifndef SLUICE_KERN_PROVE_H
#define SLUICE_KERN_PROVE_H

#include "engine.h"

/* How far policy_prove() looks. */
enum prove_extent {
	PROVE_HOST, /* all of it */
	PROVE_LOADED, /* at what is loaded, and at nothing else of this host; doctor says more about that */
	PROVE_FILES, /* at the files only: the policy is for another host */
};

/* `now` is the policy in force (NULL: none): its databases are taken over, and its interfaces and its address for metrics exist already. */
struct prove {
	const struct policy *now;
	const struct policy *kept; /* if `now` is NULL: the last good content of its lists; NULL: none is known */
	const char *instance; /* the instance whose tables it would take over, if there are any */
	enum prove_extent extent;
	struct diag *warnings; /* for what works, but not as the policy says; NULL: not wanted */
};

/*
 * Reads the files, then does what policy_stands() does. *out is the caller's, untouched on failure. Returns -EINVAL with messages, or
 * -ENOMEM.
 */
int policy_prove(const char *path, const struct prove *how, struct policy **out, struct diag *d);
/*
 * Checks that it compiles and fits the tables, that its databases are complete, compared with what is in force, and that its interfaces
 * exist, can be judged, and have native XDP if it asks for that.
 */
int policy_stands(const struct policy *p, const struct prove *how, struct diag *d);
/* The last part of that: a start asks it before it touches the kernel. */
int interfaces_stand(const struct policy *p, const struct prove *how, struct diag *d);
/*
 * Returns NULL, or why metrics cannot be served where the policy wants them: somebody else listens there, or this host has no such address.
 * What the policy in force (NULL: not known) already has there, or the sluiced that has the instance, is no obstacle.
 */
const char *metrics_why_not(const struct policy *p, const char *instance, const struct policy *now);

#endif
