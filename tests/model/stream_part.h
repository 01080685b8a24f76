/* stream_part.h: what the model knows of a subscriber of both streams. */
#ifndef VD_MODEL_STREAM_PART_H
#define VD_MODEL_STREAM_PART_H

#include "stream/reception.h"
#include "witness.h"

enum {
    PORT_READ = 1,
    TIMER_STREAM = 1,
    TIMER_SAVE,
    TIMER_CONSUME,
    TIMER_LOAD,
    TIMER_MOVE,
    TIMER_TURN,
    QUEUE_MAX = 4096,
    KEPT_MAX = 256,
    LIVE_AGAIN_US =
        15000000, /* at the end of the calm a reader was live, or told a gap, so shortly ago */
    CALMED_US = 15000000, /* into the calm, everything runs again */
    LIVE_FOR_US = 2000000,
    AT_ONCE_US = 150000,
    BOTH_US = 500000, /* until a reader looks at what its mode wants */
};

/* One of the two streams, as it can be seen from outside. */
typedef struct lane {
    uint64_t correlation;
    bool on;
    uint64_t granted, received; /* events */
    uint64_t early;             /* of those, what came so soon that the START may come once more */
    int64_t asked_us;
    bool held;
    uint64_t index, offset; /* what has come leads up to here */
    uint64_t begun;         /* it was told to begin here */
    bool asked;             /* it was asked to begin behind this position */
    uint64_t asked_index, asked_offset;
} lane_t;

/* A position that was to be kept in the store. */
typedef struct kept {
    vd_position_t position;
    vd_witness_t witness;
    bool done;         /* it was answered with DONE */
    uint64_t ingestor; /* in this life of the ingestor */
} kept_t;

typedef struct stream {
    vd_whole_t *whole;
    vd_process_t *process;
    vd_node_t *node;
    uint32_t number;
    char name[16];
    vd_reception_t *reception;
    vd_witness_t witness;
    bool slow;    /* deals with events later */
    bool durable; /* its position is kept in the store; else it keeps it itself */
    bool relayed; /* reads at the relay */
    bool moves;   /* between the relay and the ingestor */
    bool turns;   /* now and then it begins anew behind its mark */
    bool loading;
    vd_subscription_t wanted;
    uint32_t queue[QUEUE_MAX]; /* bytes of what waits */
    uint32_t queue_at, queue_count;
    vd_position_t saved;
    vd_witness_t saved_witness;
    vd_mark_t mark;
    kept_t kept[KEPT_MAX];
    uint64_t kept_count;
    /* What is checked. */
    lane_t live, commit;
    vd_stream_mode_t mode;
    int64_t begun_us, changed_us, live_us, gap_us;
    uint64_t changes, holds;
    uint64_t held_life; /* of the ingestor */
    int64_t single_us;  /* when it took no more streams than its mode allows */
} stream_t;

struct vd_stream_part {
    stream_t streams[WHOLE_STREAMS];
};

/* stream_watch.c */
void vd_stream_sent(stream_t *self, const vd_message_t *message);
void vd_stream_taken(stream_t *self, const vd_message_t *message);

#endif
