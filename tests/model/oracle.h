/* oracle.h: what must be true of everything that was offered, answered and stored.
 *
 * 1. Every event carries the number of its frame and its place there, so that each is known
 *    wherever it turns up.
 * 2. Stored: once, whole, in the session that it was offered for, in the order offered, never when
 *    rejected, never under an epoch that was over; sequences without gap from session_started to
 *    session_ended; commits without gap, in time, chained.
 * 3. Seen once is seen for ever: a later life of the store that lacks it is a failure.
 * 4. Answered as committed is stored, at that moment and at the end.
 * 5. A session has each record once; a frame that comes second is told where the first stands.
 * 6. What is pruned had ended, and everything of every other session is there. An outage is told
 *    only where there was one.
 * 7. The first failure is kept; the run goes on no further than its end.
 */
#ifndef VD_MODEL_ORACLE_H
#define VD_MODEL_ORACLE_H

#include "emit/emit.h"
#include "store/store.h"

typedef struct vd_oracle vd_oracle_t;

/* What must become of a frame. */
typedef enum vd_fate {
    VD_FATE_STORED = 1,
    VD_FATE_REJECTED, /* with the expected status */
    VD_FATE_EITHER,   /* a race that both ends may win */
    VD_FATE_NEVER,    /* forged: must not be stored, has no outcome */
} vd_fate_t;

vd_oracle_t *vd_oracle_new(void);
void vd_oracle_destroy(vd_oracle_t **self);
/* The first failure, NULL if there is none. */
const char *vd_oracle_failure(const vd_oracle_t *self);
void vd_oracle_fail(vd_oracle_t *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A new life of producer `producer`; returns its number. */
uint32_t vd_oracle_life(vd_oracle_t *self, const char *producer);
/* The life has been told its epoch. */
void vd_oracle_opened(vd_oracle_t *self, uint32_t life, uint64_t epoch);
/* The life is over; its frames without outcome may be stored or not. */
void vd_oracle_life_over(vd_oracle_t *self, uint32_t life);
/* Number for a new frame. */
uint64_t vd_oracle_frame(vd_oracle_t *self, uint32_t life, const char *session, uint32_t count,
                         vd_fate_t fate, vd_status_t status);
/* The frame goes out with this record (above 0). */
void vd_oracle_record(vd_oracle_t *self, uint64_t frame, uint32_t record);
/* An append fails. */
void vd_oracle_outage(vd_oracle_t *self);
/* From now on appends with events of this session fail: it may be given up. */
void vd_oracle_curse(vd_oracle_t *self, const char *session);
/* A commit with events of the session could not be written, by chance. */
void vd_oracle_bad_luck(vd_oracle_t *self, vd_str_t session);
/* The ingestor has given the session up. */
void vd_oracle_given_up(vd_oracle_t *self, const char *session);
/* The session was taken out of view. */
void vd_oracle_pruned(vd_oracle_t *self, const char *session);
/* The frame was not taken by the emit core: it must not turn up. */
void vd_oracle_withdraw(vd_oracle_t *self, uint64_t frame);
/* Appends event `place` of a frame: data is a map with its number. */
void vd_oracle_event(vd_buffer_t *run, uint64_t frame, uint32_t place, const char *type,
                     int64_t wall_ms, size_t padding);
/* An outcome reached the producer. `store` is the open store, or NULL. */
void vd_oracle_outcome(vd_oracle_t *self, const vd_outcome_t *outcome, vd_store_t *store);
/* The store was put back to an earlier state, and is to be read from its beginning: what was seen
 * behind that is forgotten, and what was offered until now may be there or not. */
void vd_oracle_went_back(vd_oracle_t *self);
/* A store has been opened: what was seen must be there. */
void vd_oracle_reopened(vd_oracle_t *self, vd_store_t *store);
/* Reads every commit that is new. */
void vd_oracle_read(vd_oracle_t *self, vd_store_t *store);
/* At the end, after a time without faults. */
void vd_oracle_finish(vd_oracle_t *self, vd_store_t *store);

/* An event as it stands in the store. */
typedef struct vd_seen {
    vd_str_t session;
    uint64_t seq, index;
    uint64_t place;  /* in its commit */
    int64_t time_ms; /* of its commit */
    uint32_t crc;
    const vd_event_t *event;
} vd_seen_t;
/* Is told of each event, once, in the order of the store. Returns whether it is one of those that were
 * not offered through vd_oracle_frame. */
typedef bool vd_seen_fn(void *arg, const vd_seen_t *seen);
void vd_oracle_listen(vd_oracle_t *self, vd_seen_fn *seen, void *arg);
bool vd_oracle_was_pruned(vd_oracle_t *self, vd_str_t session);
/* So many more events of the session cannot be read any more. */
void vd_oracle_damaged(vd_oracle_t *self, vd_str_t session, uint32_t count);
/* Newest commit read. */
uint64_t vd_oracle_index(const vd_oracle_t *self);

typedef struct vd_oracle_sums {
    uint64_t frames, stored, rejected, existing, unknown, fenced, events, commits, sessions;
    uint64_t pruned, notices, given_up, damaged;
} vd_oracle_sums_t;
vd_oracle_sums_t vd_oracle_sums(const vd_oracle_t *self);

#endif
