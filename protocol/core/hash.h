/* hash.h: one fast hash for tables, placement and offsets; the same on every machine and in every
 * build.
 *
 * 1. Not for secrets, and not against an enemy who chooses keys to collide: whoever keeps a table
 *    bounds it.
 */
#ifndef VD_HASH_H
#define VD_HASH_H

#include "wire/buffer.h"

/* Spreads every bit of `x` over the whole word. */
static inline uint64_t vd_hash_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Hash of `bytes`, continued from `seed`; their size counts, so that "ab","c" differs from
 * "a","bc". */
static inline uint64_t vd_hash(uint64_t seed, vd_bytes_t bytes)
{
    uint64_t hash = seed ^ UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes.size; i++)
        hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    return vd_hash_mix(hash + bytes.size * UINT64_C(0x9e3779b97f4a7c15));
}

#endif
