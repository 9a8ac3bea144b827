/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is attached to an interface, and which interface a gate is at. A gate stays attached to an interface that is renamed, so the name in its
 * pin may no longer be that of its interface. Only kern/gate includes it.
 */
#ifndef SLUICE_KERN_ATTACHED_H
#define SLUICE_KERN_ATTACHED_H

#include <xdp/libxdp.h>

#include "internal.h"

static inline void multiprog_close(struct xdp_multiprog *mp)
{
	xdp_multiprog__close(mp);
}
DEFINE_CLEANUP(struct xdp_multiprog *, multiprog_close);

/* Returns the id of a pinned program, or 0 if there is none. */
__u32 pinned_id(const char *pin);
/* Returns what is attached to an interface (0: none), or NULL. */
struct xdp_multiprog *multiprog_of(unsigned int index);
/* Returns the first program on the interface for which `is` is true, but not the one with id `but`, or NULL. It belongs to `mp`. */
struct xdp_program *program_find(struct xdp_multiprog *mp, bool (*is)(const struct xdp_program *, __u32), __u32 id,
				 __u32 but);
/* Returns the gate of this pin, or NULL if it is not attached. It belongs to `mp`. */
struct xdp_program *gate_find(struct xdp_multiprog *mp, const char *pin);

#endif
