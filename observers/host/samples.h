/* samples.h: what an observer sees: its sources, their standing reads, the samples that came of
 * them.
 *
 * 1. A slot is one read of one source: standing, or asked for once. It holds its newest samples,
 *    newest first.
 * 2. A sample is copied on arrival; views into it live until it is pushed out by newer ones or its
 *    slot goes.
 * 3. Samples are numbered by arrival (serial); those above `seen` are new to the next turn.
 * 4. Everything stands in the order of source names and of the reads as they were declared.
 */
#ifndef VD_SAMPLES_H
#define VD_SAMPLES_H

#include "observer.h"

#define VD_READS_PER_SOURCE_MAX 512
#define VD_ANSWERS_MAX          1024 /* one-off reads out or answered, of all sources */

struct vd_reads {
    uint32_t count;
    uint32_t room;
    bool full; /* a read was left out */
    struct vd_read_wish *list;
};

typedef struct vd_read_wish {
    char op[VD_NAME_BYTES_MAX + 1];
    char *target;
    uint8_t *args;
    size_t args_size;
    int64_t interval_ms;
    int64_t deadline_ms;
    uint32_t keep;
    bool optional;
} vd_read_wish_t;

void vd_reads_open(vd_reads_t *self);
void vd_reads_close(vd_reads_t *self);

typedef struct vd_kept {
    vd_sample_record_t record; /* views into bytes; first, so that a record leads back to this */
    struct vd_slot *slot;
    uint64_t serial;
    uint8_t *bytes;
} vd_kept_t;

typedef struct vd_observed vd_observed_t;

typedef struct vd_slot {
    vd_observed_t *source;
    vd_read_wish_t wish;
    size_t target_size; /* of wish.target */
    bool standing;
    uint32_t count;
    vd_kept_t *kept[VD_KEEP_MAX];
    uint32_t turns; /* of an answer: turns that have had it before them */

    /* What the transport knows (readings.c). */
    char feed[VD_FEED_BYTES_MAX + 1]; /* empty until the poller has named it */
    uint64_t n;                       /* number of the newest sample taken, within inc */
    uint64_t inc;                     /* incarnation of the poller */
    uint64_t correlation;             /* of the STAND or READ_ONCE that is out; 0: none */
    uint32_t row;                     /* in that STAND */
    bool subscribed;
    bool fetch;         /* its newest sample has to be asked for */
    int64_t fetched_us; /* when it was asked for; 0: not out */
    int64_t due_us;     /* of a one-off read: when it counts as lost */
    vd_status_t status; /* of the read itself: VD_OK, or why the poller refuses it */
} vd_slot_t;

struct vd_observed {
    vd_source_record_t record; /* views into bytes */
    uint8_t *bytes;
    bool marked;      /* seen in the snapshot at hand */
    bool declared;    /* the observer has been asked for its reads since the source changed */
    uint64_t touched; /* serial of its newest sample */
    uint32_t slot_count;
    uint32_t slot_room;
    vd_slot_t **slots;
};

/* Lists made when they are first asked for after a change, so that walking by number is quick; and
 * the source that was looked up last, since its reads are looked up one after the other. */
typedef struct vd_samples_index {
    bool valid;
    uint32_t source_count, slot_count;
    uint32_t source_room, slot_room;
    const vd_observed_t **sources; /* those with standing reads */
    const vd_slot_t **slots;       /* those with a sample */
    vd_observed_t *last;           /* NULL: none */
} vd_samples_index_t;

struct vd_samples {
    uint32_t source_count;
    uint32_t source_room;
    vd_observed_t **sources; /* by name */
    uint32_t answer_count;
    vd_slot_t *answers[VD_ANSWERS_MAX]; /* the slots that are not standing */
    vd_samples_index_t *index;
    uint64_t serial;
    uint64_t seen;
    bool complete;                   /* the membership was told as a whole */
    const vd_sample_record_t *input; /* a collector's, before the turn at hand; NULL: none */
    /* Called before a slot goes. */
    void (*dropped)(void *arg, vd_slot_t *slot);
    void *dropped_arg;
};

/* NULL without memory. */
vd_samples_t *vd_samples_new(void);
void vd_samples_destroy(vd_samples_t **self);

vd_observed_t *vd_samples_source(const vd_samples_t *self, vd_str_t name);
/* The source at a place of vd_samples_source_at. */
const vd_observed_t *vd_samples_observed_at(const vd_samples_t *self, size_t at);
/* Adds a source or takes over a new record of it; a new incarnation, adapter, address or auth drops
 * its samples. NULL when there are too many or no memory. */
vd_observed_t *vd_samples_set_source(vd_samples_t *self, const vd_source_record_t *record);
void vd_samples_drop_source(vd_samples_t *self, vd_str_t name);

/* Makes the standing slots of `source` those of `reads`; equal ones stay. Returns whether any
 * changed. */
bool vd_samples_declare(vd_samples_t *self, vd_observed_t *source, const vd_reads_t *reads);
/* The slot of a one-off read, made if need be; NULL when there are too many. */
vd_slot_t *vd_samples_answer(vd_samples_t *self, vd_observed_t *source,
                             const vd_read_record_t *read);

/* Takes a sample record (one MessagePack map, scanned). False when it is not one of this slot. */
bool vd_samples_put(vd_samples_t *self, vd_slot_t *slot, vd_bytes_t record);
/* Puts a sample that says why there is none. */
void vd_samples_put_failure(vd_samples_t *self, vd_slot_t *slot, int64_t wall_ms,
                            vd_status_t status, const char *text);
/* A turn on the samples up to `serial` has succeeded: they are no longer new, and old answers
 * go. */
void vd_samples_turned(vd_samples_t *self, uint64_t serial);
/* Are there samples that no turn has seen? */
bool vd_samples_have_new(const vd_samples_t *self);

#endif
