/* commit.h: a commit, in memory and on the wire, and the chain that ties it to its predecessor.
 *
 * 1. A commit is one durable batch: index (+1 for each, from 1), time (never before the previous),
 *    epoch of the writer, chain, and runs in delivery order; a session has at most one run in a
 *    commit.
 * 2. chain(0) is 0. chain(i) is CRC32C over: chain(i-1) (4 bytes), index, time_ms, epoch (8 bytes
 *    each), then for each run: session, one zero byte, first_seq (8), count (4), digest (4).
 *    Numbers are big endian.
 * 3. A run whose bytes are gone stays named in its commit, as absent: VD_PRUNED keeps its digest, so
 *    that the chain can be checked; VD_CORRUPT (damaged or lost) may have no digest (0), and then
 *    the chain of its commit has to be taken on trust. So it has where the beginning of a run was
 *    read and the rest is absent: such a rest has no digest, whyever it is.
 * 4. On the wire a commit is the array [index, time_ms, epoch, chain, [[at, session, first_seq,
 *    run], ...]] with `run` a bin, `at` the place of the run's first event in the commit (from 0).
 *    Under a filter, runs are cut into pieces and left out; `at` stays true. An absent run is
 *    [at, session, first_seq, nil, count, digest, "pruned" or "corrupt"]. A commit of which nothing
 *    can be read has time_ms, epoch and chain 0 and the one run [0, "", 0, nil, 0, 0, "corrupt"];
 *    the chain of a position right behind it is 0.
 * 5. The one position of everything read from the store is (store, index, offset, chain): every
 *    commit up to `index` is known, and `offset` events of the next one; `chain` is the chain of
 *    the newest commit of which something is known: `index`, or `index` + 1 when `offset` is above
 *    0.
 */
#ifndef VD_COMMIT_H
#define VD_COMMIT_H

#include "wire/limits.h"
#include "wire/run.h"

#define VD_STORE_ID_SIZE 17 /* 16 hexadecimal digits and a zero byte */

typedef struct vd_position {
    char store[VD_STORE_ID_SIZE];
    uint64_t index;
    uint64_t offset;
    uint32_t chain;
} vd_position_t;

typedef struct vd_commit_run {
    vd_str_t session;
    uint64_t at;
    uint64_t first_seq;
    uint32_t count;
    vd_bytes_t run;     /* empty when absent */
    vd_status_t absent; /* VD_OK: it is there; VD_PRUNED; VD_CORRUPT: damaged or lost */
    uint32_t digest;    /* of the run that is absent; 0: not known, or it is there */
} vd_commit_run_t;

typedef struct vd_commit {
    uint64_t index;
    int64_t time_ms;
    uint64_t epoch;
    uint32_t chain;
    uint32_t run_count;
    const vd_commit_run_t *runs; /* owned by whoever made the commit */
} vd_commit_t;

/* The chain of `commit` after a predecessor with chain `previous`. Reads every field but
 * `chain`. */
uint32_t vd_commit_chain(uint32_t previous, const vd_commit_t *commit);
/* Does the commit follow on one with chain `previous`? True also where that cannot be told: a run is
 * absent and its digest is not known. */
bool vd_commit_follows(uint32_t previous, const vd_commit_t *commit);
/* Appends the wire value of a commit. */
void vd_commit_write(vd_buffer_t *out, const vd_commit_t *commit);

/* Reads the commit at the front of `payload` and moves behind it. `runs` is room for `room` runs
 * (TOO_LARGE if there are more). VD_OK, VD_NOT_FOUND at the end, or VD_MALFORMED. `commit->runs` is
 * `runs`. */
vd_status_t vd_commit_next(vd_bytes_t *payload, vd_commit_t *commit, vd_commit_run_t *runs,
                           uint32_t room);

#endif
