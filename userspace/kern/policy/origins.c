/* SPDX-License-Identifier: BSD-2-Clause */
/* Records since when connections are counted by country, when a policy is put in force. The gate counts; kern/read/snapshot.c reads. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "internal.h"

/* Begins to count a service. It is written for one processor: readers add up. */
static int since_write(const struct engine *e, __u32 service)
{
	_cleanup_free_ __u64 *each = calloc(possible_cpus(), sizeof(*each));
	__u32 row = service * SLUICE_ORIGINS + SLUICE_ORIGIN_SINCE;
	__u64 since = 0;
	int err = each ? percpu_sums(e->map[MAP_admitted_from], row, 1, 1, &since) : -ENOMEM;

	if (err || since)
		return err;
	each[0] = time(NULL);
	return bpf_map_update_elem(e->map[MAP_admitted_from], &row, each, BPF_ANY);
}

int origins_begin(const struct engine *e)
{
	struct sluice_generation now = {};
	struct sluice_service row;
	__u32 slot, service, index;
	int err = slot_read(e, &slot);

	if (!err)
		err = bpf_map_lookup_elem(e->map[MAP_generations], &slot, &now);
	if (err || !generation_knows_countries(&now))
		return err;
	for (service = 1; service < SLUICE_MAX_SERVICES && !err; service++) {
		index = slot * SLUICE_MAX_SERVICES + service;
		err = bpf_map_lookup_elem(e->map[MAP_services], &index, &row);
		if (!err && *row.name)
			err = since_write(e, service);
	}
	return err;
}
