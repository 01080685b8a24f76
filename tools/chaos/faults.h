/* faults.h: how each fault is made, proved, undone and proved to be over.
 *
 * 1. A fault goes through injected, proved, held, undone and recovered. Each answer is asked for again
 *    and again until it is yes or no, or its time is over; none waits for long.
 * 2. What has to be undone is recorded (undo.h) before it is made. Undoing goes on after a failure,
 *    and is tried to its end.
 * 3. `seen` says what was seen last, in words that go on after "seen: ".
 */
#ifndef CHAOS_FAULTS_H
#define CHAOS_FAULTS_H

#include "chaos/script.h"
#include "chaos/undo.h"
#include "chaos/world.h"

typedef enum chaos_stage {
    CHAOS_INJECT,
    CHAOS_PROVE,
    CHAOS_HOLD,
    CHAOS_UNDO,
    CHAOS_RECOVER,
    CHAOS_OVER,
} chaos_stage_t;

typedef enum chaos_answer { CHAOS_NOT_YET, CHAOS_YES, CHAOS_NO } chaos_answer_t;

typedef struct chaos_fault {
    chaos_step_t step;
    uint64_t number, line;
    chaos_stage_t stage;
    bool failed;
    bool waits;              /* it cannot be made right now: its target is just being started */
    chaos_process_t process; /* that it was made to; pid 0: none */
    uint64_t record;         /* of what is to be undone; 0: none */
    double injected_ms, stage_ms; /* monotonic */
    double detected_ms, recovered_ms;
    uint64_t deaths, by_hand; /* that it made; starts of an actor that had failed */
    double try_ms;            /* when something was started again for it last; 0: never */
    int launch_error;         /* with which a supervisor could not be started; 0: it could */
    chaos_process_t others[CHAOS_ACTORS_MAX]; /* that die with it */
    size_t other_count;
    uint64_t counted, sent;   /* of what is counted, before the fault; of what is sent */
    uint64_t before, limit;   /* what is limited: before the fault, and to what */
    bool told;                /* whoever undoes it was told to */
    uint64_t asked, answered; /* requests */
    double answer_ms;         /* when the last was answered */
    char path[700];           /* of a file that is its own */
    struct chaos_peer *peer;
    const char *proof;  /* what was seen, where it is not what the method expects; NULL: it is */
    const char *ending; /* likewise: how it was undone */
    char seen[VD_TEXT_BYTES_MAX];
} chaos_fault_t;

/* What the faults share. */
typedef struct chaos_ground {
    chaos_world_t world;
    chaos_undo_t undo;
} chaos_ground_t;

typedef chaos_answer_t chaos_ask_t(chaos_ground_t *ground, chaos_fault_t *fault);

typedef struct chaos_method {
    chaos_ask_t *inject, *prove, *undo, *recover;
    const char *proof, *undone, *recovery; /* what is expected, in words */
    bool held;                             /* it lasts for_ms */
} chaos_method_t;

const chaos_method_t *chaos_method(chaos_kind_t kind);
extern const chaos_method_t chaos_kill, chaos_kill_supervisor, chaos_stop, chaos_crash_loop,
    chaos_missing_executable, chaos_disk_full, chaos_disk_error, chaos_disk_slow, chaos_clock,
    chaos_descriptors, chaos_memory, chaos_garbage, chaos_hostile;

/* ---- shared by methods (faults.c) ---- */

/* Finds the process of the target. False with the reason in `seen`, and with `waits` when there will be one. */
bool chaos_fault_aim(chaos_ground_t *ground, chaos_fault_t *fault);
/* SIGKILL to the process, which is what the fault is made to from now on; counts the death. False with the reason in
 * `seen`. */
bool chaos_fault_kill(chaos_fault_t *fault, const chaos_process_t *process);
/* Is the process gone? Otherwise says in which state it is. */
bool chaos_fault_is_gone(chaos_fault_t *fault, const chaos_process_t *process);
/* Signals it. False with the reason and the remedy in `seen`. */
bool chaos_fault_signal(chaos_fault_t *fault, const chaos_process_t *process, int number);
/* Has the supervisor told that the process is gone? Keeps when that was seen first. */
bool chaos_fault_detect(chaos_ground_t *ground, chaos_fault_t *fault);
/* Is the target, or the whole runtime when that is the supervisor, ready? An actor that was given up is started by
 * hand and counted. */
chaos_answer_t chaos_fault_ready(chaos_ground_t *ground, chaos_fault_t *fault);
/* Is it ready, and does it answer? */
chaos_answer_t chaos_fault_answers(chaos_ground_t *ground, chaos_fault_t *fault);
/* Was the process prepared for it? Then the value of this variable of its environment. False with the remedy in `seen`. */
bool chaos_fault_prepared(chaos_fault_t *fault, const char *variable, char *out, size_t size);
/* Could what undoes it be recorded? False with the reason in `seen`. */
bool chaos_fault_recorded(chaos_ground_t *ground, chaos_fault_t *fault, uint64_t record);
bool chaos_is_supervisor(const chaos_fault_t *fault);
void chaos_fault_see(chaos_fault_t *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
