/* observer_fixture.h: an observer without its host: sources, samples and turns by hand. */
#ifndef VD_OBSERVER_FIXTURE_H
#define VD_OBSERVER_FIXTURE_H

#include "host/samples.h"
#include "host/turn.h"

typedef struct vd_bench {
    const vd_observer_t *observer;
    char path[80]; /* of its table in the configuration */
    vd_config_t *config;
    void *state;
    vd_samples_t *samples;
    vd_turn_t turn;
    vd_buffer_t log; /* every event that was applied, as one run */
    uint64_t number;
    uint64_t n;
    int64_t wall_ms;
    char input_type[VD_NAME_BYTES_MAX + 1];
    vd_buffer_t input_bytes;
    vd_sample_record_t input; /* of a collector */
} vd_bench_t;

/* With the source "local" of adapter file, and `toml` as the configuration. */
void vd_bench_open(vd_bench_t *self, const vd_observer_t *observer, const char *toml);
void vd_bench_close(vd_bench_t *self);
/* A state of the observer's own, to be destroyed by observer->destroy. */
void *vd_bench_fresh(const vd_bench_t *self);
/* Asks for the reads, as the host does. */
void vd_bench_declare(vd_bench_t *self);
/* A source comes or changes; it goes. */
void vd_bench_source(vd_bench_t *self, const vd_source_record_t *source);
void vd_bench_drop(vd_bench_t *self, const char *source);
/* A new sample of a standing read of any source. Ignored when the read is not declared. */
void vd_bench_put_of(vd_bench_t *self, const char *source, const char *op, const char *target,
                     const char *status, vd_bytes_t content);
/* A new sample of a standing read of "local"; text NULL: it failed. Ignored when the read is not
 * declared. */
void vd_bench_put(vd_bench_t *self, const char *op, const char *target, const char *text);
void vd_bench_put_bytes(vd_bench_t *self, const char *op, const char *target, vd_bytes_t meta,
                        vd_bytes_t content);
/* A recorded sample of a standing read of its source, at its own time or later. Ignored when the read
 * is not declared. */
void vd_bench_put_recorded(vd_bench_t *self, const vd_sample_record_t *record);
/* The answer to a one-off read. */
void vd_bench_answer(vd_bench_t *self, const vd_read_record_t *read, const char *status,
                     vd_bytes_t content);
/* The next input of a collector: an event of this type, or a snapshot (type NULL); no content: there
 * is none. */
void vd_bench_input(vd_bench_t *self, const char *type, vd_bytes_t content);
/* Runs one turn. */
vd_status_t vd_bench_turn(vd_bench_t *self);
/* Applies the turn's events to the state and keeps them in the log. */
void vd_bench_commit(vd_bench_t *self);
/* The next read that the turn asked for; *rest begins as vd_buffer_view(&turn.reads). */
bool vd_bench_next_read(vd_bytes_t *rest, vd_read_record_t *read);
/* Applies a run, from its byte `from` on. */
void vd_bench_apply(const vd_observer_t *observer, void *state, vd_bytes_t run);
/* The turn's event number `at` (from 0); fails the test when there is none. */
vd_event_t vd_bench_event(const vd_bench_t *self, uint32_t at);
/* The turn's events as text: type and data in JSON, one line each. */
const char *vd_bench_text(vd_bench_t *self, vd_buffer_t *out);

/* A life from kept states: a fresh state goes through the log event by event, and at random cuts it
 * is saved, and made anew from what was saved there or at a cut before. In the end it is that of the
 * bench. */
void vd_bench_assert_kept(const vd_bench_t *bench, uint64_t *seed);

#endif
