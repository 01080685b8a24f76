/* observer.h: the contract of an observer: the application's half of the runtime.
 *
 * 1. State is what the committed events say: `apply` is the only function that changes it. `turn`
 *    and `view` are pure: the same state and samples give the same bytes.
 * 2. A turn compares the samples with the state and writes the events that lead from one to the
 *    other, at most what the output takes (vd_turn_event returns false: stop, the rest is found
 *    again next turn).
 * 3. Exactly the events that a turn wrote are applied, once each, in order, after they are on disk;
 *    after a restart the stored ones are applied again to a fresh state. load(save(s)) +
 *    apply(later) equals s.
 * 4. An observer never sleeps, opens a socket or a file, starts a thread, reads a clock or a random
 *    number: time comes in samples and in turn's `now_ms`.
 * 5. A turn that cannot go on returns a status with text; the host keeps the last good snapshot and
 *    shows it. A failing sample is a sample with a status: the observer decides what it means;
 *    others are not touched.
 * 6. A collector reads another observer: the committed events of that one come before its turns one
 *    by one (vd_samples_input), each until its turn has succeeded. What an event leads to is written
 *    in its turn, at the latest; what yields nothing may come again after a restart. A turn without one
 *    says that there is none: it waits until everything is read that was committed before.
 * 7. An observer outside this tree includes this header and links libvedette-observer; its main is
 *    one line: return vd_observer_main(argc, argv, &my_observer);
 */
#ifndef VD_OBSERVER_H
#define VD_OBSERVER_H

#include "kit/config.h"
#include "wire/message.h"
#include "wire/run.h"
#include "wire/value.h"

/* What to ask of a source. Written by `reads` for every source of the membership that it wants to
 * observe. */
typedef struct vd_reads vd_reads_t;
typedef struct vd_read_spec {
    const char *op;      /* in the adapter's terms */
    const char *target;  /* likewise */
    vd_bytes_t args;     /* one MessagePack map, or empty */
    int64_t interval_ms; /* 0: the observer's configured interval */
    int64_t deadline_ms; /* for one read; 0: VD_SAMPLE_DEADLINE_MS */
    uint32_t keep;       /* how many of its newest samples are held, 1 to VD_KEEP_MAX; 0: 1 */
    bool optional;       /* its failure is no failure of the source */
} vd_read_spec_t;
#define VD_KEEP_MAX 32
/* A standing read of the source at hand. */
void vd_reads_add(vd_reads_t *reads, const char *op, const char *target, int64_t interval_ms);
void vd_reads_add_spec(vd_reads_t *reads, const vd_read_spec_t *spec);

/* The newest samples of each standing read, and the answers to one-off reads. Every one-off read
 * that a turn asked for is answered, if need be by a sample with status timed_out; an answer stays
 * for VD_ANSWER_TURNS turns. */
typedef struct vd_samples vd_samples_t;
#define VD_ANSWER_TURNS 8
size_t vd_samples_count(const vd_samples_t *samples);
/* The newest sample of each read, in the order of sources and reads. */
const vd_sample_record_t *vd_samples_at(const vd_samples_t *samples, size_t at);
/* The newest sample of (source, op, target); NULL when there is none yet. */
const vd_sample_record_t *vd_samples_find(const vd_samples_t *samples, vd_str_t source,
                                          const char *op, const char *target);
/* The sample of the same read that came before `sample`; NULL when it is not held (see keep). */
const vd_sample_record_t *vd_samples_before(const vd_samples_t *samples,
                                            const vd_sample_record_t *sample);
/* Did it arrive since the last turn that succeeded? */
bool vd_samples_is_new(const vd_samples_t *samples, const vd_sample_record_t *sample);
/* Is every source known? Until then one that is missing may be there all the same. */
bool vd_samples_is_complete(const vd_samples_t *samples);
/* Of a collector: the input before this turn; NULL: none. Its source is the observer that is read.
 * Op VD_INPUT_OP_EVENT: an event of that observer; target is the event's type, content its data
 * (one MessagePack value), n its sequence, at_ms its time. Op VD_INPUT_OP_SNAPSHOT: events before
 * the next one are missing; content is what that observer's `view` wrote at the time at_ms, and the
 * turn writes the events that lead from the state to what it says. */
