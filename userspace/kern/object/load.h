/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads the BPF object. Only load.c and this header know the skeleton. */
#ifndef SLUICE_KERN_LOAD_H
#define SLUICE_KERN_LOAD_H

#include "internal.h"

struct sluice_bpf;

/*
 * Loads everything but attaches no gate; pins maps and links; starts accounting and sweeping. Fills e->map, or takes the maps that are
 * already open there.
 */
int object_load(struct engine *e, const struct policy *p, struct diag *d);
__u32 object_build(void); /* differs for each object */
bool object_fits(const struct engine *e); /* whether the open maps are like those that this build makes */
/*
 * Opens, but does not load, an object of nothing but the gate, over the maps of `e`: for libxdp. `frames` is an enum sluice_frames. Freed
 * by object_free.
 */
struct sluice_bpf *object_open_gate(const struct engine *e, int frames);
struct bpf_object *object_of(struct sluice_bpf *skel);
void object_free(struct sluice_bpf *skel);

#endif
