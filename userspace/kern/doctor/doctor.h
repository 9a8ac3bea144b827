/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks a host before anything is attached to it. Changes nothing, and needs no daemon. */
#ifndef SLUICE_KERN_DOCTOR_H
#define SLUICE_KERN_DOCTOR_H

#include "policy.h"

enum finding_level {
	FINDING_GOOD, /* as it should be */
	FINDING_NOTE, /* worth knowing */
	FINDING_WARNING, /* works, but less well, or not as the policy says */
	FINDING_BAD, /* would not work */
};

struct finding {
	enum finding_level level;
	const char *check; /* static: "kernel", "interface", ... */
	char *what; /* owned */
	char *remedy; /* owned; "" if none is needed */
};

/* Zero it before first use. */
struct findings {
	struct finding *item;
	size_t count, room;
};

void findings_free(struct findings *f);
__attribute__((format(printf, 5, 6))) void finding_add(struct findings *f, enum finding_level level, const char *check,
						       const char *remedy, const char *what, ...);

void doctor_kernel(struct findings *f);
/* Checks whether a gate that is loaded stands guard, or its sluiced was stopped. */
void doctor_gate(const char *instance, struct findings *f);
/* Checks the interfaces of `p`; `instance` tells our own programs from others. */
void doctor_interfaces(const struct policy *p, const char *instance, struct findings *f);
/* Checks listeners against the services of `p`, and the sysctl. */
void doctor_listeners(const struct policy *p, struct findings *f);
void doctor_metrics(const struct policy *p, const char *instance, struct findings *f); /* where they are to be served */
void doctor_containers(const struct policy *p, struct findings *f); /* checks them in their namespaces */

#endif