const vd_sample_record_t *vd_samples_input(const vd_samples_t *samples);
#define VD_INPUT_OP_EVENT    "event"
#define VD_INPUT_OP_SNAPSHOT "snapshot"
/* The sources of the membership that this observer reads. */
size_t vd_samples_source_count(const vd_samples_t *samples);
const vd_source_record_t *vd_samples_source_at(const vd_samples_t *samples, size_t at);

/* What a turn wants: events and further reads. */
typedef struct vd_turn vd_turn_t;
/* Appends an event with `data` (one MessagePack value), caused by `sample` (may be NULL). False
 * when full. */
bool vd_turn_event(vd_turn_t *turn, const char *type, vd_bytes_t data,
                   const vd_sample_record_t *sample);
/* Asks for a one-off read of `source`; the answer is among the samples of a later turn. False when
 * full. */
bool vd_turn_read(vd_turn_t *turn, vd_str_t source, const char *op, const char *target);
/* The same with further arguments, one MessagePack map. */
bool vd_turn_read_args(vd_turn_t *turn, vd_str_t source, const char *op, const char *target,
                       vd_bytes_t args);
/* A buffer for building `data`, cleared by each call. */
vd_buffer_t *vd_turn_scratch(vd_turn_t *turn);
/* The turn's time, UTC. */
int64_t vd_turn_now_ms(const vd_turn_t *turn);
/* Why it failed, for people. Returns `status`. */
vd_status_t vd_turn_fail(vd_turn_t *turn, vd_status_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A query that an observer offers, for those who ask. */
typedef struct vd_query_row {
    const char *name;      /* not VD_QUERIES, not VD_LAYOUT */
    const char *arguments; /* "PORT [PROTOCOL]"; "" for none */
    const char *help;      /* one phrase */
} vd_query_row_t;
/* The host itself answers this name with the rows: [{name, arguments, help}]. */
#define VD_QUERIES "queries"
/* And this one with the observer's layout as a value, or nil. */
#define VD_LAYOUT "layout"

typedef struct vd_observer {
    const char *name;    /* also the actor's, unless it is run under another one */
    const char *summary; /* one sentence */
    const char *kinds;   /* the event types it may write, separated by spaces */
    /* Of what save writes and of what apply makes of events: raised when either changes. A stored
     * state of another version is not loaded. */
    uint32_t version;
    bool on_demand; /* it runs only when the configuration has a table for it */
    /* It reads the events of another observer, which its key `reads` (text, a row of its own)
     * names. */
    bool collects;
    /* Its own keys, beside the host's (interval, history), of which it may have its own; NULL:
     * none. Asked for as table observers.<name>, whatever the actor's name. */
    const vd_config_row_t *config;

    /* How the snapshot is shown to people (protocol/LAYOUTS.md), as JSON; NULL: as a tree. One that
     * is wrong keeps the observer from starting. */
    const char *layout;

    /* Makes a fresh state from the configuration. Not VD_OK is fatal, with text in `error`. */
    vd_status_t (*init)(void **state, const vd_config_t *config, char *error, size_t error_size);
    void (*destroy)(void **state);
    /* The standing reads of one source; none: the source is not observed. Asked when the source
     * comes or changes and after each turn in which it had new samples, so that what was read may
     * lead to further reads. */
    void (*reads)(const void *state, const vd_samples_t *samples, const vd_source_record_t *source,
                  vd_reads_t *reads);
    vd_status_t (*turn)(const void *state, const vd_samples_t *samples, vd_turn_t *turn);
    void (*apply)(void *state, const vd_event_t *event);
    /* Writes the snapshot: one MessagePack map. */
    void (*view)(const void *state, const vd_samples_t *samples, vd_buffer_t *out);
    /* What it offers to be asked, ended by a NULL name; NULL: nothing. Other names never reach
     * `query`. */
    const vd_query_row_t *queries;
    /* Answers a query of the table into `out` with one value; `args` is one scanned value, an array
     * as a rule. VD_USAGE for arguments that do not fit; the host tells which do. May be NULL
     * without a table. */
    vd_status_t (*query)(const void *state, const vd_samples_t *samples, vd_str_t name,
                         vd_bytes_t args, vd_buffer_t *out);
    /* The state as one MessagePack value, and back into a fresh state. */
    void (*save)(const void *state, vd_buffer_t *out);
    vd_status_t (*load)(void *state, vd_bytes_t value);
} vd_observer_t;

/* The main function of an observer's process. */
int vd_observer_main(int argc, char **argv, const vd_observer_t *observer);

#endif
