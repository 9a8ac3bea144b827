/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of kern/fleet share, and nobody else includes. */
#ifndef SLUICE_KERN_FLEET_STATE_H
#define SLUICE_KERN_FLEET_STATE_H

#include "fleet_tables.h"
#include "internal.h"

struct fleet_tables {
	struct engine *engine;
	struct sluice_fleet *row; /* mapped */
	struct ring_buffer *ring;
	fleet_tell tell;
	void *arg;
	struct {
		unsigned int step; /* the table that is being walked; past the last, nothing is to be done */
		bool under_way; /* `token` says how far it is */
		__u64 token[8];
	} walk;
};

#endif
