/* looks.h: the members as the samples of this moment show them.
 *
 * 1. There is a look for each source that is read, in the order of names.
 * 2. Nothing here depends on the state: equal samples give equal looks.
 */
#ifndef VD_RAFT_LOOKS_H
#define VD_RAFT_LOOKS_H

#include "raft.h"

typedef struct vd_raft_look {
    vd_str_t name;
    const vd_raft_reader_t *reader;
    const vd_sample_record_t *newest;   /* NULL: none yet */
    const vd_sample_record_t *heard_by; /* the good sample that `voice` comes from */
    bool heard;
    bool silent;                    /* enough samples, none of them good */
    uint32_t good_in_row;           /* newest samples that are good, up to recovered_after */
    vd_raft_voice_t voice;          /* when heard */
    char error[VD_RAFT_ERROR_SIZE]; /* of the newest sample; empty: it is good */
} vd_raft_look_t;

typedef struct vd_raft_looks {
    uint32_t count;
    vd_raft_look_t *list;
    int64_t newest_ms; /* of all samples */
} vd_raft_looks_t;

/* Reads everything that there is. False without memory. */
bool vd_raft_looks_open(vd_raft_looks_t *self, const vd_raft_t *raft, const vd_samples_t *samples);
void vd_raft_looks_close(vd_raft_looks_t *self);
/* NULL when the source is not read. */
const vd_raft_look_t *vd_raft_looks_find(const vd_raft_looks_t *self, vd_str_t name);
/* Does the member claim to lead? */
bool vd_raft_claims(const vd_raft_look_t *look);
/* How many of its newest samples, up to `limit` and not older than `from_ms`, claim this without a
 * break. Failed samples neither count nor break. *since_ms: the time of the oldest of them. */
uint32_t vd_raft_claims_in_row(const vd_samples_t *samples, const vd_raft_look_t *look,
                               uint32_t limit, int64_t from_ms, int64_t *since_ms);
/* Do both claim, and are they two? One member that has two sources is one. */
bool vd_raft_rivals(const vd_raft_look_t *a, const vd_raft_look_t *b);

#endif
