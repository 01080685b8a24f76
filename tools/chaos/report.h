/* report.h: what a run of faults says: a line for each phase, and figures at the end.
 *
 * 1. Times of detection and recovery are kept for each target, and shown as p50, p99 and the greatest
 *    (nearest rank).
 * 2. A run is good when each fault that began was proved, undone and recovered from.
 * 3. Pure: it writes into buffers.
 */
#ifndef CHAOS_REPORT_H
#define CHAOS_REPORT_H

#include "chaos/script.h"
#include "wire/value.h"

typedef enum chaos_phase {
    CHAOS_INJECTED,
    CHAOS_PROVED,
    CHAOS_UNDONE,
    CHAOS_RECOVERED,
    CHAOS_FAILED,
    CHAOS_PHASES,
} chaos_phase_t;

#define CHAOS_NO_TIME (-1.0)

/* What is told of one fault. */
typedef struct chaos_note {
    chaos_phase_t phase;
    uint64_t number, line; /* of the fault and of its line, from 1 */
    const chaos_step_t *step;
    uint64_t pid;                     /* 0: none */
    int64_t at_ms;                    /* UTC */
    double detected_ms, recovered_ms; /* CHAOS_NO_TIME: not known, or nothing of the kind */
    char text[VD_TEXT_BYTES_MAX];
} chaos_note_t;

typedef struct chaos_times {
    double *list;
    size_t count, room;
} chaos_times_t;

typedef struct chaos_target {
    char name[VD_NAME_BYTES_MAX + 1];
    uint64_t faults, deaths;
    uint64_t started_by_hand; /* it had failed, and was started again */
    chaos_times_t detected, recovered;
} chaos_target_t;

enum { CHAOS_TARGETS_MAX = 160 };

typedef struct chaos_report {
    uint64_t seed;
    bool seeded;
    uint64_t phases[CHAOS_KINDS][CHAOS_PHASES];
    uint64_t bad_lines;
    chaos_target_t targets[CHAOS_TARGETS_MAX];
    size_t target_count;
} chaos_report_t;

const char *chaos_phase_name(chaos_phase_t phase);
/* The type of the event that tells of this phase. */
const char *chaos_phase_event(chaos_phase_t phase);

void chaos_report_free(chaos_report_t *self);
void chaos_report_take(chaos_report_t *self, const chaos_note_t *note);
/* The target's row, made when it is new; NULL when there is no more room. */
chaos_target_t *chaos_report_target(chaos_report_t *self, const char *name);
bool chaos_report_good(const chaos_report_t *self);
/* The value below which `percent` of the times are; CHAOS_NO_TIME without one. Sorts the list. */
double chaos_times_at(chaos_times_t *self, unsigned percent);

/* As MessagePack: the line of a phase, the data of its event, and the summary. */
void chaos_note_write(const chaos_note_t *note, vd_buffer_t *out);
void chaos_note_event(const chaos_note_t *note, vd_buffer_t *out);
void chaos_report_write(chaos_report_t *self, vd_buffer_t *out);
/* For people: one line, without its end; and the summary, lines of at most 100 columns. */
void chaos_note_text(const chaos_note_t *note, char *out, size_t size);
void chaos_report_text(chaos_report_t *self, vd_buffer_t *out);

#endif
