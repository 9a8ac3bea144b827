/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The end of abi.h: asserts that both sides see every structure in the same size. A changed size needs another SLUICE_ABI_VERSION. */
#ifndef SLUICE_SIZES_H
#define SLUICE_SIZES_H

#define SIZED(type, bytes) _Static_assert(sizeof(type) == (bytes), #type ": another size is another ABI")

SIZED(struct sluice_addr, 16);
SIZED(struct sluice_control, 136);
SIZED(struct sluice_identity, 24 + SLUICE_SLOTS * SLUICE_PATH_LEN);
SIZED(struct sluice_translated, 16);
SIZED(struct sluice_generation, 264);
SIZED(struct sluice_trie_page, 4096); /* a page, so that it can be mapped */
SIZED(struct sluice_trie_node, 36 + 4);
SIZED(struct sluice_port, 8);
SIZED(struct sluice_listener_key, 20);
SIZED(struct sluice_published_key, 32);
SIZED(struct sluice_published, 20);
SIZED(struct sluice_half, 20);
SIZED(struct sluice_container, 1128);
SIZED(struct sluice_limit, 16);
SIZED(struct sluice_service, 184);
SIZED(struct sluice_aggregate, 20);
SIZED(struct sluice_rule, 112);
SIZED(struct sluice_prefix_key, 20);
SIZED(struct sluice_live, 88);
SIZED(struct sluice_ban, 48);
SIZED(struct sluice_ban_key, 24);
SIZED(struct sluice_ban_row, 128);
SIZED(struct sluice_local, 4);
SIZED(struct sluice_answer_loop, 24);
SIZED(struct sluice_answers, 80);
SIZED(struct sluice_answer_counts, 32);
SIZED(struct sluice_peaks, 216);
SIZED(struct sluice_counter, 80);
SIZED(struct sluice_rate_key, 24);
SIZED(struct sluice_rate, 264);
SIZED(struct sluice_due, 32);
SIZED(struct sluice_source_key, 20);
SIZED(struct sluice_holding, 40);
SIZED(struct sluice_tuple, 36);
SIZED(struct sluice_fleet, 40);
SIZED(struct sluice_lease, 16);
SIZED(struct sluice_fleet_change, 96);
SIZED(struct sluice_handshake, 88);
SIZED(struct sluice_handshakes, 832);
SIZED(struct sluice_guard, 32);
SIZED(struct sluice_budget, 8);
SIZED(struct sluice_event, 40);
SIZED(struct sluice_count, 40);
SIZED(struct sluice_explanation, 312);
SIZED(struct sluice_connection, 48);
SIZED(struct sluice_audits, 8);
SIZED(struct sluice_pressure, 392);
SIZED(struct sluice_arrivals, 24);
SIZED(struct sluice_cell, 16);
SIZED(struct sluice_refusals, 64); /* a cache line */
SIZED(struct sluice_fragment_key, 36);
SIZED(struct sluice_fragment, 16);

#undef SIZED

#endif
