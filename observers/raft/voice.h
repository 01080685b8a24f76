/* voice.h: what one sample of a member says, whatever the form in which it was said.
 *
 * 1. A reader is a file that knows one form, and a row in readers.c.
 * 2. Numbers and ids are exact; what a member does not say is told as not said, never as zero.
 */
#ifndef VD_RAFT_VOICE_H
#define VD_RAFT_VOICE_H

#include "observer.h"

#define VD_RAFT_ID_SIZE    33 /* the longest id of a member in text and its zero byte */
#define VD_RAFT_ERROR_SIZE 256

typedef enum vd_raft_role {
    VD_RAFT_UNKNOWN,
    VD_RAFT_FOLLOWER,
    VD_RAFT_LEARNER,
    VD_RAFT_CANDIDATE,
    VD_RAFT_LEADER,
} vd_raft_role_t;

typedef struct vd_raft_count {
    bool said;
    uint64_t value;
} vd_raft_count_t;

/* A set or a map, of which only the equality with others counts. */
typedef struct vd_raft_sum {
    bool said;
    uint32_t count;
    uint64_t hash;
} vd_raft_sum_t;

typedef struct vd_raft_voice {
    char id[VD_RAFT_ID_SIZE];     /* its own */
    char leader[VD_RAFT_ID_SIZE]; /* the id that it takes for the leader's; empty: none */
    vd_raft_role_t role;
    uint64_t term;
    vd_raft_count_t index;   /* newest entry of its log */
    vd_raft_count_t applied; /* newest entry that was applied */
    vd_raft_sum_t voters;
    vd_raft_sum_t values;
} vd_raft_voice_t;

typedef struct vd_raft_read {
    const char *op;
    const char *target;
    const char *body; /* of the request; NULL: none */
} vd_raft_read_t;

typedef struct vd_raft_reader {
    const char *name; /* the label's value */
    vd_raft_read_t state;
    vd_raft_read_t membership; /* op NULL: the state says it all */
    /* Fill `voice` from the content of a good read. False with the reason in `error`. */
    bool (*read_state)(vd_bytes_t content, vd_raft_voice_t *voice, char *error, size_t error_size);
    bool (*read_membership)(vd_bytes_t content, vd_raft_voice_t *voice, char *error,
                            size_t error_size);
} vd_raft_reader_t;

extern const vd_raft_reader_t vd_raft_etcd_reader;
extern const vd_raft_reader_t vd_raft_openraft_reader;

/* The reader that the source's label names, or the first; NULL: it names one that is not there. */
const vd_raft_reader_t *vd_raft_reader_of(const vd_source_record_t *source);
/* "leader", ...; "unknown" */
const char *vd_raft_role_name(vd_raft_role_t role);

#endif
