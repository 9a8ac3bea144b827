/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A filter of the keys that have a counter or a rate. It is small enough for the processor's caches, so in a flood of strangers nobody
 * searches the large tables for them. Code that looks for a counter or a rate asks here first, and code that inserts or deletes one counts
 * it here (counter.bpf.h, rate.bpf.h). Keys share places by a hash under the secret of the instance.
 *
 * 0 is certain: a key is counted before it is inserted, and no longer after it was deleted. Any other number only says that the table has to
 * be searched.
 */
#ifndef SLUICE_KNOWN_BPF_H
#define SLUICE_KNOWN_BPF_H

#define KNOWN_BITS 16 /* a word holds four numbers of so many bits */

static __always_inline __u64 hash_absorb(__u64 h, __u64 word, const struct sluice_control *now)
{
	h = (h ^ word) * (now->secret[0] | 1);
	h ^= h >> 32;
	h *= now->secret[1] | 1;
	return h ^ h >> 29;
}

static __always_inline __u64 key_hash(const struct sluice_source_key *key, const struct sluice_control *now)
{
	__u64 h = now->secret[0] ^ now->secret[1];

	h = hash_absorb(h, (__u64)key->addr.word[3] << 32 | key->service << 16 | key->bits << 8 | key->level, now);
	if (addr_is_mapped(&key->addr))
		return h;
	h = hash_absorb(h, (__u64)key->addr.word[0] << 32 | key->addr.word[1], now);
	return hash_absorb(h, key->addr.word[2], now);
}

static __always_inline __u64 *known_word(__u64 hash)
{
	__u32 index = hash & (SLUICE_KNOWN_WORDS - 1);

	return bpf_map_lookup_elem(&known, &index);
}

static __always_inline __u32 known_shift(__u64 hash)
{
	return (hash >> 62) * KNOWN_BITS;
}

/* Returns 0 if there is certainly no counter and no rate with this key. */
__noinline int known_maybe(const struct sluice_source_key *key)
{
	const struct sluice_control *now = control_row();
	const __u64 *word;
	__u64 hash;

	if (!key || !now)
		return 1;
	hash = key_hash(key, now);
	word = known_word(hash);
	return !word || (__u16)(*(const volatile __u64 *)word >> known_shift(hash));
}

/* `change` is 1 before an element with this key is inserted, and -1 after it was deleted. */
static __always_inline void known_count(const struct sluice_source_key *key, __s64 change)
{
	const struct sluice_control *now = control_row();
	__u64 *word, hash;

	if (!now)
		return;
	hash = key_hash(key, now);
	word = known_word(hash);
	if (word)
		__sync_fetch_and_add(word, change << known_shift(hash));
}

#endif
