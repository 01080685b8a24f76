/* oracle_state.h: what the checks of the model know, and what their files offer each other.
 *
 *   oracle.c   as it goes          oracle_end.c   at the end
 */
#ifndef VD_MODEL_ORACLE_STATE_H
#define VD_MODEL_ORACLE_STATE_H

#include "oracle.h"

enum {
    SESSIONS_MAX = 512,
    LIVES_MAX = 512,
    PLACES = 64, /* events of a frame */
    RECORDS_MAX = 32,
};

typedef struct frame {
    uint32_t life;
    char session[VD_NAME_BYTES_MAX + 1];
    uint32_t count;
    vd_fate_t fate;
    vd_status_t expected;
    bool ended; /* has an outcome */
    vd_status_t outcome;
    uint32_t stored; /* events found */
    uint64_t index, first_seq;
    uint32_t record; /* 0: none */
    bool excused;    /* of before the store went back: may be there or not */
} vd_oracle_frame_t;

typedef struct life {
    char producer[VD_NAME_BYTES_MAX + 1];
    uint64_t epoch;
    uint64_t opened_index; /* newest commit seen when it was opened */
    bool over, excused;
    uint64_t last_outcome;
} vd_oracle_life_t;

typedef struct session {
    char id[VD_NAME_BYTES_MAX + 1];
    uint64_t last_seq;
    bool ended, pruned, cursed, given_up;
    uint64_t notices, damaged, bad_luck;
    uint64_t record_seq[RECORDS_MAX]; /* 0: not stored */
    uint64_t last_frame[LIVES_MAX];   /* newest frame of each life: they come in order */
} vd_oracle_session_t;

struct vd_oracle {
    char failure[512];
    vd_oracle_frame_t *frames; /* frames[0] is not used */
    uint64_t frame_count, frame_room;
    vd_oracle_life_t lives[LIVES_MAX];
    uint32_t life_count;
    vd_oracle_session_t *sessions;
    uint32_t session_count;
    uint64_t index; /* newest commit read */
    uint32_t chain;
    int64_t time_ms;
    uint64_t events;
    uint64_t outages, notices;
    vd_seen_fn *seen;
    void *seen_arg;
};

vd_oracle_session_t *vd_oracle_session_of(vd_oracle_t *self, vd_str_t id);
/* What the outcome of a frame says against what is known of it. */
void vd_oracle_check_outcome(vd_oracle_t *self, const vd_oracle_frame_t *frame, uint64_t id);

#endif
