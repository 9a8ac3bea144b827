/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads the BPF object. Only load.c and this header know the skeleton. */
#ifndef SLUICE_KERN_LOAD_H
#define SLUICE_KERN_LOAD_H

#include "internal.h"

struct sluice_bpf;

/*
 * Loads everything but attaches no gate; pins maps and links; starts accounting and sweeping. Fills e->map, or takes the maps that
 * are open there.
 */
int object_load(struct engine *e, const struct policy *p, struct diag *d);
__u32 object_build(void); /* another one for each other object */
bool object_fits(const struct engine *e); /* the maps that are open are such as this build makes */
/*
 * An opened, not yet loaded, object of nothing but the gate, over the maps of `e`: for libxdp. `frames`: enum
 * sluice_frames. Freed by object_free.
 */
struct sluice_bpf *object_open_gate(const struct engine *e, int frames);
struct bpf_object *object_of(struct sluice_bpf *skel);
void object_free(struct sluice_bpf *skel);

#endif
